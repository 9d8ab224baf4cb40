package payment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
)

// Status is the state of a capture or an authorization.
type Status string

// The statuses. Those in -ing are begun: the gateway is asked, and the row says
// for what, so that no crash can make anybody forget it.
const (
	Capturing   Status = "capturing"   // the gateway is asked for the money
	Captured    Status = "captured"    // the money was taken
	Refunding   Status = "refunding"   // the gateway is asked to give all of it back
	Refunded    Status = "refunded"    // all of it was given back
	Authorizing Status = "authorizing" // the gateway is asked to set the money aside
	Authorized  Status = "authorized"  // it is set aside, and can be captured
	Voiding     Status = "voiding"     // the gateway is asked to let it go
	Voided      Status = "voided"      // it was let go, and nothing of it taken
)

// Reasons for which a command is declined, as they stand in Failure.Error, beside
// those of the gateway.
const (
	ReasonAuthorizationUnknown = "authorization_unknown" // a capture or void of none of this saga
	ReasonAuthorizationExpired = "authorization_expired" // a capture that comes too late (D4)
	ReasonAuthorizationVoided  = "authorization_voided"  // a capture of what was let go
	ReasonAuthorizationSpent   = "authorization_spent"   // a capture of more than is left of it
	ReasonPaymentMismatch      = "payment_mismatch"      // a refund of a payment that is not there
	ReasonRefundTooLarge       = "refund_too_large"      // a refund of more than is left of what was captured (D19)
	ReasonCurrencyMismatch     = "currency_mismatch"     // another currency than that of the payment (D1)
)

// Payment is the business row of a step: a charge, whose money is taken at once,
// or an authorization, whose money is set aside and captured later (D3). Amounts
// are decimal numbers of the currency (D1), times are microseconds since 1970 UTC.
type Payment struct {
	UserID        string         `json:"user_id"`
	Currency      string         `json:"currency"`
	Capture                      // of a charge
	Authorization *Authorization `json:"authorization,omitempty"`
}

// Capture is money taken, and what was given back of it.
type Capture struct {
	PaymentID      string           `json:"payment_id,omitempty"`
	TransactionID  string           `json:"transaction_id,omitempty"`
	Amount         protocol.Decimal `json:"amount,omitempty"`
	Status         Status           `json:"status,omitempty"`
	CapturedAt     int64            `json:"captured_at,omitempty"`
	PartialRefunds []Refund         `json:"partial_refunds,omitempty"` // each leaves something
	Refund         *Refund          `json:"refund,omitempty"`          // of all that was left
}

// Refund is money given back: a fact of its own, not the absence of a capture
// (D13). Its id is made from the key of its command, so that no repetition can
// give anything back twice (D19).
type Refund struct {
	RefundID   string           `json:"refund_id"`
	Amount     protocol.Decimal `json:"amount"`
	RefundedAt int64            `json:"refunded_at,omitempty"` // absent while the gateway is asked
}

// Authorization is money set aside. At most Amount can be captured, in one or
// more parts.
type Authorization struct {
	AuthorizationID string           `json:"authorization_id"`
	TransactionID   string           `json:"transaction_id,omitempty"`
	Amount          protocol.Decimal `json:"amount"`
	Status          Status           `json:"status"`
	AuthorizedAt    int64            `json:"authorized_at,omitempty"`
	ExpiresAt       int64            `json:"expires_at,omitempty"`
	VoidedAt        int64            `json:"voided_at,omitempty"`
	Captures        []Capture        `json:"captures,omitempty"`
}

// BeginCharge is the row of money that is going to be taken at once (S0-09). Its
// id is made from the key of the command, so that no repetition can make another
// payment.
func BeginCharge(c protocol.Command, userID string, amount protocol.Money) Payment {
	return Payment{
		UserID: userID, Currency: amount.Currency,
		Capture: Capture{PaymentID: paymentID(c.SagaID, c.Step), Amount: amount.Decimal(), Status: Capturing},
	}
}

// BeginAuthorization is the row of money that is going to be set aside (D3).
func BeginAuthorization(c protocol.Command, userID string, amount protocol.Money) Payment {
	return Payment{UserID: userID, Currency: amount.Currency, Authorization: &Authorization{
		AuthorizationID: authorizationID(c.SagaID, c.Step), Amount: amount.Decimal(), Status: Authorizing,
	}}
}

// BeginCapture adds a capture that is going to be made, or declines. The whole
// rest of the authorization is captured if the command says no amount. row is nil
// if there is no authorization of that step.
func BeginCapture(cmd protocol.CapturePayment, row *Payment, at int64) (Payment, *protocol.Failure, error) {
	if row == nil || row.Authorization == nil || row.Authorization.AuthorizationID != cmd.AuthorizationID {
		return Payment{}, no(ReasonAuthorizationUnknown), nil
	}
	after := row.clone()
	a := after.Authorization
	switch {
	case a.Status == Voiding || a.Status == Voided || a.Status == Refunded:
		return Payment{}, no(ReasonAuthorizationVoided), nil
	case a.Status != Authorized:
		return Payment{}, no(ReasonAuthorizationUnknown), nil
	case at >= a.ExpiresAt:
		return Payment{}, no(ReasonAuthorizationExpired), nil
	}
	left, err := row.uncaptured()
	if err != nil {
		return Payment{}, nil, err
	}
	amount, declined, err := amountOf(cmd.Amount, cmd.Money, left, ReasonAuthorizationSpent)
	if err == nil && declined == nil && left.Minor == 0 && len(a.Captures) > 0 {
		declined = no(ReasonAuthorizationSpent)
	}
	if declined != nil || err != nil {
		return Payment{}, declined, err
	}
	a.Captures = append(a.Captures, Capture{
		PaymentID: paymentID(cmd.SagaID, cmd.Step), Amount: amount.Decimal(), Status: Capturing,
	})
	return after, nil, nil
}

// amountOf is the amount of a command: all that is left unless it says another
// one, which must not be more.
func amountOf(
	said protocol.Decimal, money func() (protocol.Money, error), left protocol.Money, tooMuch string,
) (protocol.Money, *protocol.Failure, error) {
	if said == "" {
		return left, nil, nil
	}
	amount, err := money()
	switch {
	case err != nil:
		return left, nil, err
	case amount.Currency != left.Currency:
		return left, no(ReasonCurrencyMismatch), nil
	case amount.Minor > left.Minor:
		return left, no(tooMuch), nil
	}
	return amount, nil, nil
}

// no declines. The code for people of a decline is its error in capitals.
func no(reason string) *protocol.Failure {
	return &protocol.Failure{Error: reason, DeclineCode: strings.ToUpper(reason)}
}

// money reads an amount of the row.
func (p *Payment) money(amount protocol.Decimal) (protocol.Money, error) {
	m, err := protocol.ParseMoney("amount", amount, p.Currency)
	if err != nil {
		return m, fmt.Errorf("reading the row of %s%s: %w", p.PaymentID, p.authorizationID(), damaged(err))
	}
	return m, nil
}

// damaged hides that an error of a stored row is one of a field: the sender of a
// command can do nothing about it.
func damaged(err error) error { return fmt.Errorf("it is damaged: %s", err.Error()) }

func (p *Payment) authorizationID() string {
	if p.Authorization == nil {
		return ""
	}
	return p.Authorization.AuthorizationID
}

// uncaptured is what is left of an authorization. What was captured and given
// back cannot be captured again.
func (p *Payment) uncaptured() (protocol.Money, error) {
	left, err := p.money(p.Authorization.Amount)
	for i := range p.Authorization.Captures {
		if err == nil {
			left, err = p.less(left, p.Authorization.Captures[i].Amount)
		}
	}
	return left, err
}

// unrefunded is what was captured and neither given back nor going to be.
func (p *Payment) unrefunded(c *Capture) (protocol.Money, error) {
	left, err := p.money(c.Amount)
	for i := range c.PartialRefunds {
		if err == nil {
			left, err = p.less(left, c.PartialRefunds[i].Amount)
		}
	}
	if c.Refund != nil && err == nil {
		left, err = p.less(left, c.Refund.Amount)
	}
	return left, err
}

func (p *Payment) less(from protocol.Money, amount protocol.Decimal) (protocol.Money, error) {
	part, err := p.money(amount)
	if err == nil && part.Minor > from.Minor {
		err = fmt.Errorf("reading the row of %s%s: %s is more than %s", p.PaymentID, p.authorizationID(), part, from)
	}
	return protocol.Money{Minor: from.Minor - part.Minor, Currency: from.Currency}, err
}

// captured finds the money of a payment in the row; nil if it is not there.
func (p *Payment) captured(paymentID string) *Capture {
	if p.Authorization == nil {
		if p.PaymentID == paymentID {
			return &p.Capture
		}
		return nil
	}
	captures := p.Authorization.Captures
	if i := slices.IndexFunc(captures, func(c Capture) bool { return c.PaymentID == paymentID }); i >= 0 {
		return &captures[i]
	}
	return nil
}

// clone is a row that can be changed without changing the one that is stored.
func (p *Payment) clone() Payment {
	after := *p
	after.Capture = p.Capture.clone()
	if p.Authorization != nil {
		a := *p.Authorization
		a.Captures = slices.Clone(a.Captures)
		for i := range a.Captures {
			a.Captures[i] = a.Captures[i].clone()
		}
		after.Authorization = &a
	}
	return after
}

func (c Capture) clone() Capture {
	c.PartialRefunds = slices.Clone(c.PartialRefunds)
	if c.Refund != nil {
		r := *c.Refund
		c.Refund = &r
	}
	return c
}

func paymentID(sagaID string, step int) string       { return "p-" + sagaID + "-" + strconv.Itoa(step) }
func authorizationID(sagaID string, step int) string { return "a-" + sagaID + "-" + strconv.Itoa(step) }

// stepOf is the step that made an id of this form; 0 if it was none of this saga.
func stepOf(prefix, sagaID, id string) int {
	number, ok := strings.CutPrefix(id, prefix+sagaID+"-")
	step, err := strconv.Atoi(number)
	if !ok || err != nil || prefix+sagaID+"-"+strconv.Itoa(step) != id {
		return 0
	}
	return step
}
