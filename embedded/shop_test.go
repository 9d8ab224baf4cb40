package embedded_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"amends/embedded"
	"amends/payment"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// shop is a whole system, some roles of which may run apart, and a client of it.
// All of it can be killed, and opened again.
type shop struct {
	*testing.T
	cfg    embedded.Config
	app    *embedded.App
	client *nats.Conn
}

// openShop opens a shop. The roles that are named are left out, to be opened by
// themselves.
func openShop(t *testing.T, apart ...embedded.Role) *shop {
	t.Helper()
	s := &shop{T: t, cfg: config(t, t.TempDir())}
	s.cfg.Log = zerolog.Nop() // services are killed here
	s.cfg.Server.Listen = "127.0.0.1:0"
	s.cfg.Roles = slices.DeleteFunc(embedded.Roles(), func(r embedded.Role) bool { return slices.Contains(apart, r) })
	s.open()
	s.cfg.Server.Listen = s.app.URL()[len("nats://"):]
	nc, err := nats.Connect(s.app.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1))
	s.must(err)
	t.Cleanup(nc.Close)
	s.client = nc
	return s
}

// open opens the shop, also after it was killed. In the end it is killed, so that
// sagas that wait are not waited for.
func (s *shop) open() {
	s.Helper()
	s.app = start(s.T, s.cfg)
	s.Cleanup(s.app.Kill)
}

// role opens one role by itself.
func (s *shop) role(r embedded.Role) *embedded.App {
	s.Helper()
	return start(s.T, embedded.Config{
		Roles: []embedded.Role{r}, Access: embedded.Access{URL: s.app.URL()}, Development: true, Log: zerolog.Nop(),
	})
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// ask sends a request and decodes the answer. Of a server that is just coming back
// it is asked again.
func (s *shop) ask(subject, body string, into any) {
	s.Helper()
	for until := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		m, err := s.client.Request(subject, []byte(body), patience)
		if err == nil {
			s.must(json.Unmarshal(m.Data, into))
			return
		}
		if time.Now().After(until) {
			s.Fatalf("asking %s: %v", subject, err)
		}
	}
}

func (s *shop) status(sagaID string) (status protocol.Status) {
	s.Helper()
	s.ask(protocol.SubjectStatus, fmt.Sprintf(`{"saga_id":%q}`, sagaID), &status)
	return status
}

// until waits until a saga is as it should be.
func (s *shop) until(sagaID, what string, is func(protocol.Status) bool) protocol.Status {
	s.Helper()
	for until := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		status := s.status(sagaID)
		if is(status) {
			return status
		}
		if time.Now().After(until) {
			s.Fatalf("waited in vain until saga %s %s: it is %+v", sagaID, what, status)
		}
	}
}

func (s *shop) ends(sagaID, as string) protocol.Status {
	s.Helper()
	return s.until(sagaID, "is "+as, func(status protocol.Status) bool { return status.Status == as })
}

// place publishes the event that starts the fulfilment of an order. Its id is that
// of the customer, too.
func (s *shop) place(orderID, address string) {
	s.Helper()
	s.must(s.client.Publish("orders.placed", fmt.Appendf(nil,
		`{"OrderId":%q,"Lines":[{"ProductId":"product1","Quantity":2}],"TotalAmount":99.98,"ShippingAddress":%q}`, orderID, address)))
	s.must(s.client.Flush())
}

func (s *shop) level(sku string) (level protocol.StockLevel) {
	s.Helper()
	s.ask(protocol.SubjectStock, fmt.Sprintf(`{"sku":%q}`, sku), &level)
	return level
}

func (s *shop) payment(sagaID string, step int) (row payment.Payment) {
	s.Helper()
	s.ask(protocol.SubjectPayment, fmt.Sprintf(`{"saga_id":%q,"step":%d}`, sagaID, step), &row)
	return row
}

// writes is how much was ever written to a bucket.
func (s *shop) writes(bucket string) uint64 {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.Context(), protocol.BucketStream(bucket))
	s.must(err)
	return stream.CachedInfo().State.LastSeq
}

// told waits for an event of an order, decodes it, and returns the names of all
// events until then.
func (s *shop) told(orderID, event string, into any) (names []string) {
	s.Helper()
	for until := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		var order protocol.Order
		s.ask(protocol.SubjectOrder, fmt.Sprintf(`{"saga_id":%q}`, orderID), &order)
		names = names[:0]
		for _, e := range order.Events {
			names = append(names, e.Event)
		}
		if slices.Contains(names, event) && s.stored(order.OrderID, event, into) {
			return names
		}
		if time.Now().After(until) {
			s.Fatalf("order %s has %v, not %s", orderID, names, event)
		}
	}
}

// stored decodes an event of the stream, if it is there.
func (s *shop) stored(orderID, event string, into any) bool {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.Context(), protocol.StreamOrders)
	s.must(err)
	m, err := stream.GetLastMsgForSubject(s.Context(), protocol.SubjectOrderEvent(orderID, event))
	if err != nil {
		return false
	}
	s.must(json.Unmarshal(m.Data, into))
	return true
}
