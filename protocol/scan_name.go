package protocol

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// key scans the name of a field.
func (s *scanner) key() (key, *Error) {
	if s.peek() != '"' {
		return key{}, s.expected("the name of a field in double quotes")
	}
	start := s.pos + 1
	escaped, err := s.text()
	if err != nil {
		return key{}, err
	}
	k := key{span: span{start, s.pos - 1}, escaped: escaped}
	k.hash = foldedHash(s.name(k))
	return k, nil
}

// name returns the name without escapes.
func (s *scanner) name(k key) []byte {
	if k.escaped {
		return s.unescape(s.data[k.start-1 : k.end+1])
	}
	return s.data[k.start:k.end]
}

// where writes the path to where the scanner stands: items[0].quantity.
func (s *scanner) where() string {
	var path strings.Builder
	for i, at := range s.path {
		switch {
		case at.inList:
			path.WriteString("[" + strconv.Itoa(at.index) + "]")
			continue
		case i > 0:
			path.WriteByte('.')
		}
		path.WriteString(presentable(s.data[s.keys[at.index].start:s.keys[at.index].end]))
	}
	return path.String()
}

// presentable makes a name of the input fit to be repeated: at most
// MaxWarningBytes long, and nothing in it that could steer a terminal.
func presentable(name []byte) string {
	if len(name) > MaxWarningBytes {
		end := MaxWarningBytes
		for !utf8.RuneStart(name[end]) {
			end--
		}
		name = name[:end]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, string(name))
}

// foldedHash is equal for two names that differ in case only, by the folding of
// encoding/json: the Kelvin sign is a k there, and the long ſ is an s.
func foldedHash(name []byte) uint32 {
	hash := uint32(2166136261) // FNV-1a, a character at a time
	for i, c := range name {
		if c >= utf8.RuneSelf {
			return foldedHashWide(hash, name[i:])
		}
		hash = (hash ^ uint32(upper[c])) * 16777619
	}
	return hash
}

// foldedHashWide goes on with a name that is not all ASCII.
func foldedHashWide(hash uint32, rest []byte) uint32 {
	for _, r := range string(rest) {
		hash = (hash ^ uint32(foldRune(r))) * 16777619
	}
	return hash
}

// upper maps ASCII to upper case.
var upper = func() (table [256]byte) {
	for c := range byte(utf8.RuneSelf) {
		table[c] = c
		if 'a' <= c && c <= 'z' {
			table[c] = c - ('a' - 'A')
		}
	}
	return table
}()

// foldRune returns the least of the characters that differ in case only.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
