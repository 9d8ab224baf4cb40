package saga

import "encoding/json"

// EventType names what happened to a saga.
type EventType string

// The events. Those named Step… answer an action, those named Compensation… a
// compensation.
const (
	Started EventType = "Started" // a client's request was taken in

	StepAccepted    EventType = "StepAccepted"    // the worker did it
	StepDeclined    EventType = "StepDeclined"    // the worker said a final no; nothing was done
	StepUnavailable EventType = "StepUnavailable" // a technical no; what was done is not known
	StepTimedOut    EventType = "StepTimedOut"    // no answer in time; what was done is not known (D9)

	CompensationDone        EventType = "CompensationDone"        // undone, or there was nothing to undo
	CompensationRefused     EventType = "CompensationRefused"     // the worker said a final no
	CompensationUnavailable EventType = "CompensationUnavailable" // a technical no
	CompensationTimedOut    EventType = "CompensationTimedOut"    // no answer in time

	WorkerAbsent    EventType = "WorkerAbsent"    // nobody listens on the subject: provably not delivered
	CancelRequested EventType = "CancelRequested" // somebody wants the saga undone
	DeadlinePassed  EventType = "DeadlinePassed"  // the saga took longer than its definition allows
	Quarantined     EventType = "Quarantined"     // the saga keeps killing its owner
)

// Event is one thing that happened. Which fields are set depends on the type;
// Type and At always are.
type Event struct {
	Type EventType `json:"type"`
	At   Instant   `json:"at"`

	// What the event answers. Attempts count from 1.
	Step         int  `json:"step,omitempty"`
	Attempt      int  `json:"attempt,omitempty"`
	Compensating bool `json:"compensating,omitempty"` // of WorkerAbsent, whose name does not say it

	Fields      map[string]json.RawMessage `json:"fields,omitempty"`       // kept from an acceptance
	Code        string                     `json:"code,omitempty"`         // of a no: "insufficient_funds"
	DeclineCode string                     `json:"decline_code,omitempty"` // of a decline: "DECLINED"
	Message     string                     `json:"message,omitempty"`
	Final       bool                       `json:"final,omitempty"`       // of an unavailability: trying again is pointless
	RetryAfter  Duration                   `json:"retry_after,omitempty"` // of an unavailability: not sooner than this
	Times       *Times                     `json:"times,omitempty"`

	Start *Start `json:"start,omitempty"` // of Started
}

// Start is what a saga begins with.
type Start struct {
	SagaID         string                     `json:"saga_id"`
	OrderID        string                     `json:"order_id"`
	Definition     string                     `json:"definition"`
	DefinitionHash string                     `json:"definition_hash"`
	Request        map[string]json.RawMessage `json:"request"`
	RequestHash    string                     `json:"request_hash"` // tells a repeated request from another one of the same id
	TraceParent    string                     `json:"trace_parent,omitempty"`
}

// Times says where one attempt spent its time. The fifth time, when the answer
// was safe in the journal, stands beside the chain, since an event cannot know
// it (see the record of the orchestrator).
type Times struct {
	Queued   Instant `json:"queued"`             // the saga wanted it
	Sent     Instant `json:"sent"`               // the command left
	Received Instant `json:"received,omitempty"` // the worker has it, by the worker's clock
	Answered Instant `json:"answered,omitempty"` // the worker answered, by the worker's clock
}

// Verdict is what a worker's answer, or the lack of one, says.
type Verdict int

// The verdicts.
const (
	Accepted Verdict = iota
	Declined
	Unavailable
	TimedOut
)

var answers = map[bool][4]EventType{
	false: {StepAccepted, StepDeclined, StepUnavailable, StepTimedOut},
	true:  {CompensationDone, CompensationRefused, CompensationUnavailable, CompensationTimedOut},
}

// AnswerType is the type of the event for a verdict on an action, or on a
// compensation.
func AnswerType(v Verdict, compensating bool) EventType { return answers[compensating][v] }

// Undoes reports whether the event answers a compensation.
func (e *Event) Undoes() bool {
	switch e.Type {
	case CompensationDone, CompensationRefused, CompensationUnavailable, CompensationTimedOut:
		return true
	case WorkerAbsent:
		return e.Compensating
	}
	return false
}
