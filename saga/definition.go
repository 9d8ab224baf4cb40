package saga

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Instant is a point in time, in microseconds since 1970 UTC.
type Instant int64

// Duration is a length of time, in microseconds.
type Duration int64

// Millisecond is a thousand microseconds.
const Millisecond Duration = 1000

// Add returns the instant d after i.
func (i Instant) Add(d Duration) Instant { return i + Instant(d) }

// Kind says what may happen to a step once it was accepted (D11).
type Kind string

// The kinds. Any number of compensatable steps comes first, then at most one
// pivot, then any number of retriable steps.
const (
	Compensatable Kind = "compensatable" // can be undone
	Pivot         Kind = "pivot"         // once accepted, the saga only goes forward
	Retriable     Kind = "retriable"     // comes after the pivot; is tried until it succeeds
)

// Definition is one kind of saga: an ordered list of steps, as data (X1).
type Definition struct {
	Name     string   `json:"name"`
	Deadline Duration `json:"deadline,omitempty"` // from the start to the last action; 0 is none
	Steps    []Step   `json:"steps"`
}

// Step is an action and its compensation. Steps are numbered from 1.
type Step struct {
	Name         string    `json:"name"` // under which later steps find what it kept
	Service      string    `json:"service"`
	Kind         Kind      `json:"kind"`
	Action       Operation `json:"action"`
	Compensation Operation `json:"compensation,omitzero"`
	Reason       string    `json:"reason,omitempty"` // told to the client on a decline; {error} and {decline_code} are filled in
}

// Operation is one direction of a step: which command goes where, with what,
// and how patiently.
type Operation struct {
	Type    string   `json:"type"`              // of the command, such as ChargePayment
	Subject string   `json:"subject"`           // where the workers listen
	Send    []Field  `json:"send,omitempty"`    // the fields of the command, in this order
	Keep    []string `json:"keep,omitempty"`    // the fields of the answer that later steps need
	Timeout Duration `json:"timeout,omitempty"` // for one attempt
	Retry   Retry    `json:"retry,omitzero"`
}

// Field is one field of a command and where its value comes from: a field of
// the request ("request.items") or one kept from an earlier step
// ("reserve.reservations").
type Field struct {
	Name string `json:"name"`
	From string `json:"from"`
}

// Retry is how often and how soon an operation is tried again: the n-th wait is
// drawn from [0, min(Max, Initial·2ⁿ⁻¹)] (capped exponential, full jitter).
type Retry struct {
	Attempts int      `json:"attempts"` // in all, the first included
	Initial  Duration `json:"initial"`
	Max      Duration `json:"max"`
}

// Hash names the exact content of the definition. Every saga pins the hash of
// the definition it began with.
func (d *Definition) Hash() string {
	// Marshalling cannot fail: the type holds strings, numbers and slices only.
	text, _ := json.Marshal(d)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Step returns the step of that number, counted from 1.
func (d *Definition) Step(number int) *Step { return &d.Steps[number-1] }

// Operation returns the action of a step, or its compensation.
func (d *Definition) Operation(number int, compensating bool) *Operation {
	if compensating {
		return &d.Step(number).Compensation
	}
	return &d.Step(number).Action
}

// undoable reports whether the step has a compensation.
func (s *Step) undoable() bool { return s.Compensation.Type != "" }

// pivot is the number of the pivot step, or one past the last step.
func (d *Definition) pivot() int {
	for i := range d.Steps {
		if d.Steps[i].Kind == Pivot {
			return i + 1
		}
	}
	return len(d.Steps) + 1
}
