package protocol

import "strconv"

// peek returns the byte at pos, or 0, which begins no token, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// word scans true, false or null.
func (s *scanner) word(word string) *Error {
	if end := s.pos + len(word); end > len(s.data) || string(s.data[s.pos:end]) != word {
		return s.expected("a value")
	}
	s.pos += len(word)
	return nil
}

// number scans a number and checks that an integer is written as one.
func (s *scanner) number(sh *shape) *Error {
	end := numberEnd(s.data, s.pos)
	if end < 0 {
		return s.expected("a value")
	}
	literal := s.data[s.pos:end]
	s.pos = end
	if sh.kind != kindInteger {
		s.take(sh, kindNumber)
		return nil
	}
	if fault := sh.integerFault(literal); fault != "" {
		s.refuse(fault)
	}
	return nil
}

// integerFault says what is wrong with the number as an integer of this shape.
// 2.0 and 1e2 are refused: whoever means 2 writes 2.
func (s *shape) integerFault(literal []byte) string {
	for _, c := range literal {
		if c == '.' || c == 'e' || c == 'E' {
			return "must be a whole number without point or exponent, such as 2"
		}
	}
	if s.unsigned && literal[0] == '-' {
		return "must not be negative"
	}
	var err error
	if s.unsigned {
		_, err = strconv.ParseUint(string(literal), 10, s.bits)
	} else {
		_, err = strconv.ParseInt(string(literal), 10, s.bits)
	}
	if err != nil {
		return "is a number too far from zero to be taken"
	}
	return ""
}
