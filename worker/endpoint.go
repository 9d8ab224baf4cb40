package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

// Action decides a command that was never seen before, at a time in microseconds
// since 1970 UTC: it returns the business row to keep and the fields of the
// <Action>_ok reply, or why it declines. It must be pure: it may run more than
// once before a decision of it is stored.
type Action[C Command, E, R any] func(cmd C, at int64) (row E, ok R, declined *protocol.Failure)

// Compensation undoes an action that was accepted: it returns the business row
// as it is afterwards, or why it refuses (which an operator will have to look at:
// D14). It must be pure as well.
type Compensation[C Command, E any] func(cmd C, row E, at int64) (after E, declined *protocol.Failure)

// Act is the endpoint of an action.
func Act[C Command, E, R any](subject string, book *Book[E], decide Action[C, E, R]) Endpoint {
	return command(subject, false, book, func(cmd C, _ Memory[E], at int64) (decision[E], error) {
		row, ok, declined := decide(cmd, at)
		return decision[E]{effect: &row, ok: ok, declined: declined}, nil
	})
}

// Undo is the endpoint of a compensation. What never happened is undone without
// asking the ledger.
func Undo[C Command, E any](subject string, book *Book[E], decide Compensation[C, E]) Endpoint {
	return command(subject, true, book, func(cmd C, m Memory[E], at int64) (decision[E], error) {
		if m.Effect == nil {
			return decision[E]{}, errors.New("the action was accepted and left no row")
		}
		after, declined := decide(cmd, *m.Effect, at)
		return decision[E]{effect: &after, declined: declined}, nil
	})
}

// ledger decides a command of either direction.
type ledger[C Command, E any] func(cmd C, m Memory[E], at int64) (decision[E], error)

// command is the endpoint of an action or a compensation.
func command[C Command, E any](subject string, compensating bool, book *Book[E], decide ledger[C, E]) Endpoint {
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
		if err := c.check(id, head, compensating); err != nil {
			return task{}, err
		}
		hash, err := hashOf(cmd)
		if err != nil {
			return task{}, err
		}
		cl := claim[E]{
			command: head, step: protocol.StepKey(id, head.Step), hash: hash, repeated: c.isRepeated(), now: s.cfg.Now,
			rule: func(m Memory[E], at int64) (decision[E], error) { return decide(cmd, m, at) },
		}
		return task{command: &head, run: func(ctx context.Context) ([]byte, error) { return cl.settle(ctx, book) }}, nil
	}}
}

func decode[M Question](data []byte, into *M) error {
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
