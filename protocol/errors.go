package protocol

import (
	"encoding/json"
	"errors"
)

// Code is a stable, lower_snake name of what went wrong. Clients decide by the
// code; the message is for people.
type Code string

// The codes, in the order of the table in PROTOCOL.md.
const (
	CodeMalformedRequest    Code = "malformed_request"    // not JSON, or not the JSON expected
	CodeDuplicateField      Code = "duplicate_field"      // one name twice, or in two spellings
	CodeMissingField        Code = "missing_field"        // a required field is absent or empty
	CodeInvalidField        Code = "invalid_field"        // a field is of the wrong kind or out of bounds
	CodeInvalidID           Code = "invalid_id"           // an identifier with forbidden characters or length
	CodeUnknownType         Code = "unknown_type"         // the message type is not one this endpoint takes
	CodeTooLarge            Code = "too_large"            // over a bound on bytes, depth or entries
	CodeSagaIDConflict      Code = "saga_id_conflict"     // the saga_id is taken by a saga of other content
	CodeIdempotencyConflict Code = "idempotency_conflict" // the key was used with another payload
	CodeSagaNotFound        Code = "saga_not_found"       // no saga of that id
	CodeNotFound            Code = "not_found"            // no such row at a participant
	CodeDefinitionUnknown   Code = "definition_unknown"   // no definition of that name
	CodeSagaEnded           Code = "saga_ended"           // the saga has ended; nothing can be done to it any more
	CodeActRefused          Code = "act_refused"          // the act is not possible where the saga stands
	CodeTokenRefused        Code = "token_refused"        // the token of a callback is not the one that was given out
	CodeOverloaded          Code = "overloaded"           // too much waits already; try again later
	CodeUnavailable         Code = "unavailable"          // a part of the system cannot be reached
	CodeInternal            Code = "internal"             // our fault; the log has the cause
)

// statuses gives each code the number that micro services put into
// Nats-Service-Error-Code, after the HTTP status of the same meaning.
var statuses = map[Code]string{
	CodeMalformedRequest: "400", CodeDuplicateField: "400",
	CodeMissingField: "422", CodeInvalidField: "422", CodeInvalidID: "422", CodeUnknownType: "422",
	CodeTooLarge:       "413",
	CodeSagaIDConflict: "409", CodeIdempotencyConflict: "409", CodeSagaEnded: "409", CodeActRefused: "409",
	CodeTokenRefused: "403",
	CodeSagaNotFound: "404", CodeNotFound: "404", CodeDefinitionUnknown: "404",
	CodeOverloaded: "503", CodeUnavailable: "503",
	CodeInternal: "500",
}

// Error is the one shape in which a client is told that its request was not
// taken. Field is the path of the field at fault, such as "items[0].quantity".
type Error struct {
	Code    Code
	Message string
	Field   string
}

// Error makes *Error a Go error.
func (e *Error) Error() string {
	if e.Field == "" {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Field + " " + e.Message
}

// Is matches errors of the same code, so that errors.Is(err, &Error{Code: c}) works.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// Status is the number for the Nats-Service-Error-Code header.
func (e *Error) Status() string { return statuses[e.Code] }

type wireError struct {
	Type    string `json:"type"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// MarshalJSON writes {"type":"error","code":…,"message":…,"field":…}.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireError{Type: TypeError, Code: e.Code, Message: e.Message, Field: e.Field})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Error) UnmarshalJSON(data []byte) error {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*e = Error{Code: w.Code, Message: w.Message, Field: w.Field}
	return nil
}

// AsError returns err as an *Error. An error that is none of ours becomes
// "internal" with a fixed message: what is inside does not leak to clients.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "internal error; the log of the service has the cause"}
}

func missing(field string) *Error {
	return &Error{Code: CodeMissingField, Field: field, Message: "is required"}
}

func invalid(field, message string) *Error {
	return &Error{Code: CodeInvalidField, Field: field, Message: message}
}
