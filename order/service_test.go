package order

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"
)

// ask sends a question and reads the answer into a value.
func (s *shop) ask(subject, body string, into any) {
	s.Helper()
	m, err := s.nc.Request(subject, []byte(body), patience)
	s.must(err)
	if err := json.Unmarshal(m.Data, into); err != nil {
		s.Fatalf("the answer %s: %v", m.Data, err)
	}
}

// grown is a life of a certain shape and past.
func grown(shape, id string, events ...saga.Event) *life {
	l := &life{def: shapes()[shape], id: id}
	start := saga.Event{Type: saga.Started, At: 1_795_255_200_000_000, Start: &saga.Start{
		SagaID: id, OrderID: "o" + id, Definition: l.def.Name, DefinitionHash: l.def.Hash(),
		Request: raw(request), Secret: "s3cret", Callbacks: "checkout.callback." + id,
	}}
	for _, e := range append([]saga.Event{start}, events...) {
		e.At = start.At + saga.Instant(len(l.events))*1_000_000
		l.state, _ = saga.Next(l.def, l.state, e)
		l.events = append(l.events, e)
	}
	return l
}

func accepted(step int, answer string) saga.Event {
	return saga.Event{Type: saga.StepAccepted, Step: step, Attempt: 1, Fields: raw(answer)}
}

// What support staff need to know of an order stands in one answer.
func TestAnOrderIsShown(t *testing.T) {
	s := newShop(t)
	s.service()
	done := grown("checkout", "done", accepted(1, replies["ReserveInventory"]), accepted(2, replies["ChargePayment"]), accepted(3, replies["CreateShipment"]))
	s.write(done)
	refunded := grown("checkout", "refunded", accepted(1, replies["ReserveInventory"]), accepted(2, replies["ChargePayment"]),
		saga.Event{Type: saga.StepDeclined, Step: 3, Attempt: 1, Code: "address_unknown"},
		saga.Event{Type: saga.CompensationDone, Step: 2, Attempt: 1}, saga.Event{Type: saga.CompensationRefused, Step: 1, Attempt: 1, Code: "no"})
	s.write(refunded)
	s.caughtUp(protocol.ConsumerOrders)

	var byOrder, bySaga, stuck protocol.Order
	s.ask(protocol.SubjectOrder, `{"order_id":"odone"}`, &byOrder)
	s.ask(protocol.SubjectOrder, `{"saga_id":"done"}`, &bySaga)
	if !reflect.DeepEqual(byOrder, bySaga) {
		t.Errorf("by order_id %+v\nby saga_id %+v", byOrder, bySaga)
	}
	updated := byOrder.UpdatedAt
	byOrder.UpdatedAt = ""
	want := protocol.Order{
		Type: "order", OrderID: "odone", SagaID: "done", Definition: "checkout", Status: "COMPLETED", SagaStatus: "COMPLETED",
		UserID: "u42", Items: []protocol.Line{{SKU: "abc123", Quantity: 2}, {SKU: "xyz789", Quantity: 1}},
		Amount: "249.99", Currency: "USD", ShippingAddress: "123 Main St",
		PaymentID: "p1", TransactionID: "txn_12345", ShipmentID: "s1", TrackingNumber: "1Z999AA1",
		StartedAt: "2026-11-21T10:00:00Z", EndedAt: "2026-11-21T10:00:03Z",
		Events: []protocol.OrderEntry{
			{Event: "OrderAccepted", At: "2026-11-21T10:00:00Z"},
			{Event: "InventoryReservedEvent", At: "2026-11-21T10:00:01Z"}, {Event: "InventoryReserved", At: "2026-11-21T10:00:01Z"},
			{Event: "PaymentProcessedEvent", At: "2026-11-21T10:00:02Z"}, {Event: "OrderPaidEvent", At: "2026-11-21T10:00:02Z"},
			{Event: "PaymentCharged", At: "2026-11-21T10:00:02Z"}, {Event: "ShipmentCreated", At: "2026-11-21T10:00:03Z"},
			{Event: "OrderCompleted", At: "2026-11-21T10:00:03Z"},
		},
	}
	if !reflect.DeepEqual(byOrder, want) || updated == "" {
		t.Errorf("got  %+v\nwant %+v", byOrder, want)
	}
	s.ask(protocol.SubjectOrder, `{"saga_id":"refunded"}`, &stuck)
	if stuck.Status != "CREATED" || stuck.SagaStatus != "STUCK" || !stuck.Refunded || stuck.EndedAt != "" ||
		stuck.Reason != "Shipping failed: address_unknown" || len(stuck.Incidents) != 1 || stuck.Incidents[0] != "ReleaseReservation failed: no" {
		t.Errorf("of one that is stuck: %+v", stuck)
	}
}

// D21: whoever knows the secret of a saga, or the address of a callback, can
// decide its steps. Neither is ever told.
func TestSecretsStaySecret(t *testing.T) {
	s := newShop(t)
	s.service()
	l := grown("callback", "secret", accepted(1, replies["ReserveInventory"]), saga.Event{Type: saga.StepTaken, Step: 2, Attempt: 1, RequestID: "q1"})
	s.write(l)
	s.caughtUp(protocol.ConsumerOrders)
	secrets := []string{"s3cret", "checkout.callback", l.state.Start.Token(2)}
	for subject, body := range map[string]string{
		protocol.SubjectOrder: `{"saga_id":"secret"}`, protocol.SubjectOrderList: `{"user_id":"u42"}`,
	} {
		m, err := s.nc.Request(subject, []byte(body), patience)
		s.must(err)
		for _, secret := range secrets {
			if !strings.Contains(string(m.Data), `"osecret"`) || strings.Contains(string(m.Data), secret) {
				t.Errorf("%s answers %s", subject, m.Data)
			}
		}
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	s := newShop(t)
	s.service()
	r := grown("checkout", "broken").record()
	r.Tip = "0000"
	s.put(s.sagas, store.Write{Key: "broken", Value: r.Encode()})
	s.write(grown("checkout", "sound"))
	s.caughtUp(protocol.ConsumerOrders)
	for _, c := range []struct {
		subject, body string
		code          protocol.Code
	}{
		{protocol.SubjectOrder, `{"order_id":"nobody"}`, protocol.CodeNotFound},
		{protocol.SubjectOrder, `{"saga_id":"nobody"}`, protocol.CodeNotFound},
		{protocol.SubjectOrder, `{"saga_id":"broken"}`, protocol.CodeUnavailable},
		{protocol.SubjectOrder, ``, protocol.CodeMissingField},
		{protocol.SubjectOrder, `{"order_id":"o*"}`, protocol.CodeInvalidID},
		{protocol.SubjectOrder, `{"order_id":"a","order_id":"b"}`, protocol.CodeDuplicateField},
		{protocol.SubjectOrder, `hello`, protocol.CodeMalformedRequest},
		{protocol.SubjectOrderList, `{"limit":5000}`, protocol.CodeInvalidField},
		{protocol.SubjectOrderList, `{"user_id":">"}`, protocol.CodeInvalidID},
		{protocol.SubjectOrderList, `{"definition":"a.b"}`, protocol.CodeInvalidID},
		{protocol.SubjectOrderList, `{"page":"1.2.3.4"}`, protocol.CodeInvalidField},
		{protocol.SubjectOrderList, `{"page":"1.2.0"}`, protocol.CodeInvalidField},
		{protocol.SubjectOrderList, `{"page":"-1"}`, protocol.CodeInvalidField},
		{protocol.SubjectOrderList, `{"page":"01.a"}`, protocol.CodeInvalidField},
		{protocol.SubjectOrderList, `{"page":"soon.a"}`, protocol.CodeInvalidField},
	} {
		m, err := s.nc.Request(c.subject, []byte(c.body), patience)
		s.must(err)
		var e protocol.Error
		if err := json.Unmarshal(m.Data, &e); err != nil || e.Code != c.code || m.Header.Get(micro.ErrorCodeHeader) != e.Status() {
			t.Errorf("%s %s: %s, %v", c.subject, c.body, m.Data, m.Header)
		}
	}
}

// An answer is never written into a stream, and what a stream delivers is no
// question.
func TestAnswersGoToClientsOnly(t *testing.T) {
	s := newShop(t)
	s.service()
	s.write(grown("checkout", "sound"))
	s.caughtUp(protocol.ConsumerOrders)
	m := nats.NewMsg(protocol.SubjectOrder)
	m.Reply, m.Data = "order.osound.OrderCompleted", []byte(`{"saga_id":"sound"}`)
	s.must(s.nc.PublishMsg(m))
	var o protocol.Order
	s.ask(protocol.SubjectOrder, `{"saga_id":"sound"}`, &o)
	s.isTold()
}

// ids lists orders and joins their saga ids.
func (s *shop) ids(body string) string {
	s.Helper()
	var list protocol.OrderList
	s.ask(protocol.SubjectOrderList, body, &list)
	var ids []string
	for _, o := range list.Orders {
		ids = append(ids, o.SagaID)
	}
	return strings.Join(ids, " ")
}

// begunAt is a saga of a customer that began at a second.
func begunAt(id, user string, second int, events ...saga.Event) *life {
	l := grown("checkout", id, events...)
	for n := range l.events {
		l.events[n].At += saga.Instant(second) * 1_000_000
	}
	fields := raw(request)
	fields["user_id"] = json.RawMessage(`"` + user + `"`)
	l.events[0].Start.Request = fields
	l.state = saga.State{}
	for _, e := range l.events {
		l.state, _ = saga.Next(l.def, l.state, e)
	}
	return l
}

// Orders are listed by when they began, whenever they changed.
func TestTheNewestComeFirst(t *testing.T) {
	s := newShop(t)
	s.service()
	if got := s.ids(``); got != "" {
		t.Errorf("at first there are %s", got)
	}
	no := saga.Event{Type: saga.StepDeclined, Step: 1, Attempt: 1, Code: "out_of_stock"}
	s.write(begunAt("b", "u1", 2, no))
	s.write(begunAt("d", "u2", 4))
	s.write(begunAt("a", "u1", 1))
	s.write(begunAt("c", "u1", 3))
	s.write(begunAt("a", "u1", 1, accepted(1, replies["ReserveInventory"]))) // the oldest changes last
	s.caughtUp(protocol.ConsumerOrders)
	for body, want := range map[string]string{
		`{}`:                                        "d c b a",
		`{"limit":2}`:                               "d c",
		`{"user_id":"u1"}`:                          "c b a",
		`{"user_id":"u1","limit":1}`:                "c",
		`{"user_id":"nobody"}`:                      "",
		`{"status":"CREATED"}`:                      "d c a",
		`{"status":"CANCELLED"}`:                    "b",
		`{"status":"ABORTED"}`:                      "b",
		`{"status":"PENDING","user_id":"u1"}`:       "c a",
		`{"status":"CANCELLED","user_id":"u2"}`:     "",
		`{"status":"COMPLETED"}`:                    "",
		`{"status":"CREATED","limit":2,"more":"x"}`: "d c",
	} {
		if got := s.ids(body); got != want {
			t.Errorf("%s lists %q, want %q", body, got, want)
		}
	}
	var list protocol.OrderList
	s.ask(protocol.SubjectOrderList, `{"status":"CANCELLED"}`, &list)
	row := list.Orders[0]
	row.UpdatedAt = ""
	if want := (protocol.OrderSummary{
		OrderID: "ob", SagaID: "b", UserID: "u1", Definition: "checkout", Status: "CANCELLED", SagaStatus: "ABORTED",
		Code: "out_of_stock", StartedAt: "2026-11-21T10:00:02Z",
	}); row != want {
		t.Errorf("got  %+v\nwant %+v", row, want)
	}
}

// S4-02: a list is read in pages. Orders that begin meanwhile, also at the very same
// time, move none of them.
func TestPages(t *testing.T) {
	s := newShop(t)
	s.service()
	for id, second := range map[string]int{"a": 1, "b": 2, "c": 2, "d": 2, "e": 3} {
		s.write(begunAt(id, "u1", second))
	}
	s.caughtUp(protocol.ConsumerOrders)
	for _, filter := range []string{``, `"user_id":"u1",`, `"definition":"checkout",`} {
		var told []string
		page := ""
		for n := 1; ; n++ {
			var list protocol.OrderList
			s.ask(protocol.SubjectOrderList, `{`+filter+`"limit":2`+page+`}`, &list)
			for _, o := range list.Orders {
				told = append(told, o.SagaID)
			}
			if list.Next == "" {
				break
			}
			page = `,"page":"` + list.Next + `"`
			s.write(begunAt(fmt.Sprintf("f%d", n), "u1", 4))
		}
		if got := strings.Join(told, ""); !strings.HasSuffix(got, "ebcda") {
			t.Errorf("with %s the pages hold %s", filter, got)
		}
	}
	if got := s.ids(`{"definition":"ticket"}`); got != "" {
		t.Errorf("orders of another kind: %s", got)
	}
}

// A role that is stopped leaves nothing running.
func TestAStoppedRoleIsGone(t *testing.T) {
	s, random := newShop(t), dice(t)
	s.stop(s.service()) // the server has goroutines of its own for each stream
	nc := s.connect()
	_, _ = nc.Request("nobody", nil, patience) // and the connection has one for answers
	svc := s.build(nc)
	before := goleak.IgnoreCurrent()
	s.must(svc.Start(t.Context()))
	s.write(live(random, "saga1").liveOn(random))
	s.caughtUp(protocol.ConsumerOrders)
	s.stop(svc)
	s.stop(svc)
	goleak.VerifyNone(t, before)
}
