package payment

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"amends/protocol"
)

// Status is the state of a charge.
type Status string

// The statuses of a charge.
const (
	Captured Status = "captured" // the money was taken
	Refunded Status = "refunded" // all of it was given back
)

// Reasons for which a command is declined, as they stand in Failure.Error.
const (
	ReasonInsufficientFunds = "insufficient_funds"
	ReasonExpiredCard       = "expired_card"
	ReasonSuspectedFraud    = "suspected_fraud"
	ReasonInvalidAmount     = "invalid_amount"
	ReasonPaymentMismatch   = "payment_mismatch" // a refund of another payment than that of the step
	ReasonAmountMismatch    = "amount_mismatch"  // a refund of another amount than was captured
)

// declines is how the simulated bank treats its magic users. Everybody else
// pays; u42 of document 000 is one of them.
var declines = map[string]protocol.Failure{
	"u999": {Error: ReasonInsufficientFunds, DeclineCode: "DECLINED"}, // S0-14
	"u998": {Error: ReasonExpiredCard, DeclineCode: "EXPIRED_CARD"},
	"u997": {Error: ReasonSuspectedFraud, DeclineCode: "SUSPECTED_FRAUD"},
}

// Charge is money taken from a user, and what became of it. Amounts are decimal
// numbers of the currency (D1), times are microseconds since 1970 UTC.
type Charge struct {
	PaymentID     string           `json:"payment_id"`
	TransactionID string           `json:"transaction_id"`
	UserID        string           `json:"user_id"`
	Amount        protocol.Decimal `json:"amount"`
	Currency      string           `json:"currency"`
	Status        Status           `json:"status"`
	CapturedAt    int64            `json:"captured_at"`
	Refund        *Refund          `json:"refund,omitempty"`
}

// Refund is the money of a charge given back: a fact of its own, not the absence
// of the charge (D13).
type Refund struct {
	RefundID   string           `json:"refund_id"`
	Amount     protocol.Decimal `json:"amount"`
	RefundedAt int64            `json:"refunded_at"`
}

// Capture takes the money of an order, or declines (S0-09, S0-10, S0-14). Its
// ids are made from the key of the command, so that no repetition can make
// another payment.
func Capture(cmd protocol.ChargePayment, at int64) (Charge, protocol.ChargePaymentOK, *protocol.Failure) {
	if declined, magic := declines[cmd.UserID]; magic {
		return Charge{}, protocol.ChargePaymentOK{}, &declined
	}
	money, err := cmd.Money()
	if err != nil {
		return Charge{}, protocol.ChargePaymentOK{}, &protocol.Failure{Error: ReasonInvalidAmount}
	}
	key := cmd.SagaID + "-" + strconv.Itoa(cmd.Step)
	charge := Charge{
		PaymentID: "p-" + key, TransactionID: transactionID(key), UserID: cmd.UserID,
		Amount: money.Decimal(), Currency: money.Currency, Status: Captured, CapturedAt: at,
	}
	return charge, protocol.ChargePaymentOK{PaymentID: charge.PaymentID, TransactionID: charge.TransactionID}, nil
}

// GiveBack refunds a charge in full. A command that names a payment or an amount
// must name those of the charge: money never goes back by guess (D19).
func GiveBack(cmd protocol.RefundPayment, done Charge, at int64) (Charge, *protocol.Failure) {
	if cmd.PaymentID != "" && cmd.PaymentID != done.PaymentID {
		return Charge{}, &protocol.Failure{Error: ReasonPaymentMismatch}
	}
	if !isWhole(cmd, done) {
		return Charge{}, &protocol.Failure{Error: ReasonAmountMismatch}
	}
	done.Status = Refunded
	done.Refund = &Refund{
		RefundID: "rf-" + cmd.SagaID + "-" + strconv.Itoa(cmd.Step), Amount: done.Amount, RefundedAt: at,
	}
	return done, nil
}

// isWhole tells whether a refund is of all the money of a charge, which is what
// a refund without an amount means.
func isWhole(cmd protocol.RefundPayment, done Charge) bool {
	if cmd.Amount == "" {
		return true
	}
	money, err := cmd.Money()
	return err == nil && money.Decimal() == done.Amount && money.Currency == done.Currency
}

// transactionID looks like the number a bank would give: it tells nothing, but
// is the same for every repetition.
func transactionID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "txn_" + hex.EncodeToString(sum[:8])
}
