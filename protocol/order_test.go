package protocol_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"amends/protocol"
)

func TestAQuestionForAnOrderNamesOne(t *testing.T) {
	for body, want := range map[string]protocol.Code{
		`{"order_id":"o1"}`:                `ok`,
		`{"saga_id":"checkout42"}`:         `ok`,
		`{}`:                               protocol.CodeMissingField,
		`{"order_id":null}`:                protocol.CodeMissingField,
		`{"order_id":"o1","saga_id":"c1"}`: protocol.CodeInvalidField,
		`{"order_id":"o.1"}`:               protocol.CodeInvalidID,
		`{"order_id":"*"}`:                 protocol.CodeInvalidID,
		`{"saga_id":">"}`:                  protocol.CodeInvalidID,
		`{"order_id":1}`:                   protocol.CodeInvalidField,
		`{"order_id":"a","order_id":"b"}`:  protocol.CodeDuplicateField,
		`{"order_id":"a","ORDER_ID":"b"}`:  protocol.CodeDuplicateField,
		`["o1"]`:                           protocol.CodeMalformedRequest,
	} {
		var q protocol.OrderQuery
		expectCode(t, body, &q, func() error { return q.Validate() }, want)
	}
}

func TestAListOfOrdersIsBounded(t *testing.T) {
	for body, want := range map[string]protocol.Code{
		`{}`: `ok`,
		`{"status":"PAYMENT_NOT_COMPLETED","user_id":"u42","limit":1000}`: `ok`,
		`{"limit":1001}`:            protocol.CodeInvalidField,
		`{"limit":-1}`:              protocol.CodeInvalidField,
		`{"status":"two words"}`:    protocol.CodeInvalidID,
		`{"user_id":"u42.>"}`:       protocol.CodeInvalidID,
		`{"user_id":["u42","u43"]}`: protocol.CodeInvalidField,
		`{"page":"17.c1"}`:          `ok`,
		`{"page":"17.c1.20"}`:       `ok`,
		`{"page":"..20"}`:           `ok`,
		`{"page":"2"}`:              protocol.CodeInvalidField,
		`{"page":".20"}`:            protocol.CodeInvalidField,
		`{"page":"..0"}`:            protocol.CodeInvalidField,
		`{"page":"17..20"}`:         protocol.CodeInvalidField,
		`{"page":"17.c*"}`:          protocol.CodeInvalidField,
	} {
		var r protocol.OrderListRequest
		expectCode(t, body, &r, func() error { return r.Validate() }, want)
	}
}

// expectCode decodes and checks a body, and expects an error of that code, or
// none for "ok".
func expectCode(t *testing.T, body string, into any, check func() error, want protocol.Code) {
	t.Helper()
	_, err := protocol.Decode([]byte(body), into)
	if err == nil {
		err = check()
	}
	if want == "ok" && err == nil || errors.Is(err, &protocol.Error{Code: want}) {
		return
	}
	t.Errorf("%s: got %v, want %s", body, err, want)
}

func TestEventIDsComeApart(t *testing.T) {
	id := protocol.EventID("checkout42", 3, "OrderPaidEvent")
	if id != "checkout42.3.OrderPaidEvent" {
		t.Error(id)
	}
	if sagaID, seq, event, ok := protocol.ParseEventID(id); !ok || sagaID != "checkout42" || seq != 3 || event != "OrderPaidEvent" {
		t.Error(sagaID, seq, event, ok)
	}
	for _, foreign := range []string{"", "checkout42", "checkout42.3", "checkout42.0.Paid", "checkout42.x.Paid", ".3.Paid", "c.3.", "c.3.a.b", "c d.3.Paid"} {
		if _, _, _, ok := protocol.ParseEventID(foreign); ok {
			t.Errorf("%q is taken for an id of an event", foreign)
		}
	}
}

// S1-05 … S1-09: the names of the fields are those of document 001, and no
// others but Currency.
func TestEventsOfDocument001HaveItsFields(t *testing.T) {
	for _, c := range []struct {
		event any
		want  []string
	}{
		{protocol.InventoryUnavailableEvent{}, []string{"OrderId", "UnavailableItems", "NotifiedAt"}},
		{protocol.OrderCancelledEvent{}, []string{"OrderId", "CancelledBy", "Reason", "RefundIssued", "CancelledAt"}},
		{protocol.InventoryReservedEvent{}, []string{"OrderId", "ReservationId", "Items", "ReservedAt"}},
		{protocol.PaymentFailedEvent{}, []string{"OrderId", "Reason", "FailedAt"}},
		{protocol.PaymentProcessedEvent{Currency: "USD"}, []string{"PaymentId", "OrderId", "Amount", "Currency", "ProcessedAt"}},
		{protocol.OrderPaidEvent{Currency: "USD"}, []string{"OrderId", "PaymentId", "PaymentMethod", "Amount", "Currency", "PaidAt"}},
		{protocol.OrderFulfillmentFailedEvent{}, []string{"OrderId", "ErrorMessage", "FailedAt"}},
		{protocol.OrderedItem{}, []string{"ProductId", "Quantity"}},
	} {
		body, err := json.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatal(err)
		}
		want := make(map[string]bool)
		for _, name := range c.want {
			want[name] = true
		}
		got := make(map[string]bool)
		for name := range fields {
			got[name] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%T has %s, want %v", c.event, body, c.want)
		}
	}
}
