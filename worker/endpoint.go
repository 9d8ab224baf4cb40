package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
)

// Endpoint is one row in the table of a service: a subject, and how a message
// on it is understood. Act, Undo, Handle, Query, Lookup, QueryStep and Serve make one.
type Endpoint struct {
	subject string
	read    func(s *Service, c *call) (task, error)
	fault   faultPlan     // nil if nothing goes wrong on purpose
	limit   int           // of messages in work at once; 0 is that of the service
	timeout time.Duration // for the work on one message; 0 is callTimeout
	gate    *gate         // where the messages are counted; set by the service
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
// D14). It must be pure as well. It decides reversals, too (D21).
type Compensation[C Command, E any] func(cmd C, row E, at int64) (after E, declined *protocol.Failure)

// Rules is the long form of an Action or a Compensation, for commands whose
// decision is not theirs alone or concerns the row of another step.
type Rules[C Command, E any] struct {
	// Compensating says that the command undoes a step.
	Compensating bool
	// Decide is the ledger. The row is nil if there is none: a compensation only
	// sees that if it names a Host. It must be pure. An error means that the row
	// makes no sense.
	Decide func(cmd C, row *E, at int64) (Decision[E], error)
	// Host names the earlier step of the same saga on whose row the command acts,
	// such as the authorization that it captures; the row and the fence of the
	// command are then one record. 0, or a nil Host, is the command's own step.
	Host func(cmd C) (step int)
}

// Act is the endpoint of an action.
func Act[C Command, E, R any](subject string, book *Book[E], decide Action[C, E, R]) Endpoint {
	return Handle(subject, book, Rules[C, E]{Decide: func(cmd C, before *E, at int64) (Decision[E], error) {
		row, ok, declined := decide(cmd, at)
		if declined != nil {
			return Decline(before, declined), nil
		}
		return Accept(&row, ok), nil
	}})
}

// Undo is the endpoint of a compensation. What never happened is undone without
// asking the ledger.
func Undo[C Command, E any](subject string, book *Book[E], decide Compensation[C, E]) Endpoint {
	return Handle(subject, book, Rules[C, E]{Compensating: true, Decide: func(cmd C, row *E, at int64) (Decision[E], error) {
		if row == nil {
			return Decision[E]{}, errors.New("the action was accepted and left no row")
		}
		after, declined := decide(cmd, *row, at)
		if declined != nil {
			return Decline(row, declined), nil
		}
		return Accept(&after, nil), nil
	}})
}

// Handle is the endpoint of an action or a compensation with rules in their long
// form.
func Handle[C Command, E any](subject string, book *Book[E], r Rules[C, E]) Endpoint {
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
		if err := c.check(id, head, r.Compensating); err != nil {
			return task{}, err
		}
		host, err := r.host(cmd)
		if err != nil {
			return task{}, err
		}
		hash, err := hashOf(cmd)
		if err != nil {
			return task{}, err
		}
		cl := claim[E]{
			id: id, command: head, to: directionOf(head), hash: hash, host: host,
			callback: c.header.Get(protocol.HeaderCallback), repeated: c.attempt() > 1,
			decide: func(row *E, at int64) (Decision[E], error) { return r.Decide(cmd, row, at) },
		}
		return task{
			command: &head, message: cmd,
			run: func(ctx context.Context) ([]byte, error) { return cl.settle(ctx, book) },
		}, nil
	}}
}

// host is the step on whose row a command acts; 0 is its own. Only an earlier
// step can be one, so that no two records ever point at each other.
func (r Rules[C, E]) host(cmd C) (int, error) {
	if r.Host == nil {
		return 0, nil
	}
	own, host := cmd.Header().Step, r.Host(cmd)
	switch {
	case host > own:
		return 0, &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "step", Message: "acts on a step that comes later; it can only on an earlier one",
		}
	case host < 1 || host == own:
		return 0, nil
	}
	return host, nil
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
