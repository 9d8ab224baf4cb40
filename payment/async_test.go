package payment_test

import (
	"strings"
	"testing"

	"amends/payment"
	"amends/protocol"
)

// TestRequest: a payment that was asked for is taken in at once, and decided later:
// approved or declined, and told where the command says (S4-09, S4-11 … S4-13).
func TestRequest(t *testing.T) {
	s := newShop(t, nil)
	s.awaitResults()
	for user, want := range map[string]string{
		"u42":     `{"type":"RequestPayment_ok","saga_id":"SAGA","step":2,"payment_id":"p-SAGA-2","transaction_id":"txn_`,
		"u960-50": `{"type":"RequestPayment_ok","saga_id":"SAGA","step":2,"payment_id":"p-SAGA-2","transaction_id":"txn_`,
		"u970":    `{"type":"RequestPayment_ok","saga_id":"SAGA","step":2,"payment_id":"p-SAGA-2","transaction_id":"txn_`,
		"u980-3":  `{"type":"RequestPayment_ok","saga_id":"SAGA","step":2,"payment_id":"p-SAGA-2","transaction_id":"txn_`,
		"u999":    `{"type":"RequestPayment_failed","saga_id":"SAGA","step":2,"error":"insufficient_funds","decline_code":"DECLINED"}`,
		"u961-50": `{"type":"RequestPayment_failed","saga_id":"SAGA","step":2,"error":"insufficient_funds","decline_code":"DECLINED"}`,
	} {
		t.Run(user, func(t *testing.T) {
			saga := "by-" + user
			pending := s.verdict(protocol.SubjectRequestPayment, requestBy(saga, user))
			if want := `{"type":"RequestPayment_pending","saga_id":"` + saga + `","step":2,"request_id":"rq-` + saga + `-2"}`; pending != want {
				t.Errorf("got %s, want %s", pending, want)
			}
			result := s.result(callbackOf(saga))
			if want = strings.ReplaceAll(want, "SAGA", saga); !strings.HasPrefix(result, want) {
				t.Errorf("the result is %s, want %s", result, want)
			}
			if again := s.verdict(protocol.SubjectRequestPayment, requestBy(saga, user)); again != result {
				t.Errorf("asked again: %s, the result was %s", again, result)
			}
			if undone := brief(s.verdict(protocol.SubjectRefund, refundOf(saga, "2", ""))); undone != "ok" {
				t.Errorf("undone: %s", undone)
			}
			if row, found := s.row(saga, "2"); found != strings.Contains(want, "_ok") || found && row.Status != payment.Refunded {
				t.Errorf("the row is %+v", row)
			}
		})
	}
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	for callback, results := range s.told() {
		if len(results) != 1 {
			t.Errorf("%s was told %d times: %v", callback, len(results), results)
		}
	}
}

// TestRequestThatIsNeverDecided ends when the saga gives it up.
func TestRequestThatIsNeverDecided(t *testing.T) {
	s := newShop(t, nil)
	s.awaitResults()
	s.verdict(protocol.SubjectRequestPayment, requestBy("s", "u962"))
	if got := brief(s.try(protocol.SubjectPaymentQuery, queryOf("s", "2"))); got != "ok pending" {
		t.Errorf("asked: %s", got)
	}
	if row, _ := s.row("s", "2"); row.Status != payment.Capturing {
		t.Errorf("the row is %+v", row)
	}
	if got := brief(s.verdict(protocol.SubjectRefund, refundOf("s", "2", ""))); got != "ok" {
		t.Errorf("undone: %s", got)
	}
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	if got := brief(s.try(protocol.SubjectRequestPayment, requestBy("s", "u962"))); got != "failed compensated" {
		t.Errorf("asked for again: %s", got)
	}
	if _, found := s.row("s", "2"); found {
		t.Error("a payment that never was is still there")
	}
	if told := s.told(); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
}

// TestLateApproval: the bank approves what was given up meanwhile. It is never a
// payment; the money goes back, and both stay on record (F6, D21).
func TestLateApproval(t *testing.T) {
	asked := make(chan struct{}, 100)
	s := newShop(t, func(g payment.Gateway) payment.Gateway { return afterApproval{g, asked} })
	s.awaitResults()
	s.verdict(protocol.SubjectRequestPayment, requestBy("s", "u960-1"))
	<-asked
	s.verdict(protocol.SubjectRefund, refundOf("s", "2", ""))
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	row, found := s.row("s", "2")
	if !found || row.Status != payment.Refunded || row.Refund == nil || row.Refund.Amount != "249.99" || row.CapturedAt == 0 {
		t.Errorf("the row is %+v", row)
	}
	if got := brief(s.try(protocol.SubjectPaymentQuery, queryOf("s", "2"))); got != "ok known" {
		t.Errorf("asked: %s", got)
	}
	reversal := refundOf("s", "2", `,"reversal":true`)
	if got := brief(s.verdict(protocol.SubjectRefund, reversal)); got != "ok" {
		t.Errorf("reversed: %s", got)
	}
	if told := s.told(); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
}
