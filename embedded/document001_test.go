package embedded_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"amends/embedded"
	"amends/payment"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// What went wrong in the code of document 001, held against the whole system.

// The original caught the exception after a successful charge, and left charge and
// reservation where they were.
func TestS1_15_AFaultAfterTheChargeIsUndone(t *testing.T) {
	s := openShop(t)
	before := s.level("product1")
	s.place("order-1", "1 Carrier-Broken Rd")
	if status := s.ends("order-1", protocol.StatusAborted); !strings.Contains(status.Reason, "shipping_service_error") {
		t.Errorf("it ends as %+v", status)
	}
	if row := s.payment("order-1", 2); row.Status != payment.Refunded || row.Refund.Amount != "99.98" {
		t.Errorf("the payment is %+v", row)
	}
	if after := s.level("product1"); after != before {
		t.Errorf("the stock was %+v and is %+v", before, after)
	}
}

// In the original a crash between two awaits lost the saga.
func TestS1_16_ACrashBetweenTwoStepsLosesNothing(t *testing.T) {
	s := openShop(t, embedded.Payment)
	const order = "order-1"
	s.place(order, "123 Main St")
	s.until(order, "has its goods and waits for the bank", func(status protocol.Status) bool { return status.CurrentStep == 2 })
	s.app.Kill()
	s.open()
	s.role(embedded.Payment)
	s.ends(order, protocol.StatusCompleted)
	if row := s.payment(order, 2); row.Status != payment.Captured {
		t.Errorf("the payment is %+v", row)
	}
	if level := s.level("product1"); level.OnHand != 100 || level.Reserved != 2 {
		t.Errorf("the stock is %+v", level)
	}
}

// In the original an event that was delivered again reserved and charged again.
func TestS1_17_AnEventDeliveredAgainIsTheSameOrder(t *testing.T) {
	s := openShop(t)
	for range 3 {
		s.place("order-1", "123 Main St")
	}
	s.ends("order-1", protocol.StatusCompleted)
	paid := s.writes(protocol.BucketPayments)
	s.place("order-1", "123 Main St")
	s.place("order-2", "123 Main St")
	s.ends("order-2", protocol.StatusCompleted)
	if level := s.level("product1"); level.Reserved != 4 {
		t.Errorf("two orders of two pieces hold %d", level.Reserved)
	}
	if n := s.writes(protocol.BucketPayments); paid != 1 || n != 2 {
		t.Errorf("one order paid %d times, two orders %d times", paid, n)
	}
}

// In the original RefundIssued was always false.
func TestS1_18_RefundIssuedIsTrueWhenMoneyWentBack(t *testing.T) {
	s := openShop(t)
	for order, refunded := range map[string]bool{"order-1": true, "u999": false} { // the bank declines u999
		s.place(order, "1 Undeliverable Rd")
		s.ends(order, protocol.StatusAborted)
		var cancelled protocol.OrderCancelledEvent
		s.told(order, "OrderCancelledEvent", &cancelled)
		if cancelled.RefundIssued != refunded {
			t.Errorf("order %s is told as %+v", order, cancelled)
		}
	}
}

// In the original PaymentFailed and OrderCancelled were never written when Release
// threw. Here the failure is told at once, that a person is needed as well, and the
// cancellation when the goods are free again.
func TestS1_19_AReleaseThatFailsHidesNothing(t *testing.T) {
	s := openShop(t, embedded.Inventory)
	throws := brokenInventory(s)
	const order = "u999"
	s.place(order, "123 Main St")
	if status := s.ends(order, protocol.StatusStuck); status.Reason != "Payment failed" || len(status.Incidents) != 1 {
		t.Errorf("it is %+v", status)
	}
	var failed struct{ Reason string }
	if names := s.told(order, "PaymentFailedEvent", &failed); slices.Contains(names, "OrderCancelledEvent") {
		t.Errorf("it is cancelled although its goods are held: %v", names)
	}
	s.told(order, "OrderFulfillmentFailedEvent", &failed)

	throws.Store(false)
	var outcome protocol.Outcome
	s.ask(protocol.SubjectRetry, fmt.Sprintf(`{"saga_id":%q,"by":"ann"}`, order), &outcome)
	s.ends(order, protocol.StatusAborted)
	var cancelled protocol.OrderCancelledEvent
	s.told(order, "OrderCancelledEvent", &cancelled)
	if cancelled.Reason != "Payment failed" || cancelled.RefundIssued {
		t.Errorf("it is told as %+v", cancelled)
	}
}

// brokenInventory is one that reserves everything, and releases nothing as long as
// it throws.
func brokenInventory(s *shop) (throws *atomic.Bool) {
	s.Helper()
	throws = new(atomic.Bool)
	throws.Store(true)
	nc, err := nats.Connect(s.app.URL())
	s.must(err)
	s.Cleanup(nc.Close)
	serve := func(subject string, answer func(protocol.Command) string) {
		_, err := nc.QueueSubscribe(subject, "inventory", func(m *nats.Msg) {
			var c protocol.Command
			if err := json.Unmarshal(m.Data, &c); err != nil {
				s.Error(err)
			}
			_ = m.Respond([]byte(answer(c)))
		})
		s.must(err)
	}
	serve(protocol.SubjectReserve, func(c protocol.Command) string {
		return fmt.Sprintf(`{"type":"ReserveInventory_ok","saga_id":%q,"step":1,"reservations":[{"sku":"product1","reservation_id":"r-1"}]}`, c.SagaID)
	})
	serve(protocol.SubjectRelease, func(c protocol.Command) string {
		if throws.Load() {
			return fmt.Sprintf(`{"type":"ReleaseReservation_error","saga_id":%q,"step":1,"error":"internal","message":"it throws","retryable":false}`, c.SagaID)
		}
		return fmt.Sprintf(`{"type":"ReleaseReservation_ok","saga_id":%q,"step":1}`, c.SagaID)
	})
	s.must(nc.Flush())
	return throws
}
