package order_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// patience is how long a test waits for something that must happen.
const patience = 60 * time.Second

// system is everything in one process, with a client.
func system(t *testing.T) *nats.Conn {
	t.Helper()
	app := embedded.New(embedded.Config{
		Server:      &embedded.ServerConfig{Data: t.TempDir(), Durability: embedded.Interval, Log: zerolog.Nop()},
		Development: true, Log: zerolog.Nop(),
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := app.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	nc, err := app.Conn(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

func ask(t *testing.T, nc *nats.Conn, subject, body string, into any) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), patience)
	if err != nil {
		t.Fatalf("asking %s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		t.Fatalf("%s answers %s", subject, m.Data)
	}
}

// Real checkouts, real services: the stream has the events of document 001 and
// those of the choreography, in their order (S1-03, S1-05 … S1-08, S1-18, N0-3).
func TestCheckoutsAreToldAsOrders(t *testing.T) {
	nc := system(t)
	for _, c := range []struct{ saga, user, sku, address, status, events string }{
		{"done", "u42", "abc123", "123 Main St", "COMPLETED",
			"OrderAccepted InventoryReservedEvent InventoryReserved PaymentProcessedEvent OrderPaidEvent PaymentCharged ShipmentCreated OrderCompleted"},
		{"declined", "u999", "abc123", "123 Main St", "ABORTED",
			"OrderAccepted InventoryReservedEvent InventoryReserved PaymentFailedEvent PaymentFailed InventoryReleased OrderCancelledEvent"},
		{"soldout", "u42", "product4", "123 Main St", "ABORTED",
			"OrderAccepted InventoryUnavailableEvent InventoryReservationFailed OrderCancelledEvent"},
		{"refunded", "u42", "abc123", "1 Undeliverable Lane", "ABORTED",
			"OrderAccepted InventoryReservedEvent InventoryReserved PaymentProcessedEvent OrderPaidEvent PaymentCharged ShipmentFailed PaymentRefunded InventoryReleased OrderCancelledEvent"},
	} {
		t.Run(c.saga, func(t *testing.T) {
			var outcome protocol.Outcome
			ask(t, nc, protocol.SubjectStart, fmt.Sprintf(
				`{"saga_id":%q,"user_id":%q,"items":[{"sku":%q,"quantity":1}],"shipping_address":%q,"wait_ms":60000}`,
				c.saga, c.user, c.sku, c.address), &outcome)
			if outcome.Status != c.status {
				t.Fatalf("the checkout ends as %+v", outcome)
			}
			var shown, again protocol.Order
			ask(t, nc, protocol.SubjectOrder, fmt.Sprintf(`{"saga_id":%q}`, c.saga), &shown)
			ask(t, nc, protocol.SubjectOrder, fmt.Sprintf(`{"order_id":%q}`, shown.OrderID), &again)
			if shown.Status != c.status || again.SagaID != c.saga {
				t.Errorf("the order is shown as %+v, and by its own id as %+v", shown, again)
			}
			var events []string
			for _, e := range shown.Events {
				events = append(events, e.Event)
			}
			if got := strings.Join(events, " "); got != c.events {
				t.Errorf("it is shown with %s\nwant %s", got, c.events)
			}
			if got := told(t, nc, shown.OrderID, len(events)); got != c.events {
				t.Errorf("the stream has %s\nwant %s", got, c.events)
			}
		})
	}
	var list protocol.OrderList
	ask(t, nc, protocol.SubjectOrderList, `{"status":"ABORTED"}`, &list)
	var ids []string
	for _, o := range list.Orders {
		ids = append(ids, o.SagaID)
	}
	if !slices.Equal(ids, []string{"refunded", "soldout", "declined"}) {
		t.Errorf("the cancelled ones are %v", ids)
	}
}

// told waits for so many events of an order and joins their names.
func told(t *testing.T, nc *nats.Conn, orderID string, count int) string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.OrderedConsumer(t.Context(), protocol.StreamOrders, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.SubjectOrderEvents(orderID)},
	})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	var names []string
	for range count {
		m, err := messages.Next(jetstream.NextMaxWait(patience))
		if err != nil {
			t.Fatalf("after %v: %v", names, err)
		}
		names = append(names, m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:])
	}
	return strings.Join(names, " ")
}
