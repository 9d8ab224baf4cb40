package chaos_test

import (
	"fmt"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// ordersPlaced is where the definition "fulfillment" hears of orders.
const ordersPlaced = "orders.placed"

// place publishes an OrderPlacedEvent, with the fields of document 001 (S1-02).
func place(t *testing.T, nc *nats.Conn, orderID, product string, quantity int, total string) {
	t.Helper()
	event := fmt.Sprintf(`{"OrderId":%q,"Lines":[{"ProductId":%q,"Quantity":%d}],"TotalAmount":%s}`, orderID, product, quantity, total)
	if err := nc.Publish(ordersPlaced, []byte(event)); err != nil {
		t.Fatal(err)
	}
}

// TestDocument001: an event that nobody waits for starts the fulfilment of an
// order, once (S1-01, S1-02).
func TestDocument001(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	s.start(roleServe)
	nc := s.connect()
	e := listen(t, s.connect())
	t.Run("S1-06 S1-08 S1-14 S1-17: paid and shipped, once", func(t *testing.T) {
		const id = "3f6c0a52-order-1"
		place(t, nc, id, "abc123", 2, "180.50")
		appears(t, nc, id)
		place(t, nc, id, "abc123", 2, "180.50") // delivered again
		if a := ended(t, nc, id); a.Status != protocol.StatusCompleted {
			t.Fatalf("ended %+v", a)
		}
		place(t, nc, id, "abc123", 2, "180.50")
		place(t, nc, "3f6c0a52-order-2", "abc123", 1, "90.25")
		appears(t, nc, "3f6c0a52-order-2")
		ended(t, nc, "3f6c0a52-order-2")
		w := e.expect(t, id, "ReserveInventory 1", "ReserveInventory_ok 1",
			"ChargePayment 2", "ChargePayment_ok 2", "CreateShipment 3", "CreateShipment_ok 3")
		if w[0].Items[0] != (protocol.Line{SKU: "abc123", Quantity: 2}) || w[2].Amount != "180.50" {
			t.Errorf("asked for %+v and %+v", w[0], w[2])
		}
	})
	t.Run("S1-05: unavailable goods, and payment is never called", func(t *testing.T) {
		const id = "3f6c0a52-order-3"
		place(t, nc, id, "product4", 1, "9.99")
		appears(t, nc, id)
		if a := ended(t, nc, id); a.Status != protocol.StatusAborted || a.Reason != "Inventory unavailable" {
			t.Errorf("ended %+v", a)
		}
		e.expect(t, id, "ReserveInventory 1", "ReserveInventory_failed 1")
	})
	t.Run("S1-07: a payment that fails", func(t *testing.T) {
		const id = "u999" // the payment belongs to the order, and the bank knows this one
		place(t, nc, id, "abc123", 1, "90.25")
		appears(t, nc, id)
		if a := ended(t, nc, id); a.Status != protocol.StatusAborted || a.Reason != "Payment failed" {
			t.Errorf("ended %+v", a)
		}
		e.expect(t, id, "ReserveInventory 1", "ReserveInventory_ok 1",
			"ChargePayment 2", "ChargePayment_failed 2", "ReleaseReservation 1", "ReleaseReservation_ok 1")
	})
	audit(t, s)
}

// appears waits until a saga is there: nobody answers an event.
func appears(t *testing.T, nc *nats.Conn, sagaID string) {
	t.Helper()
	eventually(t, "the event starts saga "+sagaID, slowly, func() bool { return status(t, nc, sagaID).Code == "" })
}
