package protocol

import (
	"bytes"
	"sync"
)

// scanner reads one JSON text byte by byte, once, before encoding/json sees it.
// It refuses what encoding/json would let pass (two spellings of one name, bytes
// that are not UTF-8, half surrogates, depth) and tells type errors with their
// path. A message without faults and without unknown fields costs no allocation.
type scanner struct {
	data     []byte
	pos      int
	path     []segment // from the top to where the scanner stands
	keys     []key     // of all objects that are open, the innermost last
	members  []member  // of the outermost object
	unknown  []string  // paths of unknown fields, at most MaxWarnings
	variants []span    // names that encoding/json would take for a known field
	mismatch *Error    // the first value of a wrong kind
}

// span is a part of the data, from the byte at start up to the one at end.
type span struct{ start, end int }

// key is the name of a field, without its quotes.
type key struct {
	span
	hash    uint32
	escaped bool
}

// member is one field of the outermost object.
type member struct {
	key   key
	value span
}

// segment is one part of a path: the index of an element where inList, else the
// index of a name in keys.
type segment struct {
	index  int
	inList bool
}

// scanners keeps scanners with their slices, so that scanning does not allocate.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

func newScanner(data []byte) *scanner {
	s := scanners.Get().(*scanner)
	s.reset(data)
	return s
}

// reset makes the scanner ready for data. It keeps the room of its slices.
func (s *scanner) reset(data []byte) {
	*s = scanner{data: data, path: s.path[:0], keys: s.keys[:0], members: s.members[:0], variants: s.variants[:0]}
}

// release gives the scanner back. What it found must not be used afterwards,
// save unknown and errors.
func (s *scanner) release() {
	s.reset(nil)
	scanners.Put(s)
}

// scan checks that data is one JSON object of the given shape and nothing else.
// Faults of form are told before faults of kind.
func (s *scanner) scan(sh *shape) *Error {
	switch {
	case len(s.data) > MaxRequestBytes:
		return overBound("the message is longer than", MaxRequestBytes, "bytes")
	case bytes.HasPrefix(s.data, []byte("\xef\xbb\xbf")):
		return malformed("the message begins with a byte order mark; send plain UTF-8 without one")
	}
	s.skipSpace()
	if s.peek() != '{' {
		return malformed("the message must be one JSON object")
	}
	if err := s.value(sh); err != nil {
		return err
	}
	s.skipSpace()
	if s.pos < len(s.data) {
		return s.expected("nothing more after the object")
	}
	return s.mismatch
}

// value scans the value that begins at pos.
func (s *scanner) value(sh *shape) *Error {
	switch s.peek() {
	case '{':
		return s.object(s.take(sh, kindObject))
	case '[':
		return s.list(s.take(sh, kindList))
	case '"':
		s.take(sh, kindText)
		_, err := s.text()
		return err
	case 't':
		s.take(sh, kindBool)
		return s.word("true")
	case 'f':
		s.take(sh, kindBool)
		return s.word("false")
	case 'n':
		return s.word("null") // counts as absent, whatever the kind
	default:
		return s.number(sh)
	}
}

// take compares the kind found with the one wanted. A value of another kind is
// noted, and scanned on as if it were unknown.
func (s *scanner) take(sh *shape, found kind) *shape {
	if sh.kind != found && sh.kind != kindAny {
		s.refuse(wanted[sh.kind])
		return openShape
	}
	return sh
}

// wanted says what a field of each kind must be.
var wanted = [...]string{
	kindText:    "must be a string",
	kindBool:    "must be true or false",
	kindInteger: "must be a whole number without quotes, such as 2",
	kindNumber:  "must be a number without quotes, such as 249.99",
	kindList:    "must be an array",
	kindObject:  "must be an object",
}

// refuse notes that the value at the present path is of a wrong kind, unless an
// earlier one was.
func (s *scanner) refuse(message string) {
	if s.mismatch == nil {
		s.mismatch = invalid(s.where(), message)
	}
}
