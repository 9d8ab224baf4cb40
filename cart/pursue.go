package cart

import (
	"context"
	"errors"
	"time"

	"amends/protocol"

	"github.com/nats-io/nuid"
)

const (
	// retryAfter is how old the last attempt to start a saga must be before it is
	// tried again.
	retryAfter = 5 * time.Second
	// retryWait is how long another attempt waits for the end.
	retryWait = time.Second
	// giveUpAfter is the age at which a checkout is given up that no saga was ever
	// started for: its user has gone away, and must not be surprised by it. A saga
	// that was asked for in the last lastCallBefore may still be on its way.
	giveUpAfter, lastCallBefore = 10 * time.Minute, time.Minute
)

// ReasonNotStarted is the reason of a checkout that was given up.
const ReasonNotStarted = "The checkout was not started in time"

// look finds out how the saga of a checkout stands, and writes down how it ended.
// known is false if there is no such saga.
func (d *desk) look(ctx context.Context, user string, of Checkout) (outcome protocol.Outcome, known bool) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var status protocol.Status
	err := d.ask(asking, protocol.SubjectStatus, protocol.StatusRequest{SagaID: of.SagaID}, &status)
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeSagaNotFound}):
		return running(of.SagaID, protocol.StatusPending), false
	case err != nil || status.SagaID != of.SagaID:
		d.complaint.Warn().Err(err).Str("saga_id", of.SagaID).Msg("cannot see how a checkout stands")
		return running(of.SagaID, protocol.StatusPending), true
	case !hasEnded(status.Status):
		return running(of.SagaID, status.Status), true
	}
	end := End{Status: status.Status, OrderID: status.OrderID, Reason: status.Reason}
	d.settle(ctx, user, of.SagaID, end)
	return outcomeOf(of.SagaID, end), true
}

// pursue is look, and starts the saga if that was never done: its starter died in
// between.
func (d *desk) pursue(ctx context.Context, user string, of Checkout) protocol.Outcome {
	outcome, known := d.look(ctx, user, of)
	if known {
		return outcome
	}
	now := d.now()
	age, since := now.Sub(time.UnixMicro(of.StartedAt)), now.Sub(time.UnixMicro(of.TriedAt))
	switch {
	case since < retryAfter:
		return outcome
	case age > giveUpAfter && since > lastCallBefore:
		end := End{Status: protocol.StatusAborted, Reason: ReasonNotStarted}
		d.settle(ctx, user, of.SagaID, end)
		return outcomeOf(of.SagaID, end)
	}
	return d.startAgain(ctx, user, of)
}

// startAgain makes one more attempt to start the saga of a checkout, unless
// somebody else is at it.
func (d *desk) startAgain(ctx context.Context, user string, of Checkout) protocol.Outcome {
	pending, by := running(of.SagaID, protocol.StatusPending), nuid.Next()
	c, err := d.carts.Change(ctx, user, func(c Cart) (Cart, bool, error) {
		return c.Retry(of, by, d.now().UnixMicro())
	})
	if err != nil || c.Checkout == nil || c.Checkout.By != by {
		return pending
	}
	outcome, err := d.start(ctx, user, *c.Checkout, retryWait)
	if outcome, err = d.conclude(ctx, user, *c.Checkout, outcome, err); err != nil {
		return pending
	}
	return outcome
}

// catchUp shows a cart whose checkout has ended without it.
func (d *desk) catchUp(ctx context.Context, c Cart) Cart {
	if c.Checkout == nil {
		return c
	}
	if outcome, _ := d.look(ctx, c.UserID, *c.Checkout); !hasEnded(outcome.Status) {
		return c
	}
	after, found, err := d.carts.Get(ctx, c.UserID)
	if err != nil || !found {
		return c
	}
	return after
}

// hasEnded tells the statuses after which nothing happens to a saga any more. A
// saga that is STUCK waits for a person, and may end in either way.
func hasEnded(status string) bool {
	switch status {
	case protocol.StatusCompleted, protocol.StatusAborted, protocol.StatusKilled:
		return true
	}
	return false
}

// running says that a checkout has not ended yet.
func running(sagaID, status string) protocol.Outcome {
	return protocol.Outcome{Type: protocol.TypeCheckoutAccepted, SagaID: sagaID, Status: status}
}

// outcomeOf says how a checkout ended. One that failed has a reason, if only that
// it ended so.
func outcomeOf(sagaID string, end End) protocol.Outcome {
	if end.Status == protocol.StatusCompleted {
		return protocol.Outcome{
			Type: protocol.TypeCheckoutComplete, SagaID: sagaID, Status: end.Status, OrderID: end.OrderID,
		}
	}
	return protocol.Outcome{
		Type: protocol.TypeCheckoutFailed, SagaID: sagaID, Status: end.Status,
		Reason: or(end.Reason, "The checkout ended as "+end.Status),
	}
}
