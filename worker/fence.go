package worker

import "encoding/json"

// Memory is all that a participant remembers of one step of one saga: its
// verdict on the action, its verdict on the compensation, and the business row
// that they left behind. It is stored as one record, so that verdict and effect
// cannot diverge. The zero value is a step never heard of.
type Memory[E any] struct {
	SagaID       string   `json:"saga_id"`
	Step         int      `json:"step"`
	Action       *Verdict `json:"action,omitempty"`
	Compensation *Verdict `json:"compensation,omitempty"`
	Effect       *E       `json:"effect,omitempty"`
}

// Verdict is an answer that was given once and is given again, byte by byte, to
// every later attempt of the same command.
type Verdict struct {
	Hash     string          `json:"hash"`     // of the command's content
	Accepted bool            `json:"accepted"` // else declined
	At       int64           `json:"at"`       // microseconds since 1970 UTC
	Reply    json.RawMessage `json:"reply"`    // the body of the answer
}

// Ruling is what the fence says about a command, before any business rule.
type Ruling int

// The rulings.
const (
	Decide        Ruling = iota // a new command: the ledger decides
	Repeat                      // decided before: give the same answer
	Conflict                    // the same command with other content: refuse, change nothing
	TooLate                     // an action after its compensation: decline for ever (the tombstone)
	NothingToUndo               // a compensation of what was never done: accept and remember
)

// Rule is the fence: it looks at what is remembered and says how to treat a
// command. Each of its rules is necessary; with lost, doubled and reordered
// messages, dropping one leaves effects of aborted sagas standing.
func Rule[E any](m *Memory[E], compensating bool, hash string) Ruling {
	known := m.verdict(compensating)
	switch {
	case known != nil && known.Hash != hash:
		return Conflict
	case known != nil:
		return Repeat
	case !compensating && m.Compensation != nil:
		return TooLate
	case compensating && (m.Action == nil || !m.Action.Accepted):
		return NothingToUndo
	}
	return Decide
}

// verdict is what was decided in one direction; nil if nothing.
func (m *Memory[E]) verdict(compensating bool) *Verdict {
	if compensating {
		return m.Compensation
	}
	return m.Action
}

// with is the memory after one more verdict.
func (m Memory[E]) with(compensating bool, v Verdict) Memory[E] {
	if compensating {
		m.Compensation = &v
	} else {
		m.Action = &v
	}
	return m
}
