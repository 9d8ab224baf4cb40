package worker

import (
	"context"
	"encoding/json"
	"strings"

	"amends/protocol"
)

// Question is a message that changes nothing.
type Question interface{ Validate() error }

// Query is the endpoint of a question. find may look at the picture of a guarded
// book, which does not change meanwhile. Its error should be a *protocol.Error,
// such as not_found.
func Query[Q Question, E, A any](subject string, book *Book[E], find func(q Q) (A, error)) Endpoint {
	return Serve(subject, func(ctx context.Context, q Q) (a A, err error) {
		gone := book.look(ctx, func() { a, err = find(q) })
		if gone != nil {
			return a, gone
		}
		return a, err
	})
}

// StepQuestion is a question about one step of a saga. StepOf may be asked once
// the question is found valid.
type StepQuestion interface {
	Question
	StepOf() (sagaID string, step int)
}

// StepQuery is protocol.RowQuery as a question about one step.
type StepQuery struct{ protocol.RowQuery }

// StepOf is the step that is asked for.
func (q StepQuery) StepOf() (sagaID string, step int) { return q.SagaID, q.Step }

// Lookup is the endpoint that answers a question about one step with the business
// row of that step, under the given type, or with not_found when there is none:
// nothing was asked for, or it was declined (D9, S2-16). holds tells whether a row is
// the one that is asked for, for questions that name a step by an id that was made
// for it.
func Lookup[Q StepQuestion, E any](subject, replyType string, book *Book[E], holds func(q Q, row E) bool) Endpoint {
	return Serve(subject, func(ctx context.Context, q Q) (json.RawMessage, error) {
		sagaID, step := q.StepOf()
		id, err := protocol.ParseSagaID(sagaID)
		if err != nil {
			return nil, err
		}
		known, _, err := book.locate(ctx, id, step)
		if err != nil {
			return nil, err
		}
		if row := known.memory.Effect; row != nil && holds(q, *row) {
			return protocol.EncodeReply(protocol.Reply{Type: replyType, SagaID: sagaID, Step: step}, row)
		}
		return nil, &protocol.Error{
			Code: protocol.CodeNotFound, Message: strings.ToUpper(replyType[:1]) + replyType[1:] + " not found",
		}
	})
}

// locate reads the record that holds the fence of a step.
func (b *Book[E]) locate(ctx context.Context, id protocol.SagaID, step int) (known recalled[E], at place, err error) {
	at = ownPlace(id, step)
	known, err = b.recall(ctx, at.key)
	for err == nil && known.memory.Host != 0 && known.memory.Host < at.step {
		at = guestPlace(id, known.memory.Host, step)
		known, err = b.recall(ctx, at.key)
	}
	return known, at, err
}
