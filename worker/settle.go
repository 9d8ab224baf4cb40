package worker

import (
	"context"
	"errors"
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

// decision is what a ledger says about a new command.
type decision[E any] struct {
	effect   *E  // the business row as it is now; of a decline it is ignored
	ok       any // the fields of the _ok reply; nil for none
	declined *protocol.Failure
}

// claim is one command on its way through fence and ledger.
type claim[E any] struct {
	command protocol.Command
	step    string // <saga_id>.<step>
	hash    string // of the command's content
	rule    func(m Memory[E], at int64) (decision[E], error)
	now     func() time.Time
}

// settle gives the one answer that this command has for ever: the answer given
// before, or a new one, which is stored together with its effect before it is
// returned (D24, D25). An action is expected to be new, so it is tried without
// reading first; the compare-and-set finds out if that is wrong.
func (c claim[E]) settle(ctx context.Context, book *Book[E]) ([]byte, error) {
	var known recalled[E]
	var err error
	if c.command.Compensating {
		if known, err = book.recall(ctx, c.step); err != nil {
			return nil, err
		}
	}
	for range maxTries {
		reply, err := c.try(ctx, book, known)
		if err == nil {
			return reply, nil
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrUnknown) {
			return nil, err
		}
		// A write of unknown outcome may be there: then the fence recognises
		// the command, and the stored answer is the answer.
		if known, err = book.recall(ctx, c.step); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("settling step %d of saga %s: %d other writers were faster: %w",
		c.command.Step, c.command.SagaID, maxTries, store.ErrConflict)
}

// try rules once on a command, knowing what is remembered of its step.
func (c claim[E]) try(ctx context.Context, book *Book[E], known recalled[E]) ([]byte, error) {
	switch Rule(&known.memory, c.command.Compensating, c.hash) {
	case Repeat:
		return known.memory.verdict(c.command.Compensating).Reply, nil
	case Conflict:
		return nil, &protocol.Error{
			Code:    protocol.CodeIdempotencyConflict,
			Message: "this step was asked for before with other content",
		}
	case TooLate:
		return protocol.EncodeReply(c.command.Reply(protocol.SuffixFailed), protocol.Failure{Error: ReasonCompensated})
	case NothingToUndo:
		return c.keep(ctx, book, known, func(m Memory[E], _ int64) (decision[E], error) {
			return decision[E]{effect: m.Effect}, nil
		})
	}
	return c.keep(ctx, book, known, c.rule)
}

// keep stores what the rule decides, and only then returns the answer.
func (c claim[E]) keep(ctx context.Context, book *Book[E], known recalled[E], rule func(Memory[E], int64) (decision[E], error)) ([]byte, error) {
	next := known.memory
	err := book.keep(ctx, c.step, known.revision, func() (Memory[E], error) {
		var err error
		next, err = c.decide(known.memory, rule)
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return next.verdict(c.command.Compensating).Reply, nil
}

func (c claim[E]) decide(m Memory[E], rule func(Memory[E], int64) (decision[E], error)) (Memory[E], error) {
	at := c.now().UnixMicro()
	d, err := rule(m, at)
	if err != nil {
		return m, err
	}
	v := Verdict{Hash: c.hash, Accepted: d.declined == nil, At: at}
	if v.Reply, err = c.reply(d); err != nil {
		return m, err
	}
	m.SagaID, m.Step = c.command.SagaID, c.command.Step
	if v.Accepted {
		m.Effect = d.effect
	}
	return m.with(c.command.Compensating, v), nil
}

func (c claim[E]) reply(d decision[E]) ([]byte, error) {
	if d.declined != nil {
		return protocol.EncodeReply(c.command.Reply(protocol.SuffixFailed), d.declined)
	}
	return protocol.EncodeReply(c.command.Reply(protocol.SuffixOK), d.ok)
}
