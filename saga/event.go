package saga

import "encoding/json"

// EventType names what happened to a saga.
type EventType string

// The events. Those named Step… answer an action or a question about it, those
// named Compensation… a compensation.
const (
	Started EventType = "Started" // a client's request was taken in

	StepAccepted    EventType = "StepAccepted"    // the worker did it
	StepDeclined    EventType = "StepDeclined"    // the worker said a final no; nothing was done
	StepUnavailable EventType = "StepUnavailable" // a technical no; what was done is not known
	StepTimedOut    EventType = "StepTimedOut"    // no answer in time; what was done is not known (D9)
	StepTaken       EventType = "StepTaken"       // the worker has taken it in; the result comes later (S4-09)
	StepNotFound    EventType = "StepNotFound"    // asked, the worker says that it has never heard of it
	StepNotTold     EventType = "StepNotTold"     // asked, the worker gave no answer

	CompensationDone        EventType = "CompensationDone"        // undone, or there was nothing to undo
	CompensationRefused     EventType = "CompensationRefused"     // the worker said a final no
	CompensationUnavailable EventType = "CompensationUnavailable" // a technical no
	CompensationTimedOut    EventType = "CompensationTimedOut"    // no answer in time

	WorkerAbsent   EventType = "WorkerAbsent"   // nobody listens on the subject: provably not delivered
	DeadlinePassed EventType = "DeadlinePassed" // the saga took longer than its definition allows
	Quarantined    EventType = "Quarantined"    // the saga keeps killing its owner

	CancelRequested EventType = "CancelRequested" // somebody wants the saga undone
	KillRequested   EventType = "KillRequested"   // a person ends it where it stands
	RetryRequested  EventType = "RetryRequested"  // a person wants what has failed to be tried again
	StepResolved    EventType = "StepResolved"    // a person has settled a step by hand
	Migrated        EventType = "Migrated"        // a person moved the saga to another version of its definition
)

// Via says how the verdict on an action came, if not as the answer to it.
type Via string

// The ways.
const (
	ViaAnswer   Via = ""         // as the answer to the command
	ViaQuery    Via = "query"    // as the answer to a question (D9)
	ViaCallback Via = "callback" // later, on the address that went with the command (S4-11)
)

// CommandIncomplete is the code of a step whose command lacks a field, such as the
// amount of goods without a price. It was never sent.
const CommandIncomplete = "command_incomplete"

// Event is one thing that happened. Which fields are set depends on the type;
// Type and At always are.
type Event struct {
	Type EventType `json:"type"`
	At   Instant   `json:"at"`

	// What the event answers. Attempts count from 1; a callback names none.
	Step    int  `json:"step,omitempty"`
	Attempt int  `json:"attempt,omitempty"`
	Mode    Mode `json:"mode,omitempty"` // of WorkerAbsent, whose name does not say it
	Via     Via  `json:"via,omitempty"`

	Fields      map[string]json.RawMessage `json:"fields,omitempty"`       // kept from an acceptance
	RequestID   string                     `json:"request_id,omitempty"`   // of a step that was taken in
	Code        string                     `json:"code,omitempty"`         // of a no: "insufficient_funds"
	DeclineCode string                     `json:"decline_code,omitempty"` // of a decline: "DECLINED"
	Message     string                     `json:"message,omitempty"`
	Final       bool                       `json:"final,omitempty"`       // of an unavailability: trying again is pointless
	RetryAfter  Duration                   `json:"retry_after,omitempty"` // of an unavailability: not sooner than this
	Times       *Times                     `json:"times,omitempty"`

	By         string      `json:"by,omitempty"`       // of an act of a person: who
	Reason     string      `json:"reason,omitempty"`   // why
	Evidence   string      `json:"evidence,omitempty"` // of a step that was done by hand
	As         Resolution  `json:"as,omitempty"`       // of StepResolved
	Definition *Definition `json:"definition,omitempty"`

	Start *Start `json:"start,omitempty"` // of Started
}

// Resolution is how a person settled a step.
type Resolution string

// The resolutions.
const (
	ByHand  Resolution = "done" // a person has seen to it that it is done
	Skipped Resolution = "skip" // it will not be done
)

// Start is what a saga begins with.
type Start struct {
	SagaID         string                     `json:"saga_id"`
	OrderID        string                     `json:"order_id"`
	Definition     string                     `json:"definition"`
	DefinitionHash string                     `json:"definition_hash"`
	Request        map[string]json.RawMessage `json:"request"`
	RequestHash    string                     `json:"request_hash"` // tells a repeated request from another one of the same id
	TraceParent    string                     `json:"trace_parent,omitempty"`
	Secret         string                     `json:"secret,omitempty"`    // from which the tokens of callbacks are made
	Callbacks      string                     `json:"callbacks,omitempty"` // the subject of all callbacks, without step and token
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

var answers = map[Mode][4]EventType{
	Do:         {StepAccepted, StepDeclined, StepUnavailable, StepTimedOut},
	Compensate: {CompensationDone, CompensationRefused, CompensationUnavailable, CompensationTimedOut},
	Ask:        {StepAccepted, StepDeclined, StepNotTold, StepNotTold},
}

// AnswerType is the type of the event for a verdict on an operation. On a
// question, the first two are what the worker says of the action.
func AnswerType(v Verdict, m Mode) EventType { return answers[m][v] }

// Answers is the mode of the operation that the event answers.
func (e *Event) Answers() Mode {
	switch e.Type {
	case CompensationDone, CompensationRefused, CompensationUnavailable, CompensationTimedOut:
		return Compensate
	case StepNotFound, StepNotTold:
		return Ask
	case WorkerAbsent:
		return e.Mode
	}
	return Do
}
