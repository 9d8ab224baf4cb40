package protocol_test

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"amends/protocol"
)

var (
	anOwner    = protocol.CartOwner{UserID: "u42", ClientID: "u42"}
	someLines  = []protocol.Line{aLine}
	aPurchase  = protocol.CartPurchase{SagaID: "s1", Version: 1, Status: "ABORTED", Items: someLines, OrderID: "o1", Reason: "declined", StartedAt: aTime, EndedAt: aTime}
	anEntry    = protocol.OrderEntry{Event: "OrderAccepted", At: aTime}
	anOrderRow = protocol.OrderSummary{
		OrderID: "o1", SagaID: "s1", UserID: "u42", Definition: "checkout", Status: "PAID", SagaStatus: "STUCK", Code: "no_answer",
		Incident: "poison", StartedAt: aTime, UpdatedAt: aTime,
	}
	anItem = protocol.OrderedItem{ProductID: "abc123", Quantity: 2}
)

// fullShop and sparseShop are the messages of carts and orders, as full and sparse
// are those of sagas.
var fullShop = map[string]any{
	"CartAdd":      protocol.CartAdd{CartOwner: anOwner, SKU: "abc123", Quantity: 2, RequestID: "r1"},
	"CartRemove":   protocol.CartRemove{CartOwner: anOwner, SKU: "abc123", Quantity: 2, RequestID: "r1"},
	"CartGet":      protocol.CartGet{CartOwner: anOwner},
	"CartCheckout": protocol.CartCheckout{CartOwner: anOwner, Version: 2, ShippingAddress: "123 Main St", Amount: "249.99", Currency: "USD", WaitMS: new(int64)},
	"Cart":         protocol.Cart{Type: "cart", UserID: "u42", Version: 2, Items: someLines, Checkout: &aPurchase, LastCheckout: &aPurchase},
	"CartPurchase": aPurchase,
	"CartFailed":   protocol.CartFailed{Type: "cart_failed", UserID: "u42", Error: "cart_full", Message: "it is full", SKU: "abc123", Available: new(int64), Version: 2},
	"OrderQuery":   protocol.OrderQuery{OrderID: "o1", SagaID: "s1"},
	"Order": protocol.Order{
		Type: "order", OrderID: "o1", SagaID: "s1", Definition: "checkout", Status: "PAID", SagaStatus: "PENDING", UserID: "u42", Items: someLines,
		Amount: "249.99", Currency: "USD", ShippingAddress: "123 Main St", PaymentID: "p1", TransactionID: "t1", AuthorizationID: "a1", Refunded: true,
		ShipmentID: "s1", TrackingNumber: "1Z999AA1", Reason: "declined", Code: "declined", Incidents: []string{"no answer"},
		StartedAt: aTime, UpdatedAt: aTime, EndedAt: aTime, Events: []protocol.OrderEntry{anEntry},
	},
	"OrderEntry":       anEntry,
	"OrderListRequest": protocol.OrderListRequest{Status: "PAID", UserID: "u42", Definition: "checkout", Limit: 20, Page: "1.s1"},
	"OrderList":        protocol.OrderList{Type: "order_list", Orders: []protocol.OrderSummary{anOrderRow}, Next: "1.s1"},
	"OrderSummary":     anOrderRow,
	"OrderFact": protocol.OrderFact{
		SagaID: "s1", OrderID: "o1", Definition: "checkout", UserID: "u42", Items: someLines, Step: 2, Service: "payment", Action: "ChargePayment",
		Reservations: []protocol.Reservation{aReservation}, PaymentID: "p1", TransactionID: "t1", AuthorizationID: "a1", ShipmentID: "s1", TrackingNumber: "1Z999AA1",
		Amount: "249.99", Currency: "USD", Error: "declined", DeclineCode: "DECLINED", Unavailable: []string{"abc123"}, Timestamp: aTime,
	},
	"OrderedItem":                 anItem,
	"InventoryUnavailableEvent":   protocol.InventoryUnavailableEvent{OrderID: "o1", UnavailableItems: []string{"abc123"}, NotifiedAt: aTime},
	"InventoryReservedEvent":      protocol.InventoryReservedEvent{OrderID: "o1", ReservationID: "r1", Items: []protocol.OrderedItem{anItem}, ReservedAt: aTime},
	"PaymentFailedEvent":          protocol.PaymentFailedEvent{OrderID: "o1", Reason: "DECLINED", FailedAt: aTime},
	"PaymentProcessedEvent":       protocol.PaymentProcessedEvent{PaymentID: "p1", OrderID: "o1", Amount: "249.99", Currency: "USD", ProcessedAt: aTime},
	"OrderPaidEvent":              protocol.OrderPaidEvent{OrderID: "o1", PaymentID: "p1", PaymentMethod: "CreditCard", Amount: "249.99", Currency: "USD", PaidAt: aTime},
	"OrderCancelledEvent":         protocol.OrderCancelledEvent{OrderID: "o1", CancelledBy: "System", Reason: "Payment failed", RefundIssued: true, CancelledAt: aTime},
	"OrderFulfillmentFailedEvent": protocol.OrderFulfillmentFailedEvent{OrderID: "o1", ErrorMessage: "no answer", FailedAt: aTime},
}

var sparseShop = map[string]any{
	"CartAdd": protocol.CartAdd{}, "CartRemove": protocol.CartRemove{}, "CartGet": protocol.CartGet{}, "CartCheckout": protocol.CartCheckout{},
	"Cart": protocol.Cart{}, "CartPurchase": protocol.CartPurchase{}, "CartFailed": protocol.CartFailed{},
	"OrderQuery": protocol.OrderQuery{}, "Order": protocol.Order{}, "OrderEntry": protocol.OrderEntry{},
	"OrderListRequest": protocol.OrderListRequest{}, "OrderList": protocol.OrderList{}, "OrderSummary": protocol.OrderSummary{},
	"OrderFact": protocol.OrderFact{}, "OrderedItem": protocol.OrderedItem{},
	"InventoryUnavailableEvent": protocol.InventoryUnavailableEvent{}, "InventoryReservedEvent": protocol.InventoryReservedEvent{},
	"PaymentFailedEvent": protocol.PaymentFailedEvent{}, "PaymentProcessedEvent": protocol.PaymentProcessedEvent{},
	"OrderPaidEvent": protocol.OrderPaidEvent{}, "OrderCancelledEvent": protocol.OrderCancelledEvent{},
	"OrderFulfillmentFailedEvent": protocol.OrderFulfillmentFailedEvent{},
}

func init() {
	maps.Copy(full, fullShop)
	maps.Copy(sparse, sparseShop)
}

// TestSchemaAcceptsTheEvents holds every domain event of PROTOCOL.md, which stands
// there behind its subject, against its definition.
func TestSchemaAcceptsTheEvents(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	events := regexp.MustCompile(`(?m)^order\.\w+\.(\w+) (\{.*\})$`).FindAllStringSubmatch(string(text), -1)
	if len(events) < 8 {
		t.Errorf("PROTOCOL.md has %d events", len(events))
	}
	for _, m := range events {
		name := "OrderFact"
		if strings.HasSuffix(m[1], "Event") {
			name = m[1]
		}
		accepts(t, compiler, name, m[2])
	}
}
