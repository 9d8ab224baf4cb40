package protocol

import "bytes"

// object scans an object, field by field.
func (s *scanner) object(sh *shape) *Error {
	if err := s.enter(segment{}); err != nil {
		return err
	}
	first := len(s.keys)
	for more := s.peek() != '}'; more; more = s.comma() {
		if err := s.field(sh, first); err != nil {
			return err
		}
	}
	s.keys = s.keys[:first]
	return s.leave('}', "a comma or the closing brace of the object")
}

// field scans one name and its value. The names of the same object stand in
// keys from the given index on.
func (s *scanner) field(sh *shape, first int) *Error {
	k, err := s.key()
	if err != nil {
		return err
	}
	s.path[len(s.path)-1].index = len(s.keys)
	s.keys = append(s.keys, k)
	if err := s.checkFresh(s.keys[first:]); err != nil {
		return err
	}
	s.skipSpace()
	if s.peek() != ':' {
		return s.expected("a colon after the name of a field")
	}
	s.pos++
	s.skipSpace()
	start := s.pos
	if err := s.value(s.shapeOfField(sh, k)); err != nil {
		return err
	}
	if len(s.path) == 1 {
		s.members = append(s.members, member{key: k, value: span{start, s.pos}})
	}
	s.skipSpace()
	return nil
}

// checkFresh refuses the last of the names of an object if it stood there
// before, in any case, and more names than an object may have.
func (s *scanner) checkFresh(names []key) *Error {
	last := len(names) - 1
	for i := range last {
		if names[i].hash == names[last].hash && bytes.EqualFold(s.name(names[i]), s.name(names[last])) {
			return &Error{
				Code: CodeDuplicateField, Field: s.where(),
				Message: "stands twice in one object, or in two spellings; send it once",
			}
		}
	}
	if len(names) > MaxFields {
		return overBound("an object of the message has more than", MaxFields, "fields")
	}
	return nil
}

// shapeOfField looks the name up. An unknown one is noted and takes anything.
func (s *scanner) shapeOfField(sh *shape, k key) *shape {
	if sh.kind != kindObject {
		return openShape
	}
	name := s.name(k)
	if known := sh.find(name, k.hash); known != nil {
		return known.shape
	}
	if len(s.unknown) < MaxWarnings {
		s.unknown = append(s.unknown, s.where())
	}
	if sh.resembles(name, k.hash) {
		s.variants = append(s.variants, k.span)
	}
	return openShape
}

// list scans an array, element by element.
func (s *scanner) list(sh *shape) *Error {
	if err := s.enter(segment{inList: true}); err != nil {
		return err
	}
	elem := openShape
	if sh.kind == kindList {
		elem = sh.elem
	}
	for more := s.peek() != ']'; more; more = s.comma() {
		if err := s.value(elem); err != nil {
			return err
		}
		s.path[len(s.path)-1].index++
		s.skipSpace()
	}
	return s.leave(']', "a comma or the closing bracket of the array")
}

// enter steps over an opening brace or bracket, one level down.
func (s *scanner) enter(at segment) *Error {
	if len(s.path) == MaxDepth {
		return overBound("the message nests deeper than", MaxDepth, "levels")
	}
	s.path = append(s.path, at)
	s.pos++
	s.skipSpace()
	return nil
}

// leave steps over the closing brace or bracket, one level up.
func (s *scanner) leave(closing byte, expectation string) *Error {
	if s.peek() != closing {
		return s.expected(expectation)
	}
	s.path = s.path[:len(s.path)-1]
	s.pos++
	return nil
}

// comma steps over a comma and tells whether there was one.
func (s *scanner) comma() bool {
	if s.peek() != ',' {
		return false
	}
	s.pos++
	s.skipSpace()
	return true
}
