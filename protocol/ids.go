package protocol

// MaxIDLength is the greatest length of an identifier, in bytes.
const MaxIDLength = 64

// ConformancePrefix begins the saga ids of conformance runs, which send commands to
// workers for no saga, and compensate them: conform-<run>-<clause>-<n>. No client
// should use it.
const ConformancePrefix = "conform-"

// identifier is a text proven to be safe as one token of a subject and as one
// part of a key: [A-Za-z0-9_-]{1,64}. Its field is private, so that only the
// parsers below can make one.
type identifier struct{ text string }

// String returns the identifier as it stands on the wire.
func (i identifier) String() string { return i.text }

// SagaID names one saga. The zero value is no saga.
type SagaID struct{ identifier }

// SKU names one kind of goods.
type SKU struct{ identifier }

// ParseSagaID checks text and makes it a SagaID. The error is an *Error with
// code invalid_id and field "saga_id".
func ParseSagaID(text string) (SagaID, error) {
	id, err := parseIdentifier("saga_id", text)
	return SagaID{id}, err
}

// ParseSKU checks text and makes it an SKU. The error is an *Error with code
// invalid_id and the given field.
func ParseSKU(field, text string) (SKU, error) {
	id, err := parseIdentifier(field, text)
	return SKU{id}, err
}

// CheckID checks an identifier that stays a text, such as a user_id.
func CheckID(field, text string) error {
	_, err := parseIdentifier(field, text)
	return err
}

func parseIdentifier(field, text string) (identifier, error) {
	if text == "" {
		return identifier{}, missing(field)
	}
	if len(text) > MaxIDLength {
		return identifier{}, &Error{Code: CodeInvalidID, Field: field, Message: "is longer than 64 characters"}
	}
	for i := range len(text) {
		if !isIDByte(text[i]) {
			return identifier{}, &Error{
				Code: CodeInvalidID, Field: field, Message: "may hold only letters, digits, _ and -",
			}
		}
	}
	return identifier{text}, nil
}

func isIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
