package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// orderService answers as the order service does; list is its list.
func orderService(s *stage, list string) {
	s.answer(protocol.SubjectOrderList, list)
	s.respond(protocol.SubjectOrder, func(m *nats.Msg) string {
		var q protocol.OrderQuery
		s.must(json.Unmarshal(m.Data, &q))
		if q.SagaID == "gone" {
			return `{"type":"error","code":"not_found","message":"there is no such order"}`
		}
		return fmt.Sprintf(`{"type":"order","saga_id":"%s","order_id":"o","user_id":"u1","amount":200.00,"currency":"BRL",
			"items":[{"sku":"t1","quantity":1}],"status":"PAYMENT_NOT_COMPLETED"}`, q.SagaID)
	})
}

// S4-02: orders, with what was ordered and the status that people are told, in the
// order of the list. One that has gone meanwhile is left out.
func TestOrdersAreListed(t *testing.T) {
	s := newStage(t)
	orderService(s, `{"type":"order_list","orders":[{"saga_id":"c2"},{"saga_id":"gone"},{"saga_id":"c1"}],"next":"17.c1"}`)
	d := s.gateway()
	a := d.get("/orders?customerId=u1&status=PAYMENT_NOT_COMPLETED&limit=3").is(200, nil)
	row := `{"id":"c%d","customerId":"u1","amount":200.00,"items":[{"id":"t1","quantity":1}],"status":"PAYMENT_NOT_COMPLETED"}`
	if want := "[" + fmt.Sprintf(row+","+row, 2, 1) + "]\n"; string(a.body) != want {
		t.Errorf("answered %s", a.body)
	}
	const next = `</orders?customerId=u1&limit=3&page=17.c1&status=PAYMENT_NOT_COMPLETED>; rel="next"`
	if got := a.header.Get("Link"); got != next {
		t.Errorf("the next page is %s", got)
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(next, "<"), ">")
	d.get(path).is(200, nil)
	const want = `{"status":"PAYMENT_NOT_COMPLETED","user_id":"u1","definition":"ticket","limit":3,"page":"17.c1"}`
	if got := string(s.last(protocol.SubjectOrderList).Data); got != want {
		t.Errorf("asked %s", got)
	}
}

func TestNoOrders(t *testing.T) {
	s := newStage(t)
	orderService(s, `{"type":"order_list","orders":[]}`)
	a := s.gateway().get("/orders").is(200, nil)
	if string(a.body) != "[]\n" || a.header.Values("Link") != nil {
		t.Errorf("answered %s, %v", a.body, a.header)
	}
}

// Orders of which nothing can be learned are not left out.
func TestOrdersAreAllOrNone(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectOrderList, `{"type":"order_list","orders":[{"saga_id":"c1"}]}`)
	d := s.gateway()
	d.get("/orders").problem(503, protocol.CodeUnavailable, "")
	s.answer(protocol.SubjectOrder, `{"type":"error","code":"unavailable","message":"the record cannot be read"}`)
	d.get("/orders").problem(503, protocol.CodeUnavailable, "")
}

func TestQueriesForOrdersThatAreRefused(t *testing.T) {
	s := newStage(t)
	d := s.gateway()
	for query, want := range map[string]struct {
		status int
		code   protocol.Code
		field  string
	}{
		"customerId=a.b":            {422, protocol.CodeInvalidID, "customerId"},
		"customerId=":               {422, protocol.CodeInvalidField, "customerId"},
		"customerId=a&customerId=b": {400, protocol.CodeDuplicateField, "customerId"},
		"customerid=a":              {422, protocol.CodeInvalidField, ""},
		"status=two%20words":        {422, protocol.CodeInvalidID, "status"},
		"definition=..%2F":          {422, protocol.CodeInvalidID, "definition"},
		"limit=101":                 {422, protocol.CodeInvalidField, "limit"},
		"limit=0":                   {422, protocol.CodeInvalidField, "limit"},
		"limit=-1":                  {422, protocol.CodeInvalidField, "limit"},
		"limit=ten":                 {422, protocol.CodeInvalidField, "limit"},
		"page=2":                    {422, protocol.CodeInvalidField, "page"},
		"page=1.a%0d%0aSet-Cookie":  {422, protocol.CodeInvalidField, "page"},
		"page=-0.a":                 {422, protocol.CodeInvalidField, "page"},
	} {
		d.get("/orders?"+query).problem(want.status, want.code, want.field)
	}
	if s.all() != 0 {
		t.Error("a refused question was asked")
	}
}
