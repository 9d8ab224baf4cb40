package protocol

import "encoding/json"

// Acts on a saga. CancelRequest, RetryRequest, ResolveRequest and MigrateRequest
// are answered by an Outcome once the act is in the journal and the saga has
// settled, or WaitMS is over. All but ActResolve, which is about one step, can be
// planned by a PlanRequest.
const (
	ActCancel   = "cancel"   // turn back, and undo everything in reverse
	ActKill     = "kill"     // end it where it stands; nothing is undone
	ActDeadline = "deadline" // what the deadline would do
	ActRetry    = "retry"    // try again what has failed
	ActResolve  = "resolve"  // settle one step by hand
	ActMigrate  = "migrate"  // go on with the loaded version of its definition
)

// CancelRequest asks to turn a saga back, or with Kill to end it where it
// stands.
type CancelRequest struct {
	SagaID string `json:"saga_id"`
	Kill   bool   `json:"kill,omitempty"`
	Reason string `json:"reason,omitempty"` // required with Kill
	By     string `json:"by,omitempty"`     // who asks; required with Kill
	WaitMS *int64 `json:"wait_ms,omitempty"`
}

// RetryRequest asks to try again what has failed in a saga that is STUCK.
type RetryRequest struct {
	SagaID string `json:"saga_id"`
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
	WaitMS *int64 `json:"wait_ms,omitempty"`
}

// The two ways to resolve a step.
const (
	ResolveDone = "done" // a person has seen to it that it is done
	ResolveSkip = "skip" // it will not be done
)

// ResolveRequest settles one step of a saga that is STUCK by hand.
type ResolveRequest struct {
	SagaID   string                     `json:"saga_id"`
	Step     int                        `json:"step"`
	As       string                     `json:"as"`                 // ResolveDone or ResolveSkip
	Fields   map[string]json.RawMessage `json:"fields,omitempty"`   // what the answer would have brought, for an action that is done
	Evidence string                     `json:"evidence,omitempty"` // such as the number of a bank transfer; required with ResolveDone
	Reason   string                     `json:"reason"`
	By       string                     `json:"by"`
	WaitMS   *int64                     `json:"wait_ms,omitempty"`
}

// MigrateRequest asks to go on with another version of the definition.
type MigrateRequest struct {
	SagaID string `json:"saga_id"`
	Hash   string `json:"hash,omitempty"` // of the version; absent is the one that is loaded
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
	WaitMS *int64 `json:"wait_ms,omitempty"`
}

// PlanRequest asks what an act would do, to one saga or to all that match the
// filter: with neither, to all there are. It changes nothing.
type PlanRequest struct {
	Act    string `json:"act"` // one of the Act constants
	SagaID string `json:"saga_id,omitempty"`
	Filter
	Limit int `json:"limit,omitempty"` // 1 to 1,000; default 100
}

// Plan is what an act would do.
type Plan struct {
	Type    string        `json:"type"`
	Act     string        `json:"act"`
	Sagas   []PlannedSaga `json:"sagas"`
	Total   int           `json:"total"`           // all that match, listed or not
	Refused int           `json:"refused"`         // of those listed
	Returns []Amount      `json:"returns"`         // money that would be given back, of those listed
	Stays   []Amount      `json:"stays,omitempty"` // money that a kill would leave taken, or may, of those listed
}

// PlannedSaga is what an act would do to one saga if every answer were a yes.
type PlannedSaga struct {
	SagaID  string        `json:"saga_id"`
	Status  string        `json:"status"`
	Refused string        `json:"refused,omitempty"` // why the act is not possible
	Then    string        `json:"then,omitempty"`    // the status in the end
	Steps   []PlannedStep `json:"steps"`             // in the order in which they would be carried out
	AtRisk  *Amount       `json:"at_risk,omitempty"` // of a kill: money that is taken, or may be, and would stay so
}

// PlannedStep is one command that would be sent.
type PlannedStep struct {
	Step         int     `json:"step"`
	Command      string  `json:"command"`
	Service      string  `json:"service"`
	Compensating bool    `json:"compensating,omitempty"`
	Unknown      bool    `json:"unknown,omitempty"` // its action may not have happened at all
	Amount       Decimal `json:"amount,omitempty"`
	Currency     string  `json:"currency,omitempty"`
}

// Amount is money in words: a decimal number and its currency.
type Amount struct {
	Amount   Decimal `json:"amount"`
	Currency string  `json:"currency"`
}

// Kinds of incidents.
const (
	IncidentCompensationFailed = "compensation_failed" // a compensation was refused, or its attempts are used up
	IncidentStepFailed         = "step_failed"         // a step failed that nothing can undo
	IncidentWorkerAbsent       = "worker_absent"       // nobody has listened for a command for long; the saga waits on
	IncidentPoison             = "poison"              // the saga keeps killing its owner
	IncidentBrokenRecord       = "broken_record"       // the journal of the saga is damaged
	IncidentDefinitionUnknown  = "definition_unknown"  // no orchestrator has the definition that the saga began with
)

// AnyIncident in a Filter matches sagas with an open incident of any kind.
const AnyIncident = "any"

// Incident is something that a person has to see to. The key <saga_id> of
// the bucket INCIDENTS holds the open ones of a saga, as a list.
type Incident struct {
	SagaID     string   `json:"saga_id"`
	Definition string   `json:"definition,omitempty"`
	Kind       string   `json:"kind"`
	Step       int      `json:"step,omitempty"`
	Command    string   `json:"command,omitempty"`
	Cause      string   `json:"cause"`
	FirstAt    string   `json:"first_at"`
	LastAt     string   `json:"last_at"`
	Attempts   int      `json:"attempts,omitempty"`
	AtRisk     *Amount  `json:"at_risk,omitempty"` // money that is taken and not given back, or may be
	Actions    []string `json:"actions"`           // what an operator may do: Act constants
}

// DefinitionsRequest asks for the definitions; with a name, for all versions of
// one.
type DefinitionsRequest struct {
	Name string `json:"name,omitempty"`
}

// Definitions lists versions of definitions.
type Definitions struct {
	Type        string              `json:"type"`
	Definitions []DefinitionSummary `json:"definitions"`
}

// DefinitionSummary is one version of a definition.
type DefinitionSummary struct {
	Name   string   `json:"name"`
	Hash   string   `json:"hash"`
	Loaded bool     `json:"loaded"` // new sagas begin with it
	Steps  []string `json:"steps"`  // the names, in order
}

// What became of a callback.
const (
	CallbackTaken     = "taken"     // it is the result of the step
	CallbackDuplicate = "duplicate" // the step has its result already
	CallbackReversing = "reversing" // too late: what was done is undone again
	CallbackIgnored   = "ignored"   // too late, and there is nothing to undo
)

// CallbackAccepted tells who sent a result that it is in the journal.
type CallbackAccepted struct {
	Type   string `json:"type"`
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
	Effect string `json:"effect"` // one of the Callback constants
}
