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

// Undo says in which order steps are compensated.
type Undo string

// The orders. Strictly in reverse is the default: nothing else is safe unless
// the author of the definition says so.
const (
	InReverse  Undo = ""         // one after the other, what was done last first
	InParallel Undo = "parallel" // all at once
)

// Definition is one kind of saga: an ordered list of steps, as data (X1).
type Definition struct {
	Name     string   `json:"name"`
	Deadline Duration `json:"deadline,omitempty"` // from the start to the last action; 0 is none
	Undo     Undo     `json:"undo,omitempty"`
	Request  []Input  `json:"request,omitempty"` // what a client sends; none is what document 000 has
	Pricing  Pricing  `json:"pricing,omitempty"`
	StartOn  *Trigger `json:"start_on,omitempty"`
	Steps    []Step   `json:"steps"`
	Statuses Statuses `json:"statuses,omitzero"`
}

// Input is a field that a client sends with its request.
type Input struct {
	Name     string          `json:"name"`
	Kind     InputKind       `json:"kind"`
	Optional bool            `json:"optional,omitempty"`
	Default  json.RawMessage `json:"default,omitempty"` // what counts when the client sends nothing
}

// InputKind says what a field of a request may hold.
type InputKind string

// The kinds. They are those of the protocol (protocol.FieldID and so on).
const (
	IDInput      InputKind = "id"
	TextInput    InputKind = "text"
	LinesInput   InputKind = "lines"
	MoneyInput   InputKind = "money"
	IntegerInput InputKind = "integer"
	BooleanInput InputKind = "boolean"
	JSONInput    InputKind = "json"
)

// Pricing says who sets the price of an order (X8).
type Pricing string

// The policies.
const (
	CatalogPrice Pricing = ""       // the catalogue; what the client says counts for nothing
	ClientPrice  Pricing = "client" // the client
	VerifyPrice  Pricing = "verify" // the catalogue; a client who says another total is refused
	NoPrice      Pricing = "none"   // nobody: there is nothing to pay, or the steps know
)

// Trigger starts a saga for every event on a subject (S1-01): it says where the
// fields of the request stand in the event.
type Trigger struct {
	Subject string    `json:"subject"`
	Stream  string    `json:"stream,omitempty"` // which keeps the events; without it, those are missed that come while nobody runs
	SagaID  string    `json:"saga_id"`          // the field of the event that names the saga
	Take    []Mapping `json:"take"`
}

// Mapping takes one field of a request out of an event.
type Mapping struct {
	Name string  `json:"name"`           // in the request
	From string  `json:"from"`           // in the event
	Each []Field `json:"each,omitempty"` // of a list: the fields of each element
}

// ReplyMode says how the result of an action comes.
type ReplyMode string

// The modes (X3).
const (
	Sync     ReplyMode = ""         // in the answer
	Callback ReplyMode = "callback" // later, if the answer is that it was taken in
)

// Step is an action and its compensation. Steps are numbered from 1. Steps that
// stand together and name the same group run side by side.
type Step struct {
	Name         string    `json:"name"` // under which later steps find what it kept
	Service      string    `json:"service"`
	Kind         Kind      `json:"kind"`
	Group        string    `json:"group,omitempty"`
	Action       Operation `json:"action"`
	Compensation Operation `json:"compensation,omitzero"`
	Query        Operation `json:"query,omitzero"` // asks what became of the action after a time-out (D9)
	Reply        ReplyMode `json:"reply,omitempty"`
	Patience     Duration  `json:"patience,omitempty"` // how long a result that comes later is awaited
	Reason       string    `json:"reason,omitempty"`   // told to the client on a decline; {error} and {decline_code} are filled in

	Statuses StepStatuses `json:"statuses,omitzero"`
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

// Mode is what is done about a step: its action, its compensation, or a question
// for what became of the action.
type Mode string

// The modes.
const (
	Do         Mode = ""
	Compensate Mode = "undo"
	Ask        Mode = "ask"
)

// Operation returns the operation of a step in one mode.
func (d *Definition) Operation(number int, m Mode) *Operation {
	switch m {
	case Compensate:
		return &d.Step(number).Compensation
	case Ask:
		return &d.Step(number).Query
	}
	return &d.Step(number).Action
}

// HasCallbacks reports whether the result of any step may come later.
func (d *Definition) HasCallbacks() bool {
	for i := range d.Steps {
		if d.Steps[i].Reply == Callback {
			return true
		}
	}
	return false
}

// undoable reports whether the step has a compensation.
func (s *Step) undoable() bool { return s.Compensation.Type != "" }

// askable reports whether the worker of the step can be asked what became of its
// action.
func (s *Step) askable() bool { return s.Query.Type != "" }

// pivot is the number of the pivot step, or one past the last step.
func (d *Definition) pivot() int {
	for i := range d.Steps {
		if d.Steps[i].Kind == Pivot {
			return i + 1
		}
	}
	return len(d.Steps) + 1
}

// stage returns the first and the last of the steps that run side by side with
// this one.
func (d *Definition) stage(number int) (first, last int) {
	first, last = number, number
	group := d.Step(number).Group
	for group != "" && first > 1 && d.Step(first-1).Group == group {
		first--
	}
	for group != "" && last < len(d.Steps) && d.Step(last+1).Group == group {
		last++
	}
	return first, last
}
