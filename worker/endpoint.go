package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"amends/protocol"
)

// Endpoint is one row in the table of a service: a subject, and how a message
// on it is understood. Act, Undo, Query and Lookup make one.
type Endpoint struct {
	subject string
	read    func(s *Service, c *call) (task, error)
}

// Command is a message that asks to do or to undo a step.
type Command interface {
	Validate() error
	Header() protocol.Command
}

// Act is the endpoint of an action. The rule decides a command that was never
// seen before, at a time in microseconds since 1970 UTC: it returns the business
// row to keep and the fields of the <Action>_ok reply, or why it declines. It
// must be pure: it may run more than once before a decision of it is stored.
func Act[C Command, E, R any](subject string, book *Book[E], rule func(cmd C, at int64) (E, R, *protocol.Failure)) Endpoint {
	return command(subject, book, func(cmd C, _ Memory[E], at int64) (decision[E], error) {
		effect, ok, declined := rule(cmd, at)
		return decision[E]{effect: &effect, ok: ok, declined: declined}, nil
	})
}

// Undo is the endpoint of a compensation. The rule sees the business row of an
// action that was accepted, and returns the row as it is afterwards, or why it
// refuses (which an operator will have to look at: D14). A compensation of
// something that never happened is accepted without asking the rule.
func Undo[C Command, E any](subject string, book *Book[E], rule func(cmd C, done E, at int64) (E, *protocol.Failure)) Endpoint {
	return command(subject, book, func(cmd C, m Memory[E], at int64) (decision[E], error) {
		if m.Effect == nil {
			return decision[E]{}, fmt.Errorf("undoing step %d of saga %s: its action was accepted and left no row", m.Step, m.SagaID)
		}
		after, declined := rule(cmd, *m.Effect, at)
		return decision[E]{effect: &after, declined: declined}, nil
	})
}

// Query is the endpoint of a question. find may look at the picture of a guarded
// book, which does not change meanwhile. Its error should be a *protocol.Error,
// such as not_found.
func Query[Q interface{ Validate() error }, E, A any](subject string, book *Book[E], find func(q Q) (A, error)) Endpoint {
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
		return nil, &protocol.Error{Code: protocol.CodeNotFound, Message: "there is no " + replyType + " of that saga and step"}
	}
	return protocol.EncodeReply(protocol.Reply{Type: replyType, SagaID: q.SagaID, Step: q.Step}, known.memory.Effect)
}

// command is the endpoint of an action or a compensation.
func command[C Command, E any](subject string, book *Book[E], decide func(C, Memory[E], int64) (decision[E], error)) Endpoint {
	return Endpoint{subject: subject, read: func(s *Service, c *call) (task, error) {
		var cmd C
		if err := decode(c.data, &cmd); err != nil {
			return task{}, err
		}
		head := cmd.Header()
		id, err := protocol.ParseSagaID(head.SagaID)
		if err != nil {
			return task{}, err
		}
		if err := c.checkKey(id, head); err != nil {
			return task{}, err
		}
		hash, err := hashOf(cmd)
		if err != nil {
			return task{}, err
		}
		cl := claim[E]{
			command: head, step: protocol.StepKey(id, head.Step), hash: hash, now: s.cfg.Now, repeated: c.isRepeated(),
			rule: func(m Memory[E], at int64) (decision[E], error) { return decide(cmd, m, at) },
		}
		return task{command: &head, run: func(ctx context.Context) ([]byte, error) { return cl.settle(ctx, book) }}, nil
	}}
}

func decode[M interface{ Validate() error }](data []byte, into *M) error {
	if _, err := protocol.Decode(data, into); err != nil {
		return err
	}
	return (*into).Validate()
}

// hashOf is the fingerprint of a command's content. What changes from attempt
// to attempt travels in headers and is no part of it.
func hashOf(cmd any) (string, error) {
	canonical, err := json.Marshal(cmd)
	if err != nil {
		return "", fmt.Errorf("hashing a command: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:16]), nil
}
