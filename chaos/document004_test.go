package chaos_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// ticketOrder is the order of the document's own curl, of another customer.
const ticketOrder = `{"customerId": %q, "amount": 10.5, "items": [{
	"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amount" : 200.00, "quantity" : 1}]}`

// Customers, by what the bank of this test does about their payments.
const (
	approved = "e081ad0f-f83e-4f81-b2d7-23655ac04b8a"
	rejected = "rejected"
	early    = "early" // the result comes before the request is answered
	flaky    = "flaky" // the first two requests meet a technical fault
)

// ticketBank is the payment system of document 004: it takes a request in, and
// tells the result later, on the address that came with it (S4-09, S4-11).
type ticketBank struct {
	t     *testing.T
	nc    *nats.Conn
	mu    sync.Mutex
	tries map[string]int // by saga
}

// openBank opens the bank in the place of the payment service.
func openBank(t *testing.T, nc *nats.Conn) {
	t.Helper()
	b := &ticketBank{t: t, nc: nc, tries: make(map[string]int)}
	_, err := nc.QueueSubscribe(protocol.SubjectRequestPayment, protocol.ServicePayment, func(m *nats.Msg) { go b.take(m) })
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// order004 orders tickets, and returns the id of the order (S4-02).
func order004(w web, body string) string {
	w.t.Helper()
	var created struct{ ID string }
	if code := w.call("POST", "/orders", body, &created); code != 201 || created.ID == "" {
		w.t.Fatalf("the order is answered %d %+v", code, created)
	}
	return created.ID
}

func (b *ticketBank) take(m *nats.Msg) {
	var c protocol.RequestPayment
	if err := json.Unmarshal(m.Data, &c); err != nil {
		b.t.Errorf("asked to pay %s", m.Data)
		return
	}
	if c.Amount != "10.5" && c.Amount != "10.50" {
		b.t.Errorf("asked to pay %s", c.Amount)
	}
	b.mu.Lock()
	b.tries[c.SagaID]++
	try := b.tries[c.SagaID]
	b.mu.Unlock()
	reply := func(suffix string, fields any) []byte {
		body, err := protocol.EncodeReply(c.Reply(suffix), fields)
		if err != nil {
			b.t.Error(err)
		}
		return body
	}
	result := reply(protocol.SuffixOK, protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "t1"})
	if c.UserID == rejected {
		result = reply(protocol.SuffixFailed, protocol.Failure{Error: "card_refused"})
	}
	if c.UserID == flaky && try < 3 {
		b.send(m.Reply, reply(protocol.SuffixError, protocol.Trouble{Error: "down", Retryable: true}))
		return
	}
	if c.UserID == early {
		if _, err := b.nc.Request(c.Callback, result, slowly); err != nil {
			b.t.Error(err)
		}
	}
	b.send(m.Reply, reply(protocol.SuffixPending, protocol.Pending{RequestID: "request-1"}))
	if c.UserID != early {
		b.send(c.Callback, result)
	}
}

func (b *ticketBank) send(subject string, body []byte) {
	if err := b.nc.Publish(subject, body); err != nil {
		b.t.Error(err)
	}
}

// TestDocument004: tickets are ordered over HTTP, and paid for by a bank that
// answers later. The roles run as processes of their own, and the payment service
// is the test's (S4-01).
func TestDocument004(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	gateway := spawn(t, "gateway", "gateway", "--nats", s.url, "--http-listen", address)
	s.startAll(roleInventory, roleOrchestrator, "order", roleNATS)
	gateway.ready()
	w := web{t, "http://" + address}
	nc := s.connect()
	openBank(t, nc)
	e := listen(t, s.connect())

	t.Run("S4-08: no tickets, and the flow ends", func(t *testing.T) {
		id := order004(w, `{"customerId":"c1","amount":10.5,"items":[{"id":"product4","quantity":1}]}`)
		if a := ended(t, nc, id); a.Status != protocol.StatusAborted || a.Reason != "Out of stock" {
			t.Errorf("ended %+v", a)
		}
		e.expect(t, id, "ReserveInventory 1", "ReserveInventory_failed 1")
	})
	t.Run("S4-13: a payment that is rejected gives the tickets back", func(t *testing.T) {
		id := order004(w, fmt.Sprintf(ticketOrder, rejected))
		if a := ended(t, nc, id); a.Status != protocol.StatusAborted || a.Reason != "Payment not completed: card_refused" {
			t.Errorf("ended %+v", a)
		}
		e.expect(t, id, "ReserveInventory 1", "ReserveInventory_ok 1", "RequestPayment 2", "RequestPayment_pending 2",
			"ReleaseReservation 1", "ReleaseReservation_ok 1")
	})
	for name, customer := range map[string]string{
		"S4-02 S4-12 S4-14: approved":                approved,
		"S4-10: after technical faults":              flaky,
		"S4-16: the result comes before the request": early,
	} {
		t.Run(name, func(t *testing.T) {
			id := order004(w, fmt.Sprintf(ticketOrder, customer))
			eventually(t, "the payment of "+id+" is known", slowly, func() bool {
				a := status(t, nc, id)
				return len(a.Steps) == 3 && a.Steps[1].Status == protocol.StepCompleted
			})
			if a := ended(t, nc, id); a.Status != protocol.StatusCompleted {
				t.Errorf("ended %+v", a)
			}
		})
	}
	t.Run("S4-02: the orders are listed", func(t *testing.T) { w.listsAll(t, "c1", approved, rejected, early, flaky) })
}

// listsAll holds the pages of GET /orders to have one order of each customer.
func (w web) listsAll(t *testing.T, customers ...string) {
	t.Helper()
	listed := make(map[string]listedOrder)
	for path := "/orders?limit=2"; path != ""; {
		var page []listedOrder
		var next string
		path, next = "", w.list(path, &page)
		for _, o := range page {
			listed[o.CustomerID] = o
		}
		if uri, ok := strings.CutPrefix(next, "<"); ok {
			path, _, _ = strings.Cut(uri, ">")
		}
	}
	for _, customer := range customers {
		if o := listed[customer]; o.ID == "" || o.Status == "" || o.Amount != "10.50" || len(o.Items) != 1 || o.Items[0].Quantity != 1 {
			t.Errorf("the order of %s is listed as %+v", customer, o)
		}
	}
}

// listedOrder is one row of GET /orders.
type listedOrder struct {
	ID, CustomerID, Status string
	Amount                 json.Number
	Items                  []struct {
		ID       string
		Quantity int
	}
}

// list asks for a page of orders, and returns the link to the next.
func (w web) list(path string, into *[]listedOrder) (link string) {
	w.t.Helper()
	response, err := http.Get(w.base + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s is answered %d: %v", path, response.StatusCode, err)
	}
	return response.Header.Get("Link")
}
