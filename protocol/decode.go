package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Decode is the strict, bounded decoder for every JSON that enters from outside.
// It reads one JSON object into a struct, which must be zero before, and refuses
// what encoding/json would let pass:
//
//   - more than MaxRequestBytes, MaxDepth levels or MaxFields fields of one
//     object: too_large;
//   - a byte order mark, bytes that are not UTF-8, half surrogates, trailing
//     bytes, anything but an object: malformed_request;
//   - one name twice in an object, at any depth, also in two spellings that
//     differ in case only: duplicate_field;
//   - a value of the wrong kind, an integer with point, exponent or overflow:
//     invalid_field.
//
// A null counts as absent. Errors are *Error; the field is a path such as
// items[0].quantity, and no value of the input is repeated.
//
// A name that matches no field in exactly this case is unknown and has no
// effect. The paths of unknown fields are returned sorted, at most MaxWarnings
// of them, for the warnings of checkout.start.
func Decode(data []byte, into any) (unknown []string, err error) {
	s := newScanner(data)
	defer s.release()
	if fault := s.scan(shapeOf(into)); fault != nil {
		return nil, fault
	}
	if err := json.Unmarshal(s.withoutVariants(), into); err != nil {
		return nil, unexpected(err)
	}
	slices.Sort(s.unknown)
	return s.unknown, nil
}

// withoutVariants returns the data with every name that encoding/json would take
// for a known field made unrecognisable. The data itself stays as it is.
func (s *scanner) withoutVariants() []byte {
	if len(s.variants) == 0 {
		return s.data
	}
	data := bytes.Clone(s.data)
	for _, name := range s.variants {
		for i := name.start; i < name.end; i++ {
			data[i] = '?'
		}
	}
	return data
}

// unexpected says what encoding/json refused although the scanner took it: the
// value of a type that decodes itself, or an into that is no pointer.
func unexpected(err error) error {
	if _, ok := errors.AsType[*json.InvalidUnmarshalError](err); ok {
		return fmt.Errorf("decoding a message: %w", err)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid(e.Field, "is not of the kind expected here")
	}
	return invalid("", "a value of the message is not one that its field takes")
}
