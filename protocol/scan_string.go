package protocol

import (
	"encoding/json"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// plain tells which bytes stand for themselves in a JSON string: ASCII from the
// space on, without the quote and the backslash.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// text scans a string and tells whether it holds escapes.
func (s *scanner) text() (escaped bool, err *Error) {
	s.pos++ // the opening quote
	for {
		for s.pos < len(s.data) && plain[s.data[s.pos]] {
			s.pos++
		}
		switch c := s.peek(); {
		case c == '"':
			s.pos++
			return escaped, nil
		case c == '\\':
			escaped = true
			err = s.escape()
		case c < ' ':
			return escaped, s.expected("the rest of a string, with control characters escaped")
		default:
			err = s.wideRune()
		}
		if err != nil {
			return escaped, err
		}
	}
}

// wideRune steps over one character that is not ASCII.
func (s *scanner) wideRune() *Error {
	r, size := utf8.DecodeRune(s.data[s.pos:])
	if r == utf8.RuneError && size == 1 {
		return s.expected("UTF-8")
	}
	s.pos += size
	return nil
}

// escape steps over a backslash and what it escapes. Half of a surrogate pair
// is refused: encoding/json would put another character in its place.
func (s *scanner) escape() *Error {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
	default:
		return s.expected("a known escape after a backslash")
	}
	unit := s.hex4()
	if unit >= 0 && !utf16.IsSurrogate(unit) {
		return nil
	}
	if s.peek() != '\\' {
		return s.expected("four hexadecimal digits, or both halves of a surrogate pair")
	}
	s.pos++
	if s.peek() == 'u' {
		s.pos++
		if utf16.DecodeRune(unit, s.hex4()) != unicode.ReplacementChar {
			return nil
		}
	}
	return s.expected("both halves of a surrogate pair")
}

// hex4 reads four hexadecimal digits; -1 when there are none.
func (s *scanner) hex4() rune {
	var unit rune
	for range 4 {
		digit := unhex(s.peek())
		if digit < 0 {
			return -1
		}
		unit = unit<<4 | digit
		s.pos++
	}
	return unit
}

func unhex(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	default:
		return -1
	}
}

// unescape returns the content of a string that was scanned, without quotes.
func (s *scanner) unescape(quoted []byte) []byte {
	var content string
	_ = json.Unmarshal(quoted, &content) // the scanner has accepted the string
	return []byte(content)
}
