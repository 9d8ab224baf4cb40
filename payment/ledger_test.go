package payment

import (
	"strings"
	"testing"

	"amends/protocol"
)

func chargeOf(user string, amount protocol.Decimal, currency string) protocol.ChargePayment {
	return protocol.ChargePayment{
		Command: protocol.Command{Type: protocol.TypeChargePayment, SagaID: "checkout42", Step: 2},
		UserID:  user, Amount: amount, Currency: currency,
	}
}

func TestCapture(t *testing.T) {
	for name, test := range map[string]struct {
		cmd      protocol.ChargePayment
		amount   protocol.Decimal
		currency string
	}{
		"document 000":       {chargeOf("u42", "249.99", ""), "249.99", "USD"},
		"written shorter":    {chargeOf("u42", "249.9", "EUR"), "249.90", "EUR"},
		"without fraction":   {chargeOf("u1", "500", "JPY"), "500", "JPY"},
		"three digits":       {chargeOf("u1", "1.5", "KWD"), "1.500", "KWD"},
		"nothing to pay":     {chargeOf("u1", "0", "USD"), "0.00", "USD"},
		"u999 in other case": {chargeOf("U999", "1", "USD"), "1.00", "USD"},
	} {
		t.Run(name, func(t *testing.T) {
			charge, ok, declined := Capture(test.cmd, 7)
			if declined != nil {
				t.Fatalf("declined: %+v", declined)
			}
			if charge.Amount != test.amount || charge.Currency != test.currency || charge.Status != Captured || charge.CapturedAt != 7 || charge.Refund != nil {
				t.Errorf("got %+v", charge)
			}
			if ok.PaymentID != "p-checkout42-2" || ok.PaymentID != charge.PaymentID || ok.TransactionID != charge.TransactionID {
				t.Errorf("got %+v", ok)
			}
			if again, _, _ := Capture(test.cmd, 8); again.TransactionID != charge.TransactionID || !strings.HasPrefix(again.TransactionID, "txn_") {
				t.Errorf("got transaction %s and then %s", charge.TransactionID, again.TransactionID)
			}
		})
	}
}

// TestMagicUsers: who is declined by the simulated bank, and why (S0-14).
func TestMagicUsers(t *testing.T) {
	for user, want := range map[string]protocol.Failure{
		"u999": {Error: "insufficient_funds", DeclineCode: "DECLINED"},
		"u998": {Error: "expired_card", DeclineCode: "EXPIRED_CARD"},
		"u997": {Error: "suspected_fraud", DeclineCode: "SUSPECTED_FRAUD"},
	} {
		charge, _, declined := Capture(chargeOf(user, "1", "USD"), 7)
		if declined == nil || declined.Error != want.Error || declined.DeclineCode != want.DeclineCode || charge.PaymentID != "" {
			t.Errorf("%s: got %+v and %+v, want %+v alone", user, charge, declined, want)
		}
	}
}

func TestGiveBack(t *testing.T) {
	charge, _, _ := Capture(chargeOf("u42", "249.90", "EUR"), 7)
	for name, test := range map[string]struct {
		paymentID string
		amount    protocol.Decimal
		currency  string
		reason    string
	}{
		"nothing named":      {},
		"payment named":      {paymentID: "p-checkout42-2"},
		"all named":          {paymentID: "p-checkout42-2", amount: "249.9", currency: "EUR"},
		"another payment":    {paymentID: "p-checkout43-2", reason: ReasonPaymentMismatch},
		"too much":           {amount: "249.91", currency: "EUR", reason: ReasonAmountMismatch},
		"a part":             {amount: "1", currency: "EUR", reason: ReasonAmountMismatch},
		"another currency":   {amount: "249.9", currency: "USD", reason: ReasonAmountMismatch},
		"no currency is USD": {amount: "249.9", reason: ReasonAmountMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := protocol.RefundPayment{
				Command:   protocol.Command{Type: protocol.TypeRefundPayment, SagaID: "checkout42", Step: 2, Compensating: true},
				PaymentID: test.paymentID, Amount: test.amount, Currency: test.currency,
			}
			after, declined := GiveBack(cmd, charge, 9)
			if test.reason != "" {
				if declined == nil || declined.Error != test.reason {
					t.Errorf("got %+v, want %s", declined, test.reason)
				}
				return
			}
			want := Refund{RefundID: "rf-checkout42-2", Amount: "249.90", RefundedAt: 9}
			if declined != nil || after.Status != Refunded || after.Refund == nil || *after.Refund != want {
				t.Errorf("got %+v, %+v", after, declined)
			}
			if after.Amount != charge.Amount || after.CapturedAt != 7 || charge.Refund != nil {
				t.Errorf("the charge itself has changed: %+v", after)
			}
		})
	}
}
