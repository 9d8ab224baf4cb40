package cart

import (
	"context"
	"errors"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nuid"
)

const (
	// startGrace is how long the answer to a start may take beyond the wait that it
	// asks for.
	startGrace = 2 * time.Second
	// settleTimeout bounds the writing down of how a checkout ended.
	settleTimeout = 3 * time.Second
	// firstLook and longestLook are the waits between two looks at a checkout that
	// somebody else began.
	firstLook, longestLook = 25 * time.Millisecond, time.Second
)

// noAddress is where a cart goes for which no address was given: a definition
// without a shipment does not care, and to any other it says that it cannot be
// shipped.
const noAddress = "undeliverable: the cart was checked out without an address"

// checkout answers cart.checkout. What is bought is written down before the saga
// is asked for: from then on the cart will be emptied if it is bought, and be as
// it was if not, whatever becomes of this process (S3-07).
func (d *desk) checkout(ctx context.Context, q protocol.CartCheckout) (answer, error) {
	by := nuid.Next()
	c, err := d.begin(ctx, q, by)
	if of := c.Checkout; of != nil && of.By != by && len(c.Items) > 0 && d.isBought(ctx, c.UserID, *of) {
		// What lies in the cart now is not what that one has bought.
		c, err = d.begin(ctx, q, by)
	}
	if no, refused := errors.AsType[*Refused](err); refused {
		return no.CartFailed, nil
	}
	if err != nil {
		d.complaint.Warn().Err(err).Msg("a checkout may have begun, or not")
		return nil, &protocol.Error{
			Code: protocol.CodeUnavailable, Message: "it is not known whether the checkout has begun; look at the cart",
		}
	}
	wait := waitOf(q)
	switch {
	case c.Checkout == nil:
		return outcomeOf(c.Last.SagaID, c.Last.End), nil
	case c.Checkout.By == by:
		outcome, err := d.start(ctx, c.UserID, *c.Checkout, wait)
		return d.conclude(ctx, c.UserID, *c.Checkout, outcome, err)
	}
	return d.join(ctx, c.UserID, *c.Checkout, wait)
}

// begin locks what lies in a cart, and returns the cart as it is then.
func (d *desk) begin(ctx context.Context, q protocol.CartCheckout, by string) (Cart, error) {
	return d.carts.Change(ctx, q.User(), func(c Cart) (Cart, bool, error) {
		return c.named(q.User(), by).Begin(q, by, d.now().UnixMicro())
	})
}

// isBought tells whether a checkout has completed, without this process.
func (d *desk) isBought(ctx context.Context, user string, of Checkout) bool {
	outcome, _ := d.look(ctx, user, of)
	return outcome.Status == protocol.StatusCompleted
}

func waitOf(q protocol.CartCheckout) time.Duration {
	if q.WaitMS == nil {
		return protocol.DefaultWaitMS * time.Millisecond
	}
	return time.Duration(*q.WaitMS) * time.Millisecond
}

// start asks for the saga of a checkout. Every attempt asks for the same, by the
// same saga_id, so that there is one saga at the most.
func (d *desk) start(ctx context.Context, user string, of Checkout, wait time.Duration) (protocol.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+startGrace)
	defer cancel()
	var outcome protocol.Outcome
	err := d.ask(ctx, protocol.SubjectStart, protocol.StartRequest{
		Type: protocol.TypeCheckout, SagaID: of.SagaID, Definition: Definition, UserID: user, Items: of.Items,
		ShippingAddress: or(of.Address, noAddress), Amount: of.Amount, Currency: of.Currency,
		WaitMS: new(wait.Milliseconds()),
	}, &outcome)
	if err == nil && outcome.SagaID != of.SagaID {
		err = fmt.Errorf("starting saga %s: the answer is one of another saga", of.SagaID)
	}
	return outcome, err
}

// conclude draws the conclusions from the answer to a start.
func (d *desk) conclude(ctx context.Context, user string, of Checkout, outcome protocol.Outcome, err error) (protocol.Outcome, error) {
	if err == nil {
		if hasEnded(outcome.Status) {
			d.settle(ctx, user, of.SagaID, End{Status: outcome.Status, OrderID: outcome.OrderID, Reason: outcome.Reason})
		}
		return outcome, nil
	}
	if isRefusal(err) && d.withdraw(ctx, user, of, err) {
		return protocol.Outcome{}, toldAs(err)
	}
	// Nobody knows. The checkout stays, and is looked after until somebody does.
	d.complaint.Warn().Err(err).Str("saga_id", of.SagaID).Msg("a checkout has no answer yet")
	return running(of.SagaID, protocol.StatusPending), nil
}

// isRefusal tells an answer to a start after which it has started no saga.
func isRefusal(err error) bool {
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return refusal.Code != protocol.CodeUnavailable && refusal.Code != protocol.CodeInternal
	}
	return errors.Is(err, errUndelivered)
}

// toldAs is what the user is told of a refusal.
func toldAs(err error) error {
	if errors.Is(err, errUndelivered) {
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "checkouts are not taken now; the cart is as it was; try again"}
	}
	return err
}

// withdraw takes a checkout back whose saga was refused. It says whether the cart
// is as it was before.
func (d *desk) withdraw(ctx context.Context, user string, of Checkout, refusal error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	taken := errors.Is(refusal, &protocol.Error{Code: protocol.CodeSagaIDConflict})
	c, err := d.carts.Change(ctx, user, func(c Cart) (Cart, bool, error) {
		return c.Withdraw(of, taken, d.now().UnixMicro())
	})
	if err != nil {
		d.complaint.Warn().Err(err).Str("saga_id", of.SagaID).Msg("a checkout that was refused cannot be taken back yet")
	}
	return err == nil && (c.Checkout == nil || c.Checkout.SagaID != of.SagaID)
}

// settle writes down how a checkout ended. What cannot be written now is written
// when the cart is looked at again.
func (d *desk) settle(ctx context.Context, user, sagaID string, end End) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	_, err := d.carts.Change(ctx, user, func(c Cart) (Cart, bool, error) {
		return c.Settle(sagaID, end, d.now().UnixMicro())
	})
	if err != nil {
		d.complaint.Warn().Err(err).Str("saga_id", sagaID).Msg("the end of a checkout cannot be written down yet")
	}
}

// join waits for the end of a checkout that another request has begun, and helps
// it along if nobody does any more.
func (d *desk) join(ctx context.Context, user string, of Checkout, wait time.Duration) (answer, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		if outcome := d.pursue(ctx, user, of); hasEnded(outcome.Status) {
			return outcome, nil
		}
		select {
		case <-time.After(pause):
		case <-over.C:
			return running(of.SagaID, protocol.StatusPending), nil
		case <-ctx.Done():
			return running(of.SagaID, protocol.StatusPending), nil
		}
		c, _, err := d.carts.Get(ctx, user)
		switch {
		case err != nil: // perhaps the next time
		case c.Checkout != nil && c.Checkout.SagaID == of.SagaID:
			of = *c.Checkout
		case c.Last != nil && c.Last.SagaID == of.SagaID:
			return outcomeOf(of.SagaID, c.Last.End), nil
		default:
			return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the checkout was not taken; the cart is as it was; try again"}
		}
	}
}
