package payment

import (
	"math"
	"testing"

	"amends/protocol"
)

const (
	saga    = "checkout42"
	seven   = int64(7)
	expires = int64(1000)
)

func command(typ string, step int) protocol.Command {
	undoes := typ == protocol.TypeRefundPayment || typ == protocol.TypeVoidPayment
	return protocol.Command{Type: typ, SagaID: saga, Step: step, Compensating: undoes}
}

func money(t testing.TB, amount protocol.Decimal, currency string) protocol.Money {
	t.Helper()
	m, err := protocol.ParseMoney("amount", amount, currency)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var approved = Receipt{State: Approved, TransactionID: "txn_1", ExpiresAt: expires}

// finish lets the gateway answer, and fails the test on an error.
func finish(t testing.TB, row Payment, c protocol.Command, r Receipt) Outcome {
	t.Helper()
	o, err := Finish(row, c, r, seven)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func charged(t testing.TB, amount protocol.Decimal, currency string) Payment {
	t.Helper()
	c := command(protocol.TypeChargePayment, 2)
	return *finish(t, BeginCharge(c, "u42", money(t, amount, currency)), c, approved).Row
}

func authorized(t testing.TB, amount protocol.Decimal, currency string) Payment {
	t.Helper()
	c := command(protocol.TypeAuthorizePayment, 2)
	return *finish(t, BeginAuthorization(c, "u42", money(t, amount, currency)), c, approved).Row
}

// captured is an authorization of which an amount was captured by step 4; "" is
// all of it.
func captured(t testing.TB, row Payment, amount protocol.Decimal, step int) Payment {
	t.Helper()
	cmd := capture(step, amount, row.Currency)
	after, declined, err := BeginCapture(cmd, &row, seven)
	if declined != nil || err != nil {
		t.Fatal(declined, err)
	}
	return *finish(t, after, cmd.Command, approved).Row
}

func capture(step int, amount protocol.Decimal, currency string) protocol.CapturePayment {
	if amount == "" {
		currency = ""
	}
	return protocol.CapturePayment{
		Command: command(protocol.TypeCapturePayment, step), AuthorizationID: "a-checkout42-2", Amount: amount, Currency: currency,
	}
}

func refund(step int, amount protocol.Decimal, currency string) protocol.RefundPayment {
	return protocol.RefundPayment{Command: command(protocol.TypeRefundPayment, step), Amount: amount, Currency: currency}
}

// TestCharge: money is taken at once, in whatever currency, to the last digit
// (S0-09, S0-10, D1).
func TestCharge(t *testing.T) {
	for name, test := range map[string]struct {
		amount   protocol.Decimal
		currency string
		want     protocol.Decimal
	}{
		"document 000":      {"249.99", "USD", "249.99"},
		"written shorter":   {"249.9", "EUR", "249.90"},
		"without fraction":  {"500", "JPY", "500"},
		"three digits":      {"1.5", "KWD", "1.500"},
		"nothing to pay":    {"0", "USD", "0.00"},
		"all there ever is": {"92233720368547758.07", "USD", "92233720368547758.07"},
	} {
		t.Run(name, func(t *testing.T) {
			c := command(protocol.TypeChargePayment, 2)
			begun := BeginCharge(c, "u42", money(t, test.amount, test.currency))
			if begun.Status != Capturing || begun.CapturedAt != 0 {
				t.Errorf("begun as %+v", begun)
			}
			o := finish(t, begun, c, approved)
			want := Payment{UserID: "u42", Currency: test.currency, Capture: Capture{
				PaymentID: "p-checkout42-2", TransactionID: "txn_1", Amount: test.want, Status: Captured, CapturedAt: seven,
			}}
			if o.Declined != nil || o.Open || !equal(*o.Row, want) {
				t.Errorf("got %+v", o.Row)
			}
			if ok, _ := o.OK.(protocol.ChargePaymentOK); ok.PaymentID != "p-checkout42-2" || ok.TransactionID != "txn_1" {
				t.Errorf("answered %+v", o.OK)
			}
		})
	}
}

// TestDeclineLeavesNothing: what the gateway declines is no row (S2-12), and its
// reason is passed on (S0-14).
func TestDeclineLeavesNothing(t *testing.T) {
	no := Receipt{State: Declined, Failure: protocol.Failure{Error: "insufficient_funds", DeclineCode: "DECLINED"}}
	for typ, row := range map[string]Payment{
		protocol.TypeChargePayment:    BeginCharge(command("", 2), "u999", money(t, "1", "USD")),
		protocol.TypeRequestPayment:   BeginCharge(command("", 2), "u999", money(t, "1", "USD")),
		protocol.TypeAuthorizePayment: BeginAuthorization(command("", 2), "u999", money(t, "1", "USD")),
	} {
		o := finish(t, row, command(typ, 2), no)
		if o.Row != nil || o.OK != nil || o.Declined == nil || o.Declined.DeclineCode != "DECLINED" {
			t.Errorf("%s: got %+v", typ, o)
		}
	}
}

// TestOpenChangesNothing: what the gateway has not decided is as it was begun.
func TestOpenChangesNothing(t *testing.T) {
	row := BeginCharge(command("", 2), "u42", money(t, "1", "USD"))
	for _, state := range []State{None, Processing} {
		o := finish(t, row, command(protocol.TypeChargePayment, 2), Receipt{State: state})
		if !o.Open || !equal(*o.Row, row) {
			t.Errorf("state %d: got %+v", state, o)
		}
	}
}

// TestCapture: what may be captured of an authorization, and when (D3, D4).
func TestCapture(t *testing.T) {
	for name, test := range map[string]struct {
		row    Payment
		cmd    protocol.CapturePayment
		at     int64
		want   protocol.Decimal
		reason string
	}{
		"all of it":              {authorized(t, "100", "USD"), capture(4, "", ""), seven, "100.00", ""},
		"all, in an amount":      {authorized(t, "100", "USD"), capture(4, "100.00", "USD"), seven, "100.00", ""},
		"a part":                 {authorized(t, "100", "USD"), capture(4, "30", "USD"), seven, "30.00", ""},
		"the rest":               {captured(t, authorized(t, "100", "USD"), "30", 3), capture(4, "", ""), seven, "70.00", ""},
		"another part":           {captured(t, authorized(t, "100", "USD"), "30", 3), capture(4, "70", "USD"), seven, "70.00", ""},
		"nothing of nothing":     {authorized(t, "0", "USD"), capture(4, "", ""), seven, "0.00", ""},
		"yen":                    {authorized(t, "500", "JPY"), capture(4, "499", "JPY"), seven, "499", ""},
		"dinars":                 {authorized(t, "1.234", "KWD"), capture(4, "1.233", "KWD"), seven, "1.233", ""},
		"a cent too much":        {authorized(t, "100", "USD"), capture(4, "100.01", "USD"), seven, "", ReasonAuthorizationSpent},
		"more than any number":   {authorized(t, "100", "USD"), capture(4, "92233720368547758.07", "USD"), seven, "", ReasonAuthorizationSpent},
		"more than the rest":     {captured(t, authorized(t, "100", "USD"), "30", 3), capture(4, "70.01", "USD"), seven, "", ReasonAuthorizationSpent},
		"when all is captured":   {captured(t, authorized(t, "100", "USD"), "", 3), capture(4, "", ""), seven, "", ReasonAuthorizationSpent},
		"other currency":         {authorized(t, "100", "EUR"), capture(4, "100", "USD"), seven, "", ReasonCurrencyMismatch},
		"at the last moment":     {authorized(t, "100", "USD"), capture(4, "", ""), expires - 1, "100.00", ""},
		"when it has expired":    {authorized(t, "100", "USD"), capture(4, "", ""), expires, "", ReasonAuthorizationExpired},
		"of a charge":            {charged(t, "100", "USD"), capture(4, "", ""), seven, "", ReasonAuthorizationUnknown},
		"of another one":         {authorized(t, "100", "USD"), protocol.CapturePayment{AuthorizationID: "a-other-2"}, seven, "", ReasonAuthorizationUnknown},
		"when it is not decided": {BeginAuthorization(command("", 2), "u42", money(t, "1", "USD")), capture(4, "", ""), seven, "", ReasonAuthorizationUnknown},
		"when it was let go":     {voided(t, authorized(t, "100", "USD")), capture(4, "", ""), seven, "", ReasonAuthorizationVoided},
		"when it is let go":      {voiding(t, authorized(t, "100", "USD")), capture(4, "", ""), seven, "", ReasonAuthorizationVoided},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.row.clone()
			after, declined, err := BeginCapture(test.cmd, &test.row, test.at)
			if err != nil || !equal(test.row, before) {
				t.Fatalf("error %v, or the row was changed: %+v", err, test.row)
			}
			if test.reason != "" {
				if declined == nil || declined.Error != test.reason || declined.DeclineCode == "" {
					t.Errorf("got %+v, want %s", declined, test.reason)
				}
				return
			}
			if declined != nil {
				t.Fatalf("declined: %+v", declined)
			}
			o := finish(t, after, test.cmd.Command, approved)
			taken := o.Row.captured("p-checkout42-4")
			if taken == nil || taken.Amount != test.want || taken.Status != Captured || taken.CapturedAt != seven {
				t.Errorf("captured %+v, want %s", taken, test.want)
			}
		})
	}
	if _, declined, _ := BeginCapture(capture(4, "", ""), nil, seven); declined == nil || declined.Error != ReasonAuthorizationUnknown {
		t.Errorf("of nothing: got %+v", declined)
	}
}

// TestDamagedRow: a row that makes no sense is our fault, and no business answer.
func TestDamagedRow(t *testing.T) {
	row := authorized(t, "100", "USD")
	row.Authorization.Amount = "100.001"
	if _, declined, err := BeginCapture(capture(4, "", ""), &row, seven); err == nil {
		t.Errorf("got %+v", declined)
	}
	row = captured(t, authorized(t, "100", "USD"), "", 4)
	row.Authorization.Captures[0].PartialRefunds = []Refund{{RefundID: "x", Amount: "101"}}
	if _, _, declined, err := BeginRefund(refund(4, "", ""), &row); err == nil {
		t.Errorf("got %+v", declined)
	}
}

// TestSumsDoNotOverflow: two captures that together are more than can be counted
// cannot both be of one authorization (D1).
func TestSumsDoNotOverflow(t *testing.T) {
	all := protocol.Money{Minor: math.MaxInt64, Currency: "USD"}.Decimal()
	row := captured(t, authorized(t, all, "USD"), "1", 3)
	if _, declined, err := BeginCapture(capture(4, all, "USD"), &row, seven); err != nil || declined == nil || declined.Error != ReasonAuthorizationSpent {
		t.Errorf("got %+v, %v", declined, err)
	}
}
