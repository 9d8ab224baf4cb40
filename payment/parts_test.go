package payment_test

import (
	"strings"
	"testing"
	"time"

	"amends/payment"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"
)

// TestExerciseInTwoParts: setting aside and letting go keeps to everything that a
// participant has to.
func TestExerciseInTwoParts(t *testing.T) {
	authorize := func(saga, user string, amount protocol.Decimal) worker.Command {
		return protocol.AuthorizePayment{
			Command: protocol.Command{Type: protocol.TypeAuthorizePayment, SagaID: saga, Step: 2},
			UserID:  user, Amount: amount, Currency: "USD",
		}
	}
	workertest.Exercise(t, workertest.Participant{
		New: newPayment, Bucket: protocol.BucketPayments,
		Action: protocol.SubjectAuthorize, Compensation: protocol.SubjectVoid, Query: protocol.SubjectPaymentQuery,
		Accept:  func(saga string) worker.Command { return authorize(saga, "u42", "249.99") },
		Differ:  func(saga string) worker.Command { return authorize(saga, "u42", "249.98") },
		Decline: func(saga string) worker.Command { return authorize(saga, "u999", "249.99") },
		Undo: func(saga string) worker.Command {
			return protocol.VoidPayment{
				Command: protocol.Command{Type: protocol.TypeVoidPayment, SagaID: saga, Step: 2, Compensating: true},
			}
		},
	})
}

// TestInTwoParts holds authorize, capture, refund and void to the letter (D3, D4,
// D5).
func TestInTwoParts(t *testing.T) {
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectAuthorize, Say: authorizeBy("s", "u42"),
			Hear: `{"type":"AuthorizePayment_ok","saga_id":"s","step":2,"authorization_id":"a-s-2","expires_at":"2023-11-21T22:13:20Z"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCapture, Say: captureOf("s", "4", "200"),
			Hear: `{"type":"CapturePayment_ok","saga_id":"s","step":4,"payment_id":"p-s-4","transaction_id":"txn_f6346a2aee43a994"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCapture, Say: captureOf("s", "5", "50"),
			Hear: `{"type":"CapturePayment_failed","saga_id":"s","step":5,"error":"authorization_spent","decline_code":"AUTHORIZATION_SPENT"}`,
		},
		workertest.Exchange{ // a part of what another step has captured
			Subject: protocol.SubjectRefund, Say: refundOf("s", "6", `,"payment_id":"p-s-4","amount":30,"currency":"USD"`),
			Hear: `{"type":"RefundPayment_ok","saga_id":"s","step":6}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectRefund, Say: refundOf("s", "7", `,"payment_id":"p-s-4","amount":170.01,"currency":"USD"`),
			Hear: `{"type":"RefundPayment_failed","saga_id":"s","step":7,"error":"refund_too_large","decline_code":"REFUND_TOO_LARGE"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectRefund, Say: refundOf("s", "8", `,"payment_id":"p-s-4","amount":1,"currency":"EUR"`),
			Hear: `{"type":"RefundPayment_failed","saga_id":"s","step":8,"error":"currency_mismatch","decline_code":"CURRENCY_MISMATCH"}`,
		},
		workertest.Exchange{ // the capture itself is undone: the rest of it
			Subject: protocol.SubjectRefund, Say: refundOf("s", "4", ""),
			Hear: `{"type":"RefundPayment_ok","saga_id":"s","step":4}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectVoid, Say: voidOf("s"),
			Hear: `{"type":"VoidPayment_ok","saga_id":"s","step":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectPayment, Say: `{"payment_id":"p-s-4"}`,
			Hear: `{"type":"payment","saga_id":"s","step":4,"user_id":"u42","currency":"USD","authorization":{"authorization_id":"a-s-2",` +
				`"transaction_id":"txn_450222bcc3475b01","amount":249.99,"status":"refunded","authorized_at":1700000000000000,` +
				`"expires_at":1700604800000000,"voided_at":1700000000000000,"captures":[{"payment_id":"p-s-4",` +
				`"transaction_id":"txn_f6346a2aee43a994","amount":200.00,"status":"refunded","captured_at":1700000000000000,` +
				`"partial_refunds":[{"refund_id":"rf-s-6","amount":30.00,"refunded_at":1700000000000000}],` +
				`"refund":{"refund_id":"rf-s-4","amount":170.00,"refunded_at":1700000000000000}}]}}`,
		},
	)
}

// TestCaptureIsUndoneWithoutItsIDs: who does not know what became of a capture
// knows neither its payment_id nor where it is kept (D10).
func TestCaptureIsUndoneWithoutItsIDs(t *testing.T) {
	s := newShop(t, nil)
	s.verdict(protocol.SubjectAuthorize, authorizeBy("before", "u42"))
	s.verdict(protocol.SubjectAuthorize, authorizeBy("after", "u42"))
	s.verdict(protocol.SubjectCapture, captureOf("after", "4", "100"))
	for _, saga := range []string{"before", "after"} {
		if got := brief(s.try(protocol.SubjectRefund, refundOf(saga, "4", ""))); got != "ok" {
			t.Errorf("%s: undone: %s", saga, got)
		}
	}
	if got := brief(s.try(protocol.SubjectCapture, captureOf("before", "4", ""))); got != "failed compensated" {
		t.Errorf("a capture after its refund: %s", got)
	}
	for saga, want := range map[string]payment.Status{"before": payment.Voided, "after": payment.Refunded} {
		s.verdict(protocol.SubjectVoid, voidOf(saga))
		if row, _ := s.row(saga, "2"); row.Authorization.Status != want {
			t.Errorf("%s: the authorization is %+v", saga, row.Authorization)
		}
	}
}

// TestVoidByAnotherStep: an authorization that is named is let go, whoever undoes
// which step.
func TestVoidByAnotherStep(t *testing.T) {
	s := newShop(t, nil)
	s.verdict(protocol.SubjectAuthorize, authorizeBy("s", "u42"))
	void := func(id string) string {
		return `{"type":"VoidPayment","saga_id":"s","step":5,"compensating":true,"authorization_id":"` + id + `"}`
	}
	if got := brief(s.try(protocol.SubjectVoid, void("a-s-2"))); got != "ok" {
		t.Error(got)
	}
	if row, _ := s.row("s", "2"); row.Authorization.Status != payment.Voided {
		t.Errorf("the authorization is %+v", row.Authorization)
	}
	if got := brief(s.try(protocol.SubjectVoid, voidOf("s"))); got != "ok" {
		t.Error(got)
	}
	if got := brief(s.try(protocol.SubjectVoid, strings.Replace(void("a-s-3"), `"step":5`, `"step":6`, 1))); got != "failed authorization_unknown AUTHORIZATION_UNKNOWN" {
		t.Error(got)
	}
}

// TestExpiry: an authorization lapses, and a capture says so (D4).
func TestExpiry(t *testing.T) {
	now := time.UnixMicro(workertest.Now)
	p := participant
	p.New = func(cfg worker.Config) (*worker.Service, error) {
		cfg.Now = func() time.Time { return now }
		return newPayment(cfg)
	}
	n := workertest.Server(t)
	cfg := n.Config(t)
	workertest.Start(t, p, cfg)
	ask := func(subject, body string) string {
		t.Helper()
		m, err := cfg.Conn.Request(subject, []byte(body), patience)
		if err != nil {
			t.Fatal(err)
		}
		return brief(string(m.Data))
	}
	for _, saga := range []string{"early", "late"} {
		if got := ask(protocol.SubjectAuthorize, authorizeBy(saga, "u42")); got != "ok" {
			t.Fatal(got)
		}
	}
	now = now.Add(7*24*time.Hour - time.Microsecond)
	if got := ask(protocol.SubjectCapture, captureOf("early", "4", "")); got != "ok" {
		t.Error(got)
	}
	now = now.Add(time.Microsecond)
	if got := ask(protocol.SubjectCapture, captureOf("late", "4", "")); got != "failed authorization_expired AUTHORIZATION_EXPIRED" {
		t.Error(got)
	}
	if got := ask(protocol.SubjectVoid, voidOf("late")); got != "ok" {
		t.Error(got)
	}
}

// TestCurrencies: two, no and three digits after the point; what has more of them,
// or is more than can be counted, is refused and does nothing (D1).
func TestCurrencies(t *testing.T) {
	s := newShop(t, nil)
	body := func(saga, amount, currency string) string {
		return `{"type":"ChargePayment","saga_id":"` + saga + `","step":2,"user_id":"u42","amount":` + amount + `,"currency":"` + currency + `"}`
	}
	for name, test := range map[string]struct{ amount, currency, want, stored string }{
		"dollars":       {"249.99", "USD", "ok", "249.99"},
		"yen":           {"500", "JPY", "ok", "500"},
		"dinars":        {"1.234", "KWD", "ok", "1.234"},
		"short":         {"1.5", "BHD", "ok", "1.500"},
		"most":          {"92233720368547758.07", "USD", "ok", "92233720368547758.07"},
		"yen-and-sen":   {"500.5", "JPY", "invalid_field", ""},
		"mills":         {"1.999", "USD", "invalid_field", ""},
		"four":          {"1.2345", "KWD", "invalid_field", ""},
		"over":          {"92233720368547758.08", "USD", "invalid_field", ""},
		"more-yen":      {"9223372036854775808", "JPY", "invalid_field", ""},
		"no-such-money": {"1", "USX", "invalid_field", ""},
	} {
		if got := brief(s.try(protocol.SubjectCharge, body(name, test.amount, test.currency))); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
		row, found := s.row(name, "2")
		if found != (test.stored != "") || string(row.Amount) != test.stored {
			t.Errorf("%s: stored is %q", name, row.Amount)
		}
	}
}

// TestGet: a payment is found by its step and by every id that was given for it
// (S2-16).
func TestGet(t *testing.T) {
	s := newShop(t, nil)
	s.awaitResults()
	s.verdict(protocol.SubjectCharge, chargeBy("a-b-3", "u42"))
	s.verdict(protocol.SubjectAuthorize, authorizeBy("held", "u42"))
	s.verdict(protocol.SubjectCapture, captureOf("held", "4", ""))
	s.verdict(protocol.SubjectRequestPayment, requestBy("asked", "u42"))
	s.result(callbackOf("asked"))
	for query, want := range map[string]string{
		`{"saga_id":"a-b-3","step":2}`:                            `"payment_id":"p-a-b-3-2"`,
		`{"payment_id":"p-a-b-3-2"}`:                              `"saga_id":"a-b-3","step":2`,
		`{"payment_id":"p-held-4"}`:                               `"authorization_id":"a-held-2"`,
		`{"saga_id":"held","step":4}`:                             `"payment_id":"p-held-4"`,
		`{"authorization_id":"a-held-2"}`:                         `"payment_id":"p-held-4"`,
		`{"request_id":"rq-asked-2"}`:                             `"payment_id":"p-asked-2"`,
		`{"payment_id":"p-asked-2"}`:                              `"status":"captured"`,
		`{"payment_id":"p-held-2"}`:                               `"not_found"`, // the step is an authorization
		`{"payment_id":"p-held-5"}`:                               `"not_found"`,
		`{"payment_id":"nonsense"}`:                               `"not_found"`,
		`{"payment_id":"p-*-2"}`:                                  `"not_found"`,
		`{"payment_id":"p-held-04"}`:                              `"not_found"`,
		`{"payment_id":"p-held-99999999999999999999"}`:            `"not_found"`,
		`{"saga_id":"held","step":2,"payment_id":"p-held-4"}`:     `"invalid_field"`,
		`{"payment_id":"p-held-4","authorization_id":"a-held-2"}`: `"invalid_field"`,
		`{}`: `"missing_field"`,
	} {
		if got := s.try(protocol.SubjectPayment, query); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s in it", query, got, want)
		}
	}
}
