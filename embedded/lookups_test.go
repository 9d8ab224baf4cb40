package embedded_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"amends/protocol"
)

// lookups are what people type after nats req, in order, and how it is answered; …
// stands for anything. The shop has sold two lamps to u42 as checkout42.
var lookups = []struct{ subject, say, hear string }{
	{"inventory.stock", `{"sku":"abc123"}`, `{"type":"stock","sku":"abc123","on_hand":10000000,"reserved":2,"available":9999998}`},
	{"inventory.stock", `{"skus":["product4","nothing"]}`,
		`{"type":"stock_list","stock":[{"type":"stock","sku":"product4","on_hand":0,"reserved":0,"available":0}],"total":7}`},
	{"inventory.stock", `{"sku":"nothing"}`, `{"type":"error","code":"not_found",…}`},
	{"inventory.stock", `{"sku":"a.b"}`, `{"type":"error","code":"invalid_id",…,"field":"sku"}`},
	{"inventory.reservation", `{"saga_id":"checkout42"}`,
		`{"type":"reservations","reservations":[{"saga_id":"checkout42","step":1,"reservation_id":"r-checkout42-1","status":"active",` +
			`"lines":[{"sku":"abc123","quantity":2,"reservation_id":"r-checkout42-1-1"}],…}]}`},
	{"inventory.reservation", `{"reservation_id":"r-nothing-1"}`, `{"type":"error","code":"not_found","message":"Reservation not found"}`},
	{"inventory.renew", `{"saga_id":"checkout42","step":1,"hold_ms":3600000}`,
		`{"type":"renewed","saga_id":"checkout42","step":1,"reservation_id":"r-checkout42-1","expires_at":"…Z"}`},
	{"inventory.restock", `{"delivery_id":"d1","items":[{"sku":"product4","quantity":3}]}`,
		`{"type":"restocked","delivery_id":"d1","stock":[{"sku":"product4","on_hand":3}]}`},
	{"payment.get", `{"saga_id":"checkout42","step":2}`,
		`{"type":"payment","saga_id":"checkout42","step":2,"user_id":"u42","currency":"USD","payment_id":"p-checkout42-2",` +
			`"transaction_id":"…","amount":200.00,"status":"captured",…}`},
	{"payment.get", `{"payment_id":"p-checkout42-2"}`, `{"type":"payment","saga_id":"checkout42","step":2,…}`},
	{"payment.get", `{"saga_id":"checkout42","step":3}`, `{"type":"error","code":"not_found","message":"Payment not found"}`},
	{"shipping.get", `{"saga_id":"checkout42","step":3}`,
		`{"type":"shipment","saga_id":"checkout42","step":3,"shipment_id":"s-checkout42-3","tracking_number":"1Z…",` +
			`"items":[{"sku":"abc123","quantity":2}],"address":"123 Main St","status":"created",…}`},
	{"shipping.get", `{"shipment_id":"s-nothing-3"}`, `{"type":"error","code":"not_found","message":"Shipment not found"}`},
	{"shipping.handover", `{"shipment_id":"s-checkout42-3"}`, `{"type":"shipment",…"status":"handed_over",…}`},
	{"cart.add", `{"user_id":"u42","sku":"abc123","quantity":2,"request_id":"tap-1"}`,
		`{"type":"cart","user_id":"u42","version":1,"items":[{"sku":"abc123","quantity":2}]}`},
	{"cart.add", `{"client_id":"u42","sku":"product1","quantity":101}`,
		`{"type":"cart_failed","user_id":"u42","error":"not_enough_inventory","message":"Not enough inventory","sku":"product1","available":100,"version":1}`},
	{"cart.remove", `{"user_id":"u42","sku":"abc123","quantity":1}`,
		`{"type":"cart","user_id":"u42","version":2,"items":[{"sku":"abc123","quantity":1}]}`},
	{"cart.get", `{"user_id":"u42"}`, `{"type":"cart","user_id":"u42","version":2,"items":[{"sku":"abc123","quantity":1}]}`},
	{"cart.checkout", `{"user_id":"u42","version":7}`, `{"type":"cart_failed","user_id":"u42","error":"cart_changed",…}`},
	{"cart.checkout", `{"user_id":"u42"}`, `{"type":"checkout_complete","saga_id":"cart-…","status":"COMPLETED","order_id":"o…"}`},
	{"cart.checkout", `{"user_id":"nobody"}`, `{"type":"cart_failed","user_id":"nobody","error":"cart_empty",…}`},
}

// Whoever has the nats command can ask the participants, and is answered as
// PROTOCOL.md says (S2-16, S3-01, S3-02).
func TestWhatPeopleAsk(t *testing.T) {
	s := openShop(t)
	if out := ask(t, s.app, "checkout42", "u42"); out.Status != protocol.StatusCompleted {
		t.Fatalf("the checkout ends as %+v", out)
	}
	asked := make(map[string]bool)
	for _, l := range lookups {
		m, err := s.client.Request(l.subject, []byte(l.say), patience)
		s.must(err)
		pattern := strings.ReplaceAll(regexp.QuoteMeta(l.hear), "…", ".*")
		if !regexp.MustCompile("^" + pattern + "$").Match(m.Data) {
			t.Errorf("%s %s\ngot  %s\nwant %s", l.subject, l.say, m.Data, l.hear)
		}
		asked[l.subject+" "+l.say] = true
	}
	text, err := os.ReadFile("../protocol/PROTOCOL.md")
	s.must(err)
	for _, line := range regexp.MustCompile(`(?m)^nats req ((?:inventory|payment|shipping|cart)\.[a-z]+ )'(.*)'$`).FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(line[2], `"type"`) {
			continue // a command, which conformance holds
		}
		if !asked[line[1]+line[2]] {
			t.Errorf("PROTOCOL.md has %s%s, which nobody asks here", line[1], line[2])
		}
	}
}
