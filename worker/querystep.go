package worker

import (
	"context"
	"errors"
	"fmt"

	"amends/protocol"
	"amends/store"
)

// QueryStep is the endpoint that tells what became of the action of a step (D9):
// the answer that was given to it, byte by byte; that it was taken in, and its
// result comes later; or that there is none. What was begun and whose sender gave
// up waiting may have been decided outside meanwhile: then that is the answer.
func QueryStep[E any](subject string, book *Book[E]) Endpoint {
	return Endpoint{subject: subject, read: func(_ *Service, c *call) (task, error) {
		var q protocol.QueryStep
		if err := decode(c.data, &q); err != nil {
			return task{}, err
		}
		id, err := protocol.ParseSagaID(q.SagaID)
		if err != nil {
			return task{}, err
		}
		return task{command: &q.Command, run: func(ctx context.Context) ([]byte, error) {
			told, err := book.inquire(ctx, id, q.Step)
			if err != nil {
				return nil, err
			}
			return protocol.EncodeReply(q.Command.Reply(protocol.SuffixOK), told)
		}}, nil
	}}
}

// inquire finds out what became of an action.
func (b *Book[E]) inquire(ctx context.Context, id protocol.SagaID, step int) (protocol.QueryStepOK, error) {
	known, at, err := b.locate(ctx, id, step)
	for range maxTries {
		f := known.memory.fence(at)
		p := f.begun()
		switch {
		case errors.Is(err, errUndecided):
			return protocol.QueryStepOK{Outcome: protocol.OutcomePending}, nil
		case errors.Is(err, errUnheard):
			return protocol.QueryStepOK{Outcome: protocol.OutcomeNone}, nil
		case err != nil:
			return protocol.QueryStepOK{}, err
		case f.Action != nil:
			return protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: f.Action.Reply}, nil
		case p == nil || p.direction() != ToDo:
			return protocol.QueryStepOK{Outcome: protocol.OutcomeNone}, nil
		case p.Reply != nil:
			return protocol.QueryStepOK{Outcome: protocol.OutcomePending}, nil
		}
		known, err = b.discover(ctx, at, known)
	}
	return protocol.QueryStepOK{}, fmt.Errorf("asking about step %s: %w", at.key, store.ErrConflict)
}

// errUnheard says that the outside has never heard of a command.
var errUnheard = errors.New("was never submitted")

// discover stores the verdict on what was begun if the outside has one. It
// submits nothing.
func (b *Book[E]) discover(ctx context.Context, at place, known recalled[E]) (recalled[E], error) {
	p, row, err := b.opened(at, known)
	if err != nil {
		return known, err
	}
	finish, err := b.outside.Find(ctx, p.Command, row)
	switch {
	case err != nil:
		return known, unanswered(at, err)
	case finish == nil:
		return known, errUnheard
	}
	return b.finish(ctx, at, known, finish)
}
