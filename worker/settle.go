package worker

import (
	"context"
	"fmt"

	"amends/protocol"
	"amends/store"
)

// maxTries bounds how often one command is ruled on anew because another writer
// was faster. Beyond it the sender is asked to try again.
const maxTries = 64

// ReasonCompensated is the error of an action that came after its compensation.
const ReasonCompensated = "compensated"

// claim is one command on its way through fence and ledger.
type claim[E any] struct {
	id       protocol.SagaID
	command  protocol.Command
	to       Direction
	hash     string // of the command's content
	host     int    // the step on whose row it acts, as it says itself; 0 is its own
	callback string // where its result may be sent later, by its headers
	repeated bool   // as its sender says
	decide   func(row *E, at int64) (Decision[E], error)

	at   place    // where it is remembered, as far as is known
	mine *Promise // what this very attempt has begun
}

// settle gives the one answer that this command has for ever. A new verdict is
// stored together with its effect before it is given (D24, D25): once it is
// remembered, the fence calls the command a repetition, whoever stored it.
//
// An action sent for the first time is tried without reading; the condition on
// its write finds out if it is not new.
func (c claim[E]) settle(ctx context.Context, book *Book[E]) ([]byte, error) {
	c.at = ownPlace(c.id, c.command.Step)
	var known recalled[E]
	var err error
	if c.to != ToDo || c.repeated {
		known, err = book.recall(ctx, c.at.key)
	}
	for range maxTries {
		if err != nil {
			return nil, err
		}
		if host := known.memory.Host; host != 0 {
			c.at = guestPlace(c.id, host, c.command.Step)
			known, err = book.recall(ctx, c.at.key)
			continue
		}
		f := known.memory.fence(c.at)
		ruling := Rule(&f, c.to, c.hash)
		if answer, err := c.answer(ruling, &f); answer != nil || err != nil {
			return answer, err
		}
		known, err = c.proceed(ctx, book, known, ruling)
	}
	return nil, fmt.Errorf("settling step %s: others were faster %d times: %w", c.at.key, maxTries, store.ErrConflict)
}

// answer is what the fence can say without the ledger; nil if nothing.
func (c *claim[E]) answer(ruling Ruling, f *Fence) ([]byte, error) {
	switch ruling {
	case Repeat:
		return f.verdict(c.to).Reply, nil
	case Begun:
		return f.begun().Reply, nil
	case Conflict:
		return nil, &protocol.Error{
			Code: protocol.CodeIdempotencyConflict, Message: "this step was asked for before with other content",
		}
	case TooLate:
		return protocol.EncodeReply(c.command.Reply(protocol.SuffixFailed), protocol.Failure{Error: ReasonCompensated})
	case Busy:
		return nil, &protocol.Error{
			Code: protocol.CodeUnavailable, Message: "another command that undoes this step is not decided yet; try again",
		}
	}
	return nil, nil
}

// proceed stores what follows from a ruling, and returns what is remembered then.
func (c *claim[E]) proceed(ctx context.Context, book *Book[E], known recalled[E], ruling Ruling) (recalled[E], error) {
	next := func(m Memory[E]) (Memory[E], error) { return c.decided(m, book.now().UnixMicro()) }
	switch {
	case ruling == Begun:
		return book.ask(ctx, c.at, known, known.memory.fence(c.at).Promise == c.mine)
	case c.host != 0 && c.at.guest == 0 && known.memory.isBlank():
		next = c.pointed
	case ruling == Withdraw:
		next = func(m Memory[E]) (Memory[E], error) { return c.withdrawn(m, book.now().UnixMicro()) }
	case ruling == NothingToUndo && !c.undoesOther(&known.memory):
		next = func(m Memory[E]) (Memory[E], error) { return c.left(m, book.now().UnixMicro()) }
	}
	return book.keep(ctx, c.at.key, known, next)
}
