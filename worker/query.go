package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"amends/protocol"
)

// Question is a message that changes nothing.
type Question interface{ Validate() error }

// Query is the endpoint of a question. find may look at the picture of a guarded
// book, which does not change meanwhile. Its error should be a *protocol.Error,
// such as not_found.
func Query[Q Question, E, A any](subject string, book *Book[E], find func(q Q) (A, error)) Endpoint {
	return Endpoint{subject: subject, read: func(_ *Service, c *call) (task, error) {
		var q Q
		if err := decode(c.data, &q); err != nil {
			return task{}, err
		}
		return task{run: func(ctx context.Context) ([]byte, error) {
			var a A
			var err error
			if gone := book.look(ctx, func() { a, err = find(q) }); gone != nil {
				return nil, gone
			}
			if err != nil {
				return nil, err
			}
			return json.Marshal(a)
		}}, nil
	}}
}

// StepQuery asks a participant for what it holds for one step of a saga.
type StepQuery struct {
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
}

// Validate checks the query. The error is a *protocol.Error.
func (q StepQuery) Validate() error {
	if _, err := protocol.ParseSagaID(q.SagaID); err != nil {
		return err
	}
	if q.Step < 1 || q.Step > protocol.MaxSteps {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "step",
			Message: fmt.Sprintf("must be from 1 to %d", protocol.MaxSteps),
		}
	}
	return nil
}

// Lookup is the endpoint that answers a StepQuery with the business row of that
// step, under the given type, or with not_found when there is none: nothing was
// asked for, or it was declined (D9, S2-16).
func Lookup[E any](subject, replyType string, book *Book[E]) Endpoint {
	return Endpoint{subject: subject, read: func(_ *Service, c *call) (task, error) {
		var q StepQuery
		if err := decode(c.data, &q); err != nil {
			return task{}, err
		}
		return task{run: func(ctx context.Context) ([]byte, error) { return lookup(ctx, replyType, book, q) }}, nil
	}}
}

func lookup[E any](ctx context.Context, replyType string, book *Book[E], q StepQuery) ([]byte, error) {
	id, err := protocol.ParseSagaID(q.SagaID)
	if err != nil {
		return nil, err
	}
	known, err := book.recall(ctx, protocol.StepKey(id, q.Step))
	if err != nil {
		return nil, err
	}
	if known.memory.Effect == nil {
		return nil, &protocol.Error{
			Code: protocol.CodeNotFound, Message: "there is no " + replyType + " of that saga and step",
		}
	}
	return protocol.EncodeReply(protocol.Reply{Type: replyType, SagaID: q.SagaID, Step: q.Step}, known.memory.Effect)
}
