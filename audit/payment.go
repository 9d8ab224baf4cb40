package audit

import (
	"fmt"
	"strconv"
	"strings"

	"amends/protocol"
)

// The documented form of a payment: a charge, or an authorization with its
// captures.
type (
	paymentRow struct {
		UserID   string `json:"user_id"`
		Currency string `json:"currency"`
		captureRow
		Authorization *authorizationRow `json:"authorization"`
	}
	captureRow struct {
		PaymentID     string           `json:"payment_id"`
		TransactionID string           `json:"transaction_id"`
		Amount        protocol.Decimal `json:"amount"`
		Status        string           `json:"status"`
		// PartialRefunds leave something, and may stand beside a charge that stands.
		PartialRefunds []refundRow `json:"partial_refunds"`
		Refund         *refundRow  `json:"refund"`
	}
	authorizationRow struct {
		AuthorizationID string           `json:"authorization_id"`
		Amount          protocol.Decimal `json:"amount"`
		Status          string           `json:"status"`
		Captures        []captureRow     `json:"captures"`
	}
	refundRow struct {
		Amount     protocol.Decimal `json:"amount"`
		RefundedAt int64            `json:"refunded_at"` // absent while the provider is asked
	}
)

func paymentOf(at *reading, row *paymentRow) ([]Effect, error) {
	if row.Authorization != nil {
		return row.authorized(at)
	}
	c, err := row.charge(&row.captureRow)
	if c == nil || err != nil {
		return nil, err
	}
	c.Origin = at.origin(c.State)
	return []Effect{c}, nil
}

// charge is the money of a capture; nil while nobody knows of any.
func (row *paymentRow) charge(taken *captureRow) (c *Charge, err error) {
	switch taken.Status {
	case "capturing":
		return nil, nil
	case "refunding": // none of it is back yet
		taken.Status, taken.Refund = "captured", nil
	}
	c = &Charge{User: PrintOf(row.UserID), Payment: PrintOf(taken.PaymentID), Transaction: PrintOf(taken.TransactionID)}
	if c.State, err = stateOf(taken.Status, "captured", "refunded"); err != nil {
		return nil, err
	}
	if c.Amount, err = protocol.ParseMoney("amount", taken.Amount, row.Currency); err != nil {
		return nil, err
	}
	c.Unsettled = c.State == Live && taken.Refund != nil
	c.Refunded, err = row.refunded(taken, c.State)
	return c, err
}

// refunded is what was given back of a capture, in minor units; of one that
// stands, parts of it that are only meant to go back are left out.
func (row *paymentRow) refunded(taken *captureRow, state State) (minor int64, err error) {
	sum := protocol.Money{Currency: row.Currency}
	add := func(r refundRow) error {
		part, err := protocol.ParseMoney("refund.amount", r.Amount, row.Currency)
		if err == nil {
			sum, err = sum.Add(part)
		}
		return err
	}
	for _, r := range taken.PartialRefunds {
		if state == Live && r.RefundedAt == 0 {
			continue
		}
		if err := add(r); err != nil {
			return 0, err
		}
	}
	if taken.Refund != nil {
		err = add(*taken.Refund)
	}
	return sum.Minor, err
}

// authorized is money that was set aside, and what was taken of it.
func (row *paymentRow) authorized(at *reading) ([]Effect, error) {
	set := row.Authorization
	a := &Authorization{User: PrintOf(row.UserID), ID: PrintOf(set.AuthorizationID)}
	switch set.Status {
	case "authorizing": // nobody knows of any money yet
	case "authorized", "voiding":
		a.Origin = at.origin(Live)
	case "voided", "refunded":
		a.Origin = at.origin(Undone)
	default:
		return nil, fmt.Errorf("status %q is none of an authorization", set.Status)
	}
	var err error
	if a.Amount, err = protocol.ParseMoney("authorization.amount", set.Amount, row.Currency); err != nil {
		return nil, err
	}
	var effects []Effect
	if a.State != None {
		effects = append(effects, a)
	}
	for i := range set.Captures {
		c, err := row.charge(&set.Captures[i])
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		step, err := at.stepOf(set.Captures[i].PaymentID)
		if err != nil {
			return nil, err
		}
		c.Origin = at.guest(step, c.State)
		a.Captured = plus(a.Captured, c.Amount.Minor)
		effects = append(effects, c)
	}
	return effects, nil
}

// stepOf is the step that a payment_id names: p-<saga_id>-<step>.
func (r *reading) stepOf(paymentID string) (uint8, error) {
	number, ours := strings.CutPrefix(paymentID, "p-"+r.sagaID+"-")
	step, err := strconv.ParseUint(number, 10, 8)
	if !ours || err != nil || step < 1 || step > protocol.MaxSteps {
		return 0, fmt.Errorf("payment_id %q of a capture is of no step of this saga", paymentID)
	}
	return uint8(step), nil
}
