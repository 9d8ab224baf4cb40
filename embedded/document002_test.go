package embedded_test

import (
	"fmt"
	"testing"

	"amends/payment"
	"amends/protocol"
)

// A bank that takes its time over a charge is waited for: that it has not decided
// is no failure (D9).
func TestASlowBankIsWaitedFor(t *testing.T) {
	s := openShop(t)
	var outcome protocol.Outcome
	s.ask(protocol.SubjectStart,
		`{"saga_id":"c1","user_id":"u960-2000","items":[{"sku":"product1","quantity":1}],"shipping_address":"123 Main St","wait_ms":30000}`, &outcome)
	if outcome.Status != protocol.StatusCompleted {
		t.Errorf("it ends as %+v", outcome)
	}
}

// In the original of document 002 an error inside of a compensation was swallowed,
// and the order was CANCELLED although no money went back; and whoever cancelled a
// reservation twice had the goods twice.
func TestS2_21_AFailedRefundIsSeenAndNothingIsUndoneTwice(t *testing.T) {
	s := openShop(t)
	before := s.level("product1")
	var outcome protocol.Outcome
	s.ask(protocol.SubjectStart, // the bank takes the money of u951, and never gives it back
		`{"saga_id":"order-1","definition":"payment-first","user_id":"u951","items":[{"sku":"product1","quantity":2}],`+
			`"amount":99.98,"shipping_address":"1 Undeliverable Rd","wait_ms":30000}`, &outcome)
	status := s.status("order-1")
	if outcome.Status != protocol.StatusStuck || status.Status != protocol.StatusStuck || status.Reason != "Shipping service error" {
		t.Errorf("it is told as %+v, and stands as %+v", outcome, status)
	}
	if len(status.Incidents) != 1 || status.Incidents[0].Kind != protocol.IncidentCompensationFailed {
		t.Errorf("its incidents are %+v", status.Incidents)
	}
	if row := s.payment("order-1", 1); row.Status != payment.Captured {
		t.Errorf("the payment is %+v", row)
	}
	for _, more := range []string{"", "", `,"reversal":true`} {
		var reply protocol.Reply
		s.ask(protocol.SubjectRelease, fmt.Sprintf(`{"type":"ReleaseReservation","saga_id":"order-1","step":2,"compensating":true%s,`+
			`"reservations":[{"sku":"product1","reservation_id":"r-order-1-2-1"}]}`, more), &reply)
		if reply.Type != protocol.TypeReleaseReservation+protocol.SuffixOK {
			t.Errorf("a release after the release is answered %+v", reply)
		}
		if after := s.level("product1"); after != before {
			t.Errorf("the stock was %+v and is %+v", before, after)
		}
	}
}
