package payment

import (
	"fmt"
	"slices"
	"time"

	"amends/protocol"
)

// Outcome is what a command comes to once the gateway has answered.
type Outcome struct {
	Row      *Payment          // as it is then; nil for none
	OK       any               // the fields of the _ok reply; nil for none
	Declined *protocol.Failure // nil if accepted, or open
	Open     bool              // the gateway has not decided yet; the row is as before
}

// OrderOf is what the gateway has to be asked for a command that was begun in
// this row.
func OrderOf(row *Payment, c protocol.Command, at int64) (Order, error) {
	o := Order{Key: keyOf(c), UserID: row.UserID, At: at}
	amount := protocol.Decimal("")
	switch c.Type {
	case protocol.TypeChargePayment, protocol.TypeRequestPayment:
		o.Kind, amount = KindCharge, row.Amount
	case protocol.TypeAuthorizePayment:
		o.Kind, amount = KindAuthorize, row.Authorization.Amount
	case protocol.TypeCapturePayment:
		o.Kind, o.Of = KindCapture, actionKey(c.SagaID, stepOf("a-", c.SagaID, row.authorizationID()))
		if taken := row.captured(paymentID(c.SagaID, c.Step)); taken != nil {
			amount = taken.Amount
		}
	case protocol.TypeRefundPayment, protocol.TypeVoidPayment:
		taken, refund := row.openRefund(c)
		if refund == nil {
			o.Kind, o.Of = KindReverse, actionKey(c.SagaID, stepOf("a-", c.SagaID, row.authorizationID()))
			return o, nil
		}
		o.Kind, o.Of, amount = KindRefund, actionKey(c.SagaID, stepOf("p-", c.SagaID, taken.PaymentID)), refund.Amount
	}
	var err error
	o.Amount, err = row.money(amount)
	return o, err
}

// ReverseOf is how the gateway is asked to undo an action that was withdrawn
// before it was decided. Its key is that of the compensation.
func ReverseOf(row *Payment, c protocol.Command, at int64) Order {
	undo := protocol.Command{SagaID: c.SagaID, Step: c.Step, Compensating: true}
	return Order{Key: keyOf(undo), Kind: KindReverse, Of: keyOf(c), UserID: row.UserID, At: at}
}

// keyOf is the idempotency key of a command that was validated (D6).
func keyOf(c protocol.Command) string {
	id, err := protocol.ParseSagaID(c.SagaID)
	switch {
	case err != nil:
		return ""
	case c.Reversal:
		return protocol.ReversalKey(id, c.Step)
	}
	return protocol.IdempotencyKey(id, c.Step, c.Compensating)
}

func actionKey(sagaID string, step int) string {
	return keyOf(protocol.Command{SagaID: sagaID, Step: step})
}

// Finish takes the answer of the gateway in. It returns the row and the verdict
// on the command that was begun in it.
func Finish(before Payment, c protocol.Command, r Receipt, at int64) (Outcome, error) {
	if r.State != Approved && r.State != Declined {
		return Outcome{Row: &before, Open: true}, nil
	}
	row := before.clone()
	switch c.Type {
	case protocol.TypeChargePayment, protocol.TypeRequestPayment:
		return row.finishCharge(r, at), nil
	case protocol.TypeAuthorizePayment:
		return row.finishAuthorization(r, at), nil
	case protocol.TypeCapturePayment:
		return row.finishCapture(c, r, at)
	}
	return row.finishUndo(c, r, at)
}

// finishCharge ends a charge (S0-10, S0-14). A decline leaves no row.
func (p *Payment) finishCharge(r Receipt, at int64) Outcome {
	if r.State == Declined {
		return Outcome{Declined: &r.Failure}
	}
	p.TransactionID, p.Status, p.CapturedAt = r.TransactionID, Captured, at
	return Outcome{Row: p, OK: protocol.ChargePaymentOK{PaymentID: p.PaymentID, TransactionID: p.TransactionID}}
}

func (p *Payment) finishAuthorization(r Receipt, at int64) Outcome {
	if r.State == Declined {
		return Outcome{Declined: &r.Failure}
	}
	a := p.Authorization
	a.TransactionID, a.Status, a.AuthorizedAt, a.ExpiresAt = r.TransactionID, Authorized, at, r.ExpiresAt
	return Outcome{Row: p, OK: protocol.AuthorizePaymentOK{
		AuthorizationID: a.AuthorizationID, ExpiresAt: time.UnixMicro(a.ExpiresAt).UTC().Format(time.RFC3339Nano),
	}}
}

func (p *Payment) finishCapture(c protocol.Command, r Receipt, at int64) (Outcome, error) {
	taken := p.captured(paymentID(c.SagaID, c.Step))
	if taken == nil {
		return Outcome{}, fmt.Errorf("the row of %s has no capture of step %d", p.authorizationID(), c.Step)
	}
	if r.State == Declined {
		p.forget(taken)
		return Outcome{Row: p, Declined: &r.Failure}, nil
	}
	taken.TransactionID, taken.Status, taken.CapturedAt = r.TransactionID, Captured, at
	if p.isReversed() {
		// It was reversed with its authorization, just after the gateway had approved it.
		taken.returned(c, at)
		p.Authorization.Status = Refunded
		return Outcome{Row: p, Declined: no(ReasonAuthorizationVoided)}, nil
	}
	return Outcome{Row: p, OK: protocol.ChargePaymentOK{PaymentID: taken.PaymentID, TransactionID: taken.TransactionID}}, nil
}

// forget takes a capture out that was never made.
func (p *Payment) forget(taken *Capture) {
	id := taken.PaymentID
	p.Authorization.Captures = slices.DeleteFunc(p.Authorization.Captures, func(c Capture) bool { return c.PaymentID == id })
}

// returned notes that the gateway itself has given all of a capture back.
func (c *Capture) returned(cmd protocol.Command, at int64) {
	c.Status, c.Refund = Refunded, &Refund{RefundID: refundID(cmd), Amount: c.Amount, RefundedAt: at}
}

func (p *Payment) finishUndo(c protocol.Command, r Receipt, at int64) (Outcome, error) {
	taken, refund := p.openRefund(c)
	switch {
	case refund != nil && (r.State == Approved || p.isReversed()):
		refund.RefundedAt = at
		return Outcome{Row: p}, p.settleRefunds(taken)
	case refund != nil:
		taken.refuseRefund(refund)
		return Outcome{Row: p, Declined: &r.Failure}, p.settleRefunds(taken)
	case p.Authorization == nil || p.Authorization.Status != Voiding:
		return Outcome{}, fmt.Errorf("the row of %s%s has nothing that step %d is undoing", p.PaymentID, p.authorizationID(), c.Step)
	case r.State == Declined:
		p.Authorization.Status = Authorized
		return Outcome{Row: p, Declined: &r.Failure}, nil
	}
	return Outcome{Row: p}, p.finishVoid(c, at)
}

// Withdrawn is the row after the gateway has reversed an action that was
// compensated before it was decided. Nothing of it is left, unless money had been
// taken: that it was, and went back, stays on record (D21).
func Withdrawn(before Payment, c protocol.Command, r Receipt, at int64) (Outcome, error) {
	row := before.clone()
	switch {
	case r.State == Declined:
		return Outcome{}, fmt.Errorf("the gateway refuses to reverse %s: %s", keyOf(c), r.Failure.Error)
	case r.State != Approved:
		return Outcome{Row: &before, Open: true}, nil
	}
	taken := row.captured(paymentID(c.SagaID, c.Step))
	switch {
	case taken != nil && r.Returned.Minor > 0:
		taken.TransactionID, taken.CapturedAt = r.TransactionID, at
		taken.returned(c, at)
	case c.Type != protocol.TypeCapturePayment:
		return Outcome{}, nil
	case taken != nil:
		row.forget(taken)
	}
	return Outcome{Row: &row}, nil
}
