package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Outcomes of a write or a read other than success. Test with errors.Is.
var (
	// ErrConflict says that the key is not at the expected revision; nothing was
	// stored.
	ErrConflict = errors.New("the record changed meanwhile")
	// ErrUnknown says that no acknowledgement came: the write may be stored, now
	// or later.
	ErrUnknown = errors.New("no acknowledgement: the write may or may not be stored")
	// ErrUnavailable says that nobody took the write; nothing was stored.
	ErrUnavailable = errors.New("JetStream cannot be reached")
	// ErrRefused says that the stream refused the write for another reason than
	// a conflict, such as a full disk; nothing was stored.
	ErrRefused = errors.New("the stream refused the write")
	// ErrTooLarge says that the value is larger than the server takes; it never
	// will be stored.
	ErrTooLarge = errors.New("the value is too large for the server")
	// ErrNotFound says that the key has no value.
	ErrNotFound = errors.New("no such key")
	// ErrClosed says that the bucket was closed before the write was sent.
	ErrClosed = errors.New("the bucket is closed")
)

// Codes of JetStream's API errors, by what they mean for a write.
const (
	codeWrongLastSequence  = 10071 // the expected revision is not the current one
	codeWrongLastConstant  = 10164 // the same, or another write for the key is in flight
	codeWrongLastID        = 10070 // another message than the expected one is the last
	codeNoMessage          = 10037
	codeDuplicateInProcess = 10158
	codeDuplicateInBatch   = 10201 // a message of the batch is stored already
)

// classify turns the error inside an acknowledgement into one of ours.
func classify(e *jetstream.APIError) error {
	switch e.ErrorCode {
	case codeWrongLastSequence, codeWrongLastConstant, codeWrongLastID, codeDuplicateInBatch:
		return ErrConflict
	case codeDuplicateInProcess:
		return ErrUnknown
	}
	return fmt.Errorf("%w: %s", ErrRefused, e.Description)
}

// IsFull reports whether err says that the stream has reached one of its limits
// as a whole.
func IsFull(err error) bool {
	return errors.Is(err, ErrRefused) && strings.Contains(err.Error(), "maximum") && !IsSubjectTaken(err)
}

// IsSubjectTaken reports whether err says that the subject already holds as many
// messages as the stream allows it.
func IsSubjectTaken(err error) bool {
	return errors.Is(err, ErrRefused) && strings.Contains(err.Error(), "per subject")
}
