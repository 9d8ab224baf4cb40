package payment

import (
	"encoding/json"
	"errors"
	"testing"

	"amends/protocol"
)

// equal compares rows as they are stored.
func equal(a, b Payment) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other)
}

func voiding(t testing.TB, row Payment) Payment {
	t.Helper()
	after, done, declined, err := BeginVoid(protocol.VoidPayment{Command: command(protocol.TypeVoidPayment, 2)}, &row)
	if done || declined != nil || err != nil {
		t.Fatal(done, declined, err)
	}
	return after
}

func voided(t testing.TB, row Payment) Payment {
	t.Helper()
	return *finish(t, voiding(t, row), command(protocol.TypeVoidPayment, 2), approved).Row
}

func refunded(t testing.TB, row Payment, cmd protocol.RefundPayment) Payment {
	t.Helper()
	after, done, declined, err := BeginRefund(cmd, &row)
	if done || declined != nil || err != nil {
		t.Fatal(done, declined, err)
	}
	return *finish(t, after, cmd.Command, approved).Row
}

func named(cmd protocol.RefundPayment, paymentID string) protocol.RefundPayment {
	cmd.PaymentID = paymentID
	return cmd
}

func reversal(cmd protocol.RefundPayment) protocol.RefundPayment {
	cmd.Reversal = true
	return cmd
}

// TestRefund: what is given back of a charge. Σ refunds ≤ captured, in the same
// currency, and money never goes back by guess (D19).
func TestRefund(t *testing.T) {
	whole := charged(t, "249.90", "EUR")
	part := refunded(t, whole, named(refund(3, "100", "EUR"), "p-checkout42-2"))
	for name, test := range map[string]struct {
		row    Payment
		cmd    protocol.RefundPayment
		want   protocol.Decimal // given back by this command
		status Status
		done   bool
		reason string
	}{
		"nothing named":            {row: whole, cmd: refund(2, "", ""), want: "249.90", status: Refunded},
		"payment named":            {row: whole, cmd: named(refund(2, "", ""), "p-checkout42-2"), want: "249.90", status: Refunded},
		"all named":                {row: whole, cmd: named(refund(2, "249.9", "EUR"), "p-checkout42-2"), want: "249.90", status: Refunded},
		"a part":                   {row: whole, cmd: refund(2, "1", "EUR"), want: "1.00", status: Captured},
		"the rest":                 {row: part, cmd: refund(2, "", ""), want: "149.90", status: Refunded},
		"the rest, in an amount":   {row: part, cmd: refund(2, "149.90", "EUR"), want: "149.90", status: Refunded},
		"a part of the rest":       {row: part, cmd: refund(2, "149.89", "EUR"), want: "149.89", status: Captured},
		"when all is back":         {row: refunded(t, whole, refund(2, "", "")), cmd: reversal(refund(2, "", "")), status: Refunded, done: true},
		"by reversal":              {row: whole, cmd: reversal(refund(2, "", "")), want: "249.90", status: Refunded},
		"by reversal, any amount":  {row: part, cmd: reversal(refund(2, "249.90", "EUR")), want: "149.90", status: Refunded},
		"another payment":          {row: whole, cmd: named(refund(2, "", ""), "p-checkout43-2"), reason: ReasonPaymentMismatch},
		"too much":                 {row: whole, cmd: refund(2, "249.91", "EUR"), reason: ReasonRefundTooLarge},
		"too much of the rest":     {row: part, cmd: refund(2, "149.91", "EUR"), reason: ReasonRefundTooLarge},
		"another currency":         {row: whole, cmd: refund(2, "249.9", "USD"), reason: ReasonCurrencyMismatch},
		"no currency is USD":       {row: whole, cmd: refund(2, "249.9", ""), reason: ReasonCurrencyMismatch},
		"nothing of nothing taken": {row: charged(t, "0", "EUR"), cmd: refund(2, "", ""), want: "0.00", status: Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.row.clone()
			after, done, declined, err := BeginRefund(test.cmd, &test.row)
			if err != nil || done != test.done || !equal(test.row, before) {
				t.Fatalf("done %v, error %v, or the row was changed: %+v", done, err, test.row)
			}
			if test.reason != "" {
				if declined == nil || declined.Error != test.reason {
					t.Errorf("got %+v, want %s", declined, test.reason)
				}
				return
			}
			if done || declined != nil {
				return
			}
			o := finish(t, after, test.cmd.Command, approved)
			if got := givenBack(o.Row, test.cmd.Command); got != test.want || o.Row.Status != test.status {
				t.Errorf("gave %s back, status %s; want %s, %s", got, o.Row.Status, test.want, test.status)
			}
		})
	}
}

// givenBack is what one command has given back of a charge.
func givenBack(row *Payment, c protocol.Command) protocol.Decimal {
	all := row.PartialRefunds
	if row.Refund != nil {
		all = append(all, *row.Refund)
	}
	for _, r := range all {
		if r.RefundID == refundID(c) && r.RefundedAt == seven {
			return r.Amount
		}
	}
	return ""
}

// TestRefundRefused: a gateway that does not give money back leaves the row as it
// was.
func TestRefundRefused(t *testing.T) {
	row := charged(t, "100", "USD")
	no := Receipt{State: Declined, Failure: protocol.Failure{Error: "refund_refused"}}
	for _, amount := range []protocol.Decimal{"100", "30"} {
		cmd := refund(2, amount, "USD")
		after, _, _, err := BeginRefund(cmd, &row)
		if err != nil || equal(after, row) {
			t.Fatal("nothing was begun", err)
		}
		o := finish(t, after, cmd.Command, no)
		if o.Declined == nil || o.Declined.Error != "refund_refused" || !equal(*o.Row, row) {
			t.Errorf("got %+v of %+v", o.Declined, o.Row)
		}
	}
}

// TestRefundWaits: while another refund of all is on its way, nobody knows what is
// left.
func TestRefundWaits(t *testing.T) {
	row := charged(t, "100", "USD")
	after, _, _, err := BeginRefund(refund(2, "", ""), &row)
	if err != nil || after.Status != Refunding {
		t.Fatalf("got %+v, %v", after, err)
	}
	if _, _, _, err := BeginRefund(named(refund(3, "1", "USD"), "p-checkout42-2"), &after); !errors.Is(err, errUnsettled) {
		t.Errorf("got %v", err)
	}
}

// TestVoid: an authorization is undone by its state (D5). What was captured goes
// back; only of what was not is it said that it was voided.
func TestVoid(t *testing.T) {
	hold := authorized(t, "100", "USD")
	part := captured(t, hold, "30", 3)
	back := refunded(t, captured(t, hold, "", 4), refund(4, "", ""))
	for name, test := range map[string]struct {
		row    Payment
		status Status
		back   protocol.Decimal // of the capture
	}{
		"uncaptured":            {hold, Voided, ""},
		"captured":              {captured(t, hold, "", 4), Refunded, "100.00"},
		"captured in part":      {part, Refunded, "30.00"},
		"captured and refunded": {back, Refunded, "100.00"},
	} {
		t.Run(name, func(t *testing.T) {
			got := voided(t, test.row)
			if got.Authorization.Status != test.status || got.Authorization.VoidedAt != seven {
				t.Errorf("got %+v", got.Authorization)
			}
			for _, c := range got.Authorization.Captures {
				if c.Status != Refunded || c.Refund.Amount != test.back {
					t.Errorf("of the capture %+v was given back %+v", c, c.Refund)
				}
			}
			after, done, declined, err := BeginVoid(protocol.VoidPayment{Command: command(protocol.TypeVoidPayment, 2)}, &got)
			if !done || declined != nil || err != nil || !equal(after, got) {
				t.Errorf("again: %v %v %v", done, declined, err)
			}
		})
	}
}

// TestUndoFitsTheState: a refund of an authorization lets it go, and a void of a
// charge refunds it: who does not know what was done can undo it all the same (D5).
func TestUndoFitsTheState(t *testing.T) {
	hold := authorized(t, "100", "USD")
	after, _, _, err := BeginRefund(refund(2, "", ""), &hold)
	if err != nil {
		t.Fatal(err)
	}
	if o := finish(t, after, command(protocol.TypeRefundPayment, 2), approved); o.Row.Authorization.Status != Voided {
		t.Errorf("got %+v", o.Row)
	}
	if row := voided(t, charged(t, "100", "USD")); row.Status != Refunded || row.Refund.Amount != "100.00" {
		t.Errorf("got %+v", row)
	}
	other := protocol.VoidPayment{Command: command(protocol.TypeVoidPayment, 2), AuthorizationID: "a-checkout42-3"}
	if _, _, declined, _ := BeginVoid(other, &hold); declined == nil || declined.Error != ReasonAuthorizationUnknown {
		t.Errorf("another one: %+v", declined)
	}
}

// TestCaptureMeetsVoid: a capture that the gateway approved just before it reversed
// the authorization is not accepted, and what it took went back.
func TestCaptureMeetsVoid(t *testing.T) {
	hold := authorized(t, "100", "USD")
	cmd := capture(4, "", "")
	open, _, err := BeginCapture(cmd, &hold, seven)
	if err != nil {
		t.Fatal(err)
	}
	gone := voided(t, open)
	if gone.Authorization.Status != Refunded && gone.Authorization.Status != Voided {
		t.Fatalf("got %+v", gone.Authorization)
	}
	o := finish(t, gone, cmd.Command, approved)
	if o.Declined == nil || o.Declined.Error != ReasonAuthorizationVoided || o.Row.Authorization.Status != Refunded {
		t.Errorf("got %+v", o)
	}
	if c := o.Row.Authorization.Captures[0]; c.Status != Refunded || c.Refund.Amount != "100.00" {
		t.Errorf("the capture is %+v", c)
	}
	no := Receipt{State: Declined, Failure: protocol.Failure{Error: "authorization_voided"}}
	if o := finish(t, gone, cmd.Command, no); o.Declined == nil || len(o.Row.Authorization.Captures) != 0 || o.Row.Authorization.Status != Voided {
		t.Errorf("declined: got %+v", o.Row.Authorization)
	}
}

// TestWithdrawn: what is left of an action that was undone before it was decided
// (D21).
func TestWithdrawn(t *testing.T) {
	charge := BeginCharge(command("", 2), "u42", money(t, "100", "USD"))
	nothing := Receipt{State: Approved}
	something := Receipt{State: Approved, TransactionID: "txn_9", Returned: money(t, "100", "USD")}
	end := func(row Payment, typ string, step int, r Receipt) Outcome {
		t.Helper()
		o, err := Withdrawn(row, command(typ, step), r, seven)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := end(charge, protocol.TypeRequestPayment, 2, nothing); o.Row != nil || o.Open {
		t.Errorf("of nothing taken is left %+v", o)
	}
	o := end(charge, protocol.TypeRequestPayment, 2, something)
	if o.Row == nil || o.Row.Status != Refunded || o.Row.TransactionID != "txn_9" || o.Row.Refund.Amount != "100.00" || o.Row.Refund.RefundedAt != seven {
		t.Errorf("of what was taken is left %+v", o.Row)
	}
	if o := end(charge, protocol.TypeRequestPayment, 2, Receipt{State: Processing}); !o.Open {
		t.Errorf("what is not reversed yet counts as %+v", o)
	}
	if _, err := Withdrawn(charge, command(protocol.TypeRequestPayment, 2), Receipt{State: Declined}, seven); err == nil {
		t.Error("a gateway that refuses to reverse is no error")
	}
	hold := authorized(t, "100", "USD")
	open, _, _ := BeginCapture(capture(4, "", ""), &hold, seven)
	if o := end(open, protocol.TypeCapturePayment, 4, nothing); o.Row == nil || !equal(*o.Row, hold) {
		t.Errorf("of a capture that never was is left %+v", o.Row)
	}
	if o := end(open, protocol.TypeCapturePayment, 4, something); o.Row.Authorization.Captures[0].Status != Refunded {
		t.Errorf("of a capture that was is left %+v", o.Row)
	}
}
