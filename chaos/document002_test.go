package chaos_test

import (
	"fmt"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// placeOrder starts an order of document 002: money first (S2-01, S2-04).
func placeOrder(t *testing.T, nc *nats.Conn, sagaID, customer, product string, quantity int, total string) answer {
	t.Helper()
	return ask(t, nc, protocol.SubjectStart, fmt.Sprintf(
		`{"definition":"payment-first","saga_id":%q,"user_id":%q,"items":[{"sku":%q,"quantity":%d}],"amount":%s,"wait_ms":20000}`,
		sagaID, customer, product, quantity, total))
}

// endanger makes all actions of a service fail, while it runs (S2-08).
func endanger(t *testing.T, nc *nats.Conn, service string) {
	t.Helper()
	if a := ask(t, nc, protocol.SubjectFaults(service), `{"failure_probability":1.0}`); a.Type != "faults" {
		t.Fatalf("answered %+v", a)
	}
}

// TestDocument002 plays its four scenarios.
func TestDocument002(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	s.flags = []string{"--allow-faults"}
	s.start(roleServe)
	nc := s.connect()
	e := listen(t, s.connect())
	t.Run("S2-01 S2-09: success", func(t *testing.T) {
		if a := placeOrder(t, nc, "first", "customer123", "product1", 2, "99.99"); a.Status != protocol.StatusCompleted {
			t.Fatalf("answered %+v", a)
		}
		w := e.expect(t, "first", "ChargePayment 1", "ChargePayment_ok 1",
			"ReserveInventory 2", "ReserveInventory_ok 2", "CreateShipment 3", "CreateShipment_ok 3")
		if w[0].Amount != "99.99" || w[1].PaymentID == "" || w[5].ShipmentID == "" {
			t.Errorf("paid %+v, %+v, shipped %+v", w[0], w[1], w[5])
		}
		if level := levelOf(t, nc, "product1"); level.Reserved != 2 {
			t.Errorf("reserved are %+v", level)
		}
		if o := placed(t, nc, "first"); o.Status != "COMPLETED" || o.UserID != "customer123" || o.Amount != "99.99" || o.StartedAt == "" {
			t.Errorf("S2-04 S2-05: the order is %+v", o)
		}
	})
	t.Run("S2-06 S2-10: inventory failure", func(t *testing.T) {
		a := placeOrder(t, nc, "second", "customer456", "product4", 5, "199.99")
		if a.Status != protocol.StatusAborted || a.Reason != "Not enough inventory" {
			t.Errorf("answered %+v", a)
		}
		e.expect(t, "second", "ChargePayment 1", "ChargePayment_ok 1",
			"ReserveInventory 2", "ReserveInventory_failed 2", "RefundPayment 1", "RefundPayment_ok 1")
		if r := row(t, nc, protocol.SubjectPayment, "second", 1); r.Status != "refunded" {
			t.Errorf("the payment is %+v", r)
		}
		if o := placed(t, nc, "second"); o.Status != "CANCELLED" || !o.Refunded {
			t.Errorf("S2-05: the order is %+v", o)
		}
	})
	t.Run("S2-06 S2-07 S2-11: shipping failure", func(t *testing.T) {
		endanger(t, nc, protocol.ServiceShipping)
		a := placeOrder(t, nc, "third", "customer789", "product2", 3, "149.99")
		if a.Status != protocol.StatusAborted || a.Reason != "CreateShipment failed: shipping_service_error" {
			t.Errorf("answered %+v", a)
		}
		if r := row(t, nc, protocol.SubjectPayment, "third", 1); r.Status != "refunded" {
			t.Errorf("the payment is %+v", r)
		}
		if level := levelOf(t, nc, "product2"); level.Reserved != 0 || level.Available != 50 {
			t.Errorf("reserved are %+v", level)
		}
	})
	t.Run("S2-12: payment failure", func(t *testing.T) {
		a := placeOrder(t, nc, "fourth", "u999", "product1", 1, "49.99")
		if a.Status != protocol.StatusAborted || a.Reason != "Payment gateway error" {
			t.Errorf("answered %+v", a)
		}
		e.expect(t, "fourth", "ChargePayment 1", "ChargePayment_failed 1")
		endanger(t, nc, protocol.ServicePayment)
		if a := placeOrder(t, nc, "fifth", "customer123", "product1", 1, "49.99"); a.Reason != "ChargePayment failed: payment_service_error" {
			t.Errorf("answered %+v", a)
		}
		if r := row(t, nc, protocol.SubjectPayment, "fourth", 1); r.Code != string(protocol.CodeNotFound) {
			t.Errorf("the payment is %+v", r)
		}
	})
	audit(t, s)
}
