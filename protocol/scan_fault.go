package protocol

import "strconv"

// expected says what should stand at pos.
func (s *scanner) expected(what string) *Error {
	if s.pos >= len(s.data) {
		return malformed("the message ends too early; expected " + what)
	}
	return malformed("the message is not valid JSON: expected " + what + " at byte " + strconv.Itoa(s.pos+1))
}

func malformed(message string) *Error { return &Error{Code: CodeMalformedRequest, Message: message} }

func overBound(what string, bound int, unit string) *Error {
	return &Error{Code: CodeTooLarge, Message: what + " " + strconv.Itoa(bound) + " " + unit}
}
