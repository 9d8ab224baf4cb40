package worker

import (
	"encoding/json"

	"amends/protocol"
)

// Direction says what a command does to its step.
type Direction int

// The directions.
const (
	ToDo      Direction = iota // the action
	ToUndo                     // its compensation
	ToReverse                  // a second compensation: the action was reported done after the first one (D21)
)

func directionOf(c protocol.Command) Direction {
	switch {
	case c.Reversal:
		return ToReverse
	case c.Compensating:
		return ToUndo
	}
	return ToDo
}

// Memory is all that a participant remembers of one step of one saga: its
// verdicts, and the business row that they left behind. It is stored as one
// record, so that verdict and effect cannot diverge. The zero value is a step
// never heard of.
type Memory[E any] struct {
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
	Fence
	Effect *E `json:"effect,omitempty"`
	// Guests are the fences of later steps of the saga that act on this row, such
	// as the capture of an authorization.
	Guests map[int]Fence `json:"guests,omitempty"`
	// Host is the earlier step whose record holds the fence of this one; 0 is
	// this record itself.
	Host int `json:"host,omitempty"`
}

// Fence is what is remembered of the commands of one step.
type Fence struct {
	Action       *Verdict `json:"action,omitempty"`
	Compensation *Verdict `json:"compensation,omitempty"`
	Reversal     *Verdict `json:"reversal,omitempty"`
	Promise      *Promise `json:"promise,omitempty"`
}

// Verdict is an answer that was given once and is given again, byte by byte, to
// every later attempt of the same command.
type Verdict struct {
	Hash     string          `json:"hash"`     // of the command's content
	Accepted bool            `json:"accepted"` // else declined
	At       int64           `json:"at"`       // microseconds since 1970 UTC
	Reply    json.RawMessage `json:"reply"`    // the body of the answer
}

// Promise is a command that was taken in and about which something is still to
// do: to decide it, to tell the result, or to see to it that it has none.
type Promise struct {
	Command protocol.Command `json:"command"`
	Hash    string           `json:"hash"` // of the command's content
	At      int64            `json:"at"`   // microseconds since 1970 UTC
	// Reply is the <Action>_pending that was answered. It is absent if the
	// sender waits for the result itself, and asks again.
	Reply json.RawMessage `json:"reply,omitempty"`
	// Callback is the subject on which the result is awaited; it may be absent.
	Callback string `json:"callback,omitempty"`
	// Withdrawn says that the step was undone before its action was decided:
	// whatever comes of the action elsewhere has to be undone there.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

func (p *Promise) direction() Direction { return directionOf(p.Command) }

// Ruling is what the fence says about a command, before any business rule.
type Ruling int

// The rulings.
const (
	Decide        Ruling = iota // a new command: the ledger decides
	Repeat                      // decided before: give the same answer
	Conflict                    // the same command with other content: refuse, change nothing
	TooLate                     // an action after its compensation: decline for ever (the tombstone)
	NothingToUndo               // a compensation of what was never done, or is undone: accept and remember
	Begun                       // taken in before and not decided yet: go on with it
	Withdraw                    // a compensation of what is not decided yet: it never will take effect
	Busy                        // another command that undoes the step is not decided yet: try again later
)

// Rule is the fence: it looks at what is remembered and says how to treat a
// command. Each of its rules is necessary; with lost, doubled and reordered
// messages, dropping one leaves effects of aborted sagas standing.
func Rule(f *Fence, to Direction, hash string) Ruling {
	known, begun := f.verdict(to), f.begun()
	same := begun != nil && begun.direction() == to
	switch {
	case known != nil && known.Hash != hash, same && begun.Hash != hash:
		return Conflict
	case known != nil:
		return Repeat
	case same:
		return Begun
	case to == ToDo && (f.Compensation != nil || f.Reversal != nil || begun != nil):
		return TooLate
	case to == ToDo:
		return Decide
	case begun != nil && begun.direction() == ToDo:
		return Withdraw
	case begun != nil:
		return Busy
	case !f.isDone() || f.isUndone():
		return NothingToUndo
	}
	return Decide
}

// isDone reports whether the action was accepted.
func (f *Fence) isDone() bool { return f.Action != nil && f.Action.Accepted }

// isUndone reports whether something that undoes the action was accepted.
func (f *Fence) isUndone() bool {
	return f.Compensation != nil && f.Compensation.Accepted || f.Reversal != nil && f.Reversal.Accepted
}

// verdict is what was decided in one direction; nil if nothing.
func (f *Fence) verdict(to Direction) *Verdict {
	switch to {
	case ToUndo:
		return f.Compensation
	case ToReverse:
		return f.Reversal
	}
	return f.Action
}

// begun is the command that was taken in and is not decided yet; nil if none.
func (f *Fence) begun() *Promise {
	if f.Promise == nil || f.verdict(f.Promise.direction()) != nil {
		return nil
	}
	return f.Promise
}

// owes reports whether the participant has to do something about the step by
// itself. A sender that waits for a result asks again; nothing is owed to it.
func (f *Fence) owes() bool {
	return f.Promise != nil && (f.Promise.Reply != nil || f.Promise.Withdrawn)
}

// with is the fence after one more verdict. Whoever undoes a step does not wait
// for the result of its action any more.
func (f Fence) with(to Direction, v Verdict) Fence {
	switch to {
	case ToUndo:
		f.Compensation = &v
	case ToReverse:
		f.Reversal = &v
	default:
		f.Action = &v
	}
	switch {
	case f.Promise == nil || f.Promise.Withdrawn:
	case to == ToDo && f.Promise.Callback == "", to != ToDo && (v.Accepted || f.Promise.direction() == to):
		f.Promise = nil
	}
	return f
}
