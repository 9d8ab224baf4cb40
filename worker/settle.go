package worker

import (
	"context"
	"fmt"
	"time"

	"amends/protocol"
	"amends/store"
)

// maxTries bounds how often one command is ruled on anew because another writer
// was faster. Beyond it the sender is asked to try again.
const maxTries = 64

// ReasonCompensated is the error of an action that came after its compensation.
const ReasonCompensated = "compensated"

// rule is what a ledger does with a new command.
type rule[E any] func(m Memory[E], at int64) (decision[E], error)

// decision is what a ledger says about it.
type decision[E any] struct {
	effect   *E                // the business row as it is now
	ok       any               // the fields of the _ok reply; nil for none
	declined *protocol.Failure // nil if accepted; else effect and ok have no meaning
}

// claim is one command on its way through fence and ledger.
type claim[E any] struct {
	command  protocol.Command
	step     string // <saga_id>.<step>
	hash     string // of the command's content
	repeated bool   // as its sender says
	rule     rule[E]
	now      func() time.Time
}

// settle gives the one answer that this command has for ever. A new verdict is
// stored together with its effect before it is given (D24, D25): once it is
// remembered, the fence calls the command a repetition, whoever stored it.
//
// An action sent for the first time is tried without reading; the condition on
// its write finds out if it is not new.
func (c claim[E]) settle(ctx context.Context, book *Book[E]) ([]byte, error) {
	var known recalled[E]
	var err error
	if c.command.Compensating || c.repeated {
		known, err = book.recall(ctx, c.step)
	}
	for range maxTries {
		if err != nil {
			return nil, err
		}
		decide := c.rule
		switch Rule(&known.memory, c.command.Compensating, c.hash) {
		case Repeat:
			return known.memory.verdict(c.command.Compensating).Reply, nil
		case Conflict:
			return nil, &protocol.Error{
				Code: protocol.CodeIdempotencyConflict, Message: "this step was asked for before with other content",
			}
		case TooLate:
			return protocol.EncodeReply(c.command.Reply(protocol.SuffixFailed), protocol.Failure{Error: ReasonCompensated})
		case NothingToUndo:
			decide = leaveAsItIs
		}
		known, err = book.keep(ctx, c.step, known, func(m Memory[E]) (Memory[E], error) { return c.decide(m, decide) })
	}
	return nil, fmt.Errorf("settling step %s: others were faster %d times: %w", c.step, maxTries, store.ErrConflict)
}

// leaveAsItIs accepts a compensation of what never happened.
func leaveAsItIs[E any](m Memory[E], _ int64) (decision[E], error) {
	return decision[E]{effect: m.Effect}, nil
}

// decide is the memory after a new verdict.
func (c claim[E]) decide(m Memory[E], decide rule[E]) (Memory[E], error) {
	at := c.now().UnixMicro()
	d, err := decide(m, at)
	if err != nil {
		return m, fmt.Errorf("deciding on step %s: %w", c.step, err)
	}
	v := Verdict{Hash: c.hash, Accepted: d.declined == nil, At: at}
	if v.Accepted {
		v.Reply, err = protocol.EncodeReply(c.command.Reply(protocol.SuffixOK), d.ok)
		m.Effect = d.effect
	} else {
		v.Reply, err = protocol.EncodeReply(c.command.Reply(protocol.SuffixFailed), d.declined)
	}
	m.SagaID, m.Step = c.command.SagaID, c.command.Step
	return m.with(c.command.Compensating, v), err
}
