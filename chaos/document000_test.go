package chaos_test

import (
	"slices"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// checkoutLine is a request of document 000, with its type and number (S0-06).
func checkoutLine(sagaID, user, items, address string) string {
	return `{"type":"checkout","msg_id":2,"saga_id":"` + sagaID + `","user_id":"` + user + `","items":` + items +
		`,"shipping_address":"` + address + `"}`
}

const twoLamps = `[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]`

// TestDocument000: the messages of the document, one by one, between the stock
// request of a client and its answer.
func TestDocument000(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	s.start(roleServe)
	nc := s.connect()
	e := listen(t, s.connect())
	t.Run("S0-05…S0-13: checkout42 completes", func(t *testing.T) { document000Completes(t, nc, e) })
	t.Run("S0-14…S0-18: checkout43 is declined", func(t *testing.T) { document000Declined(t, nc, e) })
	t.Run("S0-19: a shipment that fails", func(t *testing.T) { document000Unshipped(t, nc, e) })
	t.Run("S0-19: goods that are not there", func(t *testing.T) { document000SoldOut(t, nc, e) })
	audit(t, s)
}

func document000Completes(t *testing.T, nc *nats.Conn, e *ear) {
	a := ask(t, nc, protocol.SubjectStart, checkoutLine("checkout42", "u42", twoLamps, "123 Main St"))
	if a.Type != "checkout_complete" || a.Status != "COMPLETED" || a.OrderID == "" || string(a.InReplyTo) != "2" {
		t.Errorf("S0-13: answered %+v", a)
	}
	w := e.expect(t, "checkout42", "ReserveInventory 1", "ReserveInventory_ok 1",
		"ChargePayment 2", "ChargePayment_ok 2", "CreateShipment 3", "CreateShipment_ok 3")
	lines := []protocol.Line{{SKU: "abc123", Quantity: 2}, {SKU: "xyz789", Quantity: 1}}
	if !slices.Equal(w[0].Items, lines) {
		t.Errorf("S0-07: asked to reserve %+v", w[0])
	}
	if r := w[1].Reservations; len(r) != 2 || r[0].SKU != "abc123" || r[1].SKU != "xyz789" || r[0].ReservationID == r[1].ReservationID {
		t.Errorf("S0-08: reserved %+v", w[1])
	}
	if w[2].UserID != "u42" || w[2].Amount != "249.99" {
		t.Errorf("S0-09: asked to charge %+v", w[2])
	}
	if w[3].PaymentID == "" || w[3].TransactionID == "" {
		t.Errorf("S0-10: charged %+v", w[3])
	}
	if !slices.Equal(w[4].Items, lines) || w[4].Address != "123 Main St" {
		t.Errorf("S0-11: asked to ship %+v", w[4])
	}
	if w[5].ShipmentID == "" || w[5].Tracking == "" {
		t.Errorf("S0-12: shipped %+v", w[5])
	}
}

func document000Declined(t *testing.T, nc *nats.Conn, e *ear) {
	before := levelOf(t, nc, "abc123")
	a := ask(t, nc, protocol.SubjectStart, checkoutLine("checkout43", "u999", `[{"sku":"abc123","quantity":2}]`, "123 Main St"))
	if a.Type != "checkout_failed" || a.Status != "ABORTED" || a.Reason != "Payment declined: DECLINED" || string(a.InReplyTo) != "2" {
		t.Errorf("S0-17: answered %+v", a)
	}
	// No refund of what was declined, and no shipment (S0-18).
	w := e.expect(t, "checkout43", "ReserveInventory 1", "ReserveInventory_ok 1",
		"ChargePayment 2", "ChargePayment_failed 2", "ReleaseReservation 1", "ReleaseReservation_ok 1")
	if w[3].Error != "insufficient_funds" || w[3].DeclineCode != "DECLINED" {
		t.Errorf("S0-14: declined with %+v", w[3])
	}
	if !w[4].Compensating || !slices.Equal(w[4].Reservations, w[1].Reservations) {
		t.Errorf("S0-15: asked to release %+v", w[4])
	}
	if after := levelOf(t, nc, "abc123"); after != before {
		t.Errorf("S0-24: the stock was %+v and is %+v", before, after)
	}
}

func document000Unshipped(t *testing.T, nc *nats.Conn, e *ear) {
	a := ask(t, nc, protocol.SubjectStart, checkoutLine("checkout44", "u42", twoLamps, "1 Undeliverable Rd"))
	if a.Status != "ABORTED" || a.Reason != "Shipping failed: address_undeliverable" {
		t.Errorf("answered %+v", a)
	}
	w := e.expect(t, "checkout44", "ReserveInventory 1", "ReserveInventory_ok 1", "ChargePayment 2", "ChargePayment_ok 2",
		"CreateShipment 3", "CreateShipment_failed 3", "RefundPayment 2", "RefundPayment_ok 2",
		"ReleaseReservation 1", "ReleaseReservation_ok 1")
	if !w[6].Compensating || w[6].PaymentID != w[3].PaymentID {
		t.Errorf("asked to refund %+v, paid was %+v", w[6], w[3])
	}
}

func document000SoldOut(t *testing.T, nc *nats.Conn, e *ear) {
	a := ask(t, nc, protocol.SubjectStart, checkoutLine("checkout45", "u42", `[{"sku":"product4","quantity":1}]`, "123 Main St"))
	if a.Status != "ABORTED" || a.Reason != "Inventory unavailable" {
		t.Errorf("answered %+v", a)
	}
	e.expect(t, "checkout45", "ReserveInventory 1", "ReserveInventory_failed 1")
}
