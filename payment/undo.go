package payment

import (
	"slices"
	"strconv"

	"amends/protocol"
)

// errUnsettled says that the row waits for the gateway about something else that
// has to be known first.
var errUnsettled = &protocol.Error{
	Code: protocol.CodeUnavailable, Message: "the gateway was asked about this payment and has not answered; try again",
}

// BeginRefund adds a refund that is going to be made, or declines. All that is
// left is given back if the command says no amount, and by a reversal in any
// case. done says that there is nothing left to give back: the row stays as it
// is, and the command is accepted.
//
// A command that names a payment must name one of the row; money never goes back
// by guess. That of an authorization is undone by its state: what was captured is
// refunded, the rest is let go (D5).
func BeginRefund(cmd protocol.RefundPayment, row *Payment) (after Payment, done bool, declined *protocol.Failure, err error) {
	if row == nil {
		return Payment{}, false, no(ReasonPaymentMismatch), nil
	}
	id := cmd.PaymentID
	if id == "" {
		id = paymentID(cmd.SagaID, cmd.Step)
	}
	if cmd.PaymentID == "" && row.authorizationID() == authorizationID(cmd.SagaID, cmd.Step) {
		after, done = row.beginVoid()
		return after, done, nil, nil
	}
	after = row.clone()
	c := after.captured(id)
	if c == nil {
		return Payment{}, false, no(ReasonPaymentMismatch), nil
	}
	done, declined, err = after.beginRefund(c, cmd)
	return after, done, declined, err
}

func (p *Payment) beginRefund(c *Capture, cmd protocol.RefundPayment) (done bool, declined *protocol.Failure, err error) {
	switch {
	case c.Status == Refunded:
		return true, nil, nil
	case c.Status != Captured:
		return false, nil, errUnsettled
	}
	left, err := p.unrefunded(c)
	if err != nil {
		return false, nil, err
	}
	said := cmd.Amount
	if cmd.Reversal {
		said = ""
	}
	amount, declined, err := amountOf(said, cmd.Money, left, ReasonRefundTooLarge)
	if declined != nil || err != nil {
		return false, declined, err
	}
	refund := Refund{RefundID: refundID(cmd.Command), Amount: amount.Decimal()}
	if amount.Minor < left.Minor {
		c.PartialRefunds = append(c.PartialRefunds, refund)
		return false, nil, nil
	}
	c.Refund, c.Status = &refund, Refunding
	return false, nil, nil
}

// BeginVoid is the row of an authorization that is going to be let go, or
// declines. done says that there is nothing left to let go. A charge is undone
// all the same: it is refunded (D5).
func BeginVoid(cmd protocol.VoidPayment, row *Payment) (after Payment, done bool, declined *protocol.Failure, err error) {
	switch {
	case row == nil:
		return Payment{}, false, no(ReasonAuthorizationUnknown), nil
	case cmd.AuthorizationID != "" && cmd.AuthorizationID != row.authorizationID():
		return Payment{}, false, no(ReasonAuthorizationUnknown), nil
	case row.Authorization == nil:
		return BeginRefund(protocol.RefundPayment{Command: cmd.Command}, row)
	}
	after, done = row.beginVoid()
	return after, done, nil, nil
}

func (p *Payment) beginVoid() (after Payment, done bool) {
	if p.isReversed() {
		return *p, true
	}
	after = p.clone()
	after.Authorization.Status = Voiding
	return after, false
}

// finishVoid lets an authorization go. The gateway has given back whatever was
// captured and still stood.
func (p *Payment) finishVoid(c protocol.Command, at int64) error {
	a := p.Authorization
	a.Status, a.VoidedAt = Voided, at
	for i := range a.Captures {
		taken := &a.Captures[i]
		if taken.Status != Capturing {
			a.Status = Refunded
		}
		if taken.Status != Captured {
			continue // or it is being decided now, and will find the authorization gone
		}
		left, err := p.unrefunded(taken)
		if err != nil {
			return err
		}
		id := refundID(c) + "-" + strconv.Itoa(i+1)
		taken.Refund = &Refund{RefundID: id, Amount: left.Decimal(), RefundedAt: at}
		if err := p.settleRefunds(taken); err != nil {
			return err
		}
	}
	return nil
}

// openRefund finds the refund that a command has begun, and its capture; nil if
// there is none.
func (p *Payment) openRefund(c protocol.Command) (*Capture, *Refund) {
	id := refundID(c)
	if p.Authorization == nil {
		return &p.Capture, p.Capture.openRefund(id)
	}
	for i := range p.Authorization.Captures {
		taken := &p.Authorization.Captures[i]
		if r := taken.openRefund(id); r != nil {
			return taken, r
		}
	}
	return nil, nil
}

func (c *Capture) openRefund(id string) *Refund {
	if c.Refund != nil && c.Refund.RefundID == id && c.Refund.RefundedAt == 0 {
		return c.Refund
	}
	for i := range c.PartialRefunds {
		if r := &c.PartialRefunds[i]; r.RefundID == id && r.RefundedAt == 0 {
			return r
		}
	}
	return nil
}

// refuseRefund takes a refund out that the gateway has declined.
func (c *Capture) refuseRefund(r *Refund) {
	if c.Refund == r {
		c.Refund = nil
		return
	}
	c.PartialRefunds = slices.DeleteFunc(c.PartialRefunds, func(other Refund) bool { return other.RefundID == r.RefundID })
}

// settleRefunds brings the status of a capture in line with its refunds. A refund
// of all that was left turns out to be one of a part if another one, which was on
// its way then, is refused.
func (p *Payment) settleRefunds(c *Capture) error {
	left, err := p.unrefunded(c)
	switch {
	case err != nil:
		return err
	case c.Refund == nil:
		c.Status = Captured
	case left.Minor > 0:
		c.PartialRefunds = append(c.PartialRefunds, *c.Refund)
		c.Refund, c.Status = nil, Captured
	case c.Refund.RefundedAt == 0 || slices.ContainsFunc(c.PartialRefunds, func(r Refund) bool { return r.RefundedAt == 0 }):
		c.Status = Refunding
	default:
		c.Status = Refunded
	}
	return nil
}

// isReversed reports whether the gateway has given back whatever was captured.
func (p *Payment) isReversed() bool {
	return p.Authorization != nil && (p.Authorization.Status == Voided || p.Authorization.Status == Refunded)
}

// refundID names the refund that a command makes; its reversal makes another.
func refundID(c protocol.Command) string {
	if c.Reversal {
		return "rv-" + c.SagaID + "-" + strconv.Itoa(c.Step)
	}
	return "rf-" + c.SagaID + "-" + strconv.Itoa(c.Step)
}
