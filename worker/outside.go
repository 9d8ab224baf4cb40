package worker

import (
	"context"
	"errors"
	"fmt"

	"amends/protocol"
)

// Outside is whoever has the last word on what a ledger begins, such as a bank.
// It is asked beside the write path, and never holds up other commands. All of
// its methods are given the command as its sender named it, and the row that the
// ledger has begun; they may be called again and again, by several replicas at
// once, so it has to tell commands apart by their idempotency keys (D6).
//
// Each returns how the ledger finishes what it has begun. An error says that the
// outcome is unknown, never that nothing was done (D9).
type Outside[E any] interface {
	// Find asks what became of a command, and changes nothing. A nil Finish says
	// that the outside has never heard of it.
	Find(ctx context.Context, c protocol.Command, row E) (Finish[E], error)
	// Submit asks for it to be done. What was submitted before is not done again.
	Submit(ctx context.Context, c protocol.Command, row E) (Finish[E], error)
	// Withdraw sees to it that the action is without effect for good, whatever
	// has become of it: what was done is undone, and what comes later is refused.
	// Of the decision that follows only the row counts.
	Withdraw(ctx context.Context, c protocol.Command, row E) (Finish[E], error)
}

// Finish is the rest of a decision that was begun, once the outside has answered.
// The row is the one that is stored now, which others may have changed since. It
// must be pure. Begin says that the outside has taken the command in and has not
// decided it yet.
type Finish[E any] func(row E, at int64) (Decision[E], error)

// Consult lets the ledger of a plain book begin commands about which somebody
// outside decides. It returns the book.
func (b *Book[E]) Consult(o Outside[E]) *Book[E] {
	b.outside = o
	return b
}

// errOutside says that somebody outside could not be asked.
var errOutside = errors.New("the outside gave no answer")

// errUndecided says that the outside has taken a command in and not decided it.
var errUndecided = errors.New("it is not decided yet")

// undecided is what the sender of an attempt is told of errUndecided. The wait
// doubles from attempt to attempt, so that a few of them are enough for an outside
// that takes seconds: 0.2 s after the first one, 6 s in all after five.
func undecided(attempt int) error {
	return &TroubleError{protocol.Trouble{
		Error: "in_progress", Message: "is not decided yet; ask again", Retryable: true, RetryAfterMS: 200 << min(attempt-1, 8),
	}}
}

// ask lets the outside decide what was begun, and stores the verdict. What may
// have been submitted before is looked for first: the answer may be there
// already (D9).
func (b *Book[E]) ask(ctx context.Context, at place, known recalled[E], fresh bool) (recalled[E], error) {
	p, row, err := b.opened(at, known)
	if err != nil {
		return known, err
	}
	var finish Finish[E]
	if !fresh {
		finish, err = b.outside.Find(ctx, p.Command, row)
	}
	if finish == nil && err == nil {
		finish, err = b.outside.Submit(ctx, p.Command, row)
	}
	if err != nil {
		return known, unanswered(at, err)
	}
	return b.finish(ctx, at, known, finish)
}

// finish stores the verdict on what was begun.
func (b *Book[E]) finish(ctx context.Context, at place, known recalled[E], finish Finish[E]) (recalled[E], error) {
	return b.keep(ctx, at.key, known, func(m Memory[E]) (Memory[E], error) {
		p, now := m.fence(at).Promise, b.now().UnixMicro()
		d, err := finish(*m.Effect, now)
		if err != nil {
			return m, fmt.Errorf("finishing step %s: %w", at.key, err)
		}
		if d.begun {
			return m, errUndecided
		}
		return conclude(m, at, p.direction(), p.Command, p.Hash, d, now)
	})
}

// opened is a promise and the row that belongs to it.
func (b *Book[E]) opened(at place, known recalled[E]) (p *Promise, row E, err error) {
	p = known.memory.fence(at).Promise
	switch {
	case b.outside == nil:
		return nil, row, errors.New("a ledger begins a command, and its book consults nobody")
	case p == nil || known.memory.Effect == nil:
		return nil, row, fmt.Errorf("step %s was begun and left no row", at.key)
	}
	return p, *known.memory.Effect, nil
}

// withdraw makes good on a compensation that was accepted before its action was
// decided.
func (b *Book[E]) withdraw(ctx context.Context, at place, known recalled[E]) (recalled[E], error) {
	p, row, err := b.opened(at, known)
	if err != nil {
		return known, err
	}
	finish, err := b.outside.Withdraw(ctx, p.Command, row)
	if err != nil {
		return known, unanswered(at, err)
	}
	return b.keep(ctx, at.key, known, func(m Memory[E]) (Memory[E], error) {
		d, err := finish(*m.Effect, b.now().UnixMicro())
		if err != nil {
			return m, fmt.Errorf("withdrawing step %s: %w", at.key, err)
		}
		if d.begun {
			return m, errUndecided
		}
		m.Effect = d.row
		return m.keptPromise(at), nil
	})
}

// keptPromise is the memory when nothing is owed about a step any more.
func (m Memory[E]) keptPromise(at place) Memory[E] {
	f := m.fence(at)
	f.Promise = nil
	return m.withFence(at, f)
}

// unanswered is the error for an outside that does not decide. What it says about
// trying again is passed on.
func unanswered(at place, err error) error {
	return fmt.Errorf("asking outside about step %s: %w: %w", at.key, errOutside, err)
}
