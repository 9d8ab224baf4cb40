package embedded_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"amends/embedded"
	"amends/payment"
	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
)

// The tables of document 003, as they can be read off the buckets, and what went
// wrong in its code, held against the whole system.

// client_cart(client_id, product_id, quantity), product_details(product_id,
// product_name, quantity) and reserve_purchase(reserve_id, product_id, quantity),
// by the words that ours have for the same columns.
func TestS3_04_TheTablesCanBeReadOffTheBuckets(t *testing.T) {
	s := openShop(t, embedded.Payment) // nobody takes the money, so the goods stay reserved
	const client = "u42"
	s.add(client, "product1", 2)
	s.add(client, "product2", 1)
	s.buy(client, 0)
	s.add(client, "product1", 3) // for the next time
	s.until(s.cart(client).Checkout.SagaID, "waits for the bank", func(status protocol.Status) bool { return status.CurrentStep == 2 })

	var carts struct {
		UserID string          `json:"user_id"`
		Items  []protocol.Line `json:"items"`
	}
	s.read(protocol.BucketCarts, client, &carts)
	if got, want := fmt.Sprint(carts), "{u42 [{product1 3}]}"; got != want {
		t.Errorf("client_cart has %s, want %s", got, want)
	}
	var product struct {
		SKU    string `json:"sku"`
		Name   string `json:"name"`
		OnHand int64  `json:"on_hand"`
	}
	s.read(protocol.BucketInventory, "stock.product1", &product)
	if got, want := fmt.Sprint(product), "{product1 Notebook 100}"; got != want {
		t.Errorf("product_details has %s, want %s", got, want)
	}
	var reserved struct {
		Effect struct {
			Status string `json:"status"`
			Lines  []struct {
				ReservationID string `json:"reservation_id"`
				SKU           string `json:"sku"`
				Quantity      int64  `json:"quantity"`
			} `json:"lines"`
		} `json:"effect"`
	}
	saga := s.cart(client).Checkout.SagaID
	s.read(protocol.BucketInventory, "reservation."+saga+".1", &reserved)
	if got, want := fmt.Sprint(reserved.Effect), fmt.Sprintf("{active [{r-%s-1-1 product1 2} {r-%s-1-2 product2 1}]}", saga, saga); got != want {
		t.Errorf("reserve_purchase has %s, want %s", got, want)
	}
}

// In the original, results of other requests were dropped by whoever waited for its
// own. Here many checkouts end at once on one connection, in three ways, and each
// of them is told its own end.
func TestS3_26_NobodyDropsTheResultOfAnother(t *testing.T) {
	s := openShop(t)
	ends := []struct{ user, sku, status, reason string }{
		{"u42", "abc123", protocol.StatusCompleted, ""},
		{"u999", "abc123", protocol.StatusAborted, "Payment declined: DECLINED"},
		{"u42", "product4", protocol.StatusAborted, "Inventory unavailable"},
	}
	var all sync.WaitGroup
	for n := range 90 {
		all.Go(func() {
			end, saga := ends[n%len(ends)], fmt.Sprintf("saga-%d", n)
			m, err := s.client.Request(protocol.SubjectStart, fmt.Appendf(nil,
				`{"saga_id":%q,"user_id":%q,"items":[{"sku":%q,"quantity":1}],"shipping_address":"123 Main St","wait_ms":30000}`,
				saga, end.user, end.sku), patience)
			var got protocol.Outcome
			if err == nil {
				err = json.Unmarshal(m.Data, &got)
			}
			if err != nil || got.SagaID != saga || got.Status != end.status || got.Reason != end.reason {
				t.Errorf("%s is told %+v (%v), want %+v", saga, got, err, end)
			}
		})
	}
	all.Wait()
}

// In the original, SQL was put together from what clients sent. Here an id that
// could mean anything but itself is refused by its field, and free text stays what
// it is.
func TestS3_27_NothingThatIsSentBecomesACommand(t *testing.T) {
	s := openShop(t)
	before := s.level("product1")
	const hostile = `'; DROP TABLE product_details; --`
	for _, id := range []string{hostile, "product1' OR '1'='1", "product1.*", ">", "stock.product1", "$KV", "a b", "../product1", "a\u0000b"} {
		for subject, field := range map[string]string{
			protocol.SubjectCartAdd: "sku", protocol.SubjectCart: "user_id", protocol.SubjectStock: "sku", protocol.SubjectStatus: "saga_id",
			protocol.SubjectPayment: "saga_id", protocol.SubjectShipment: "saga_id", protocol.SubjectReservation: "saga_id",
		} {
			body := map[string]any{field: id}
			switch subject {
			case protocol.SubjectCartAdd:
				body["user_id"], body["quantity"] = "u42", 1
			case protocol.SubjectPayment, protocol.SubjectShipment:
				body["step"] = 1
			}
			var refused protocol.Error
			s.ask(subject, string(encode(t, body)), &refused)
			if refused.Code != protocol.CodeInvalidID || refused.Field != field {
				t.Errorf("%s %v is answered %+v", subject, body, refused)
			}
		}
	}
	var outcome protocol.Outcome
	s.ask(protocol.SubjectStart, fmt.Sprintf(
		`{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":%q,"wait_ms":30000}`, hostile), &outcome)
	var shipment struct{ Address string }
	s.ask(protocol.SubjectShipment, `{"saga_id":"c1","step":3}`, &shipment)
	if outcome.Status != protocol.StatusCompleted || shipment.Address != hostile {
		t.Errorf("%+v goes to %q", outcome, shipment.Address)
	}
	if after := s.level("product1"); after != before {
		t.Errorf("the stock was %+v and is %+v", before, after)
	}
}

// In the original, a crash after the payment meant that the goods were paid for, and
// never committed. Here the inventory is dead when the money comes, and then
// everything dies; when all is back, the goods leave the stock, once.
func TestS3_28_WhatIsPaidForIsCommittedAfterACrash(t *testing.T) {
	s := openShop(t, embedded.Inventory, embedded.Payment)
	warehouse := s.role(embedded.Inventory)
	const client = "u42"
	s.add(client, "product1", 2)
	s.buy(client, 0)
	saga := s.cart(client).Checkout.SagaID
	s.until(saga, "waits for the bank", func(status protocol.Status) bool { return status.CurrentStep == 2 })
	warehouse.Kill()
	bank := s.role(embedded.Payment)
	s.until(saga, "is paid for", func(status protocol.Status) bool { return status.CurrentStep == 3 })
	s.app.Kill()
	bank.Kill()

	s.open()
	s.role(embedded.Payment)
	s.role(embedded.Inventory)
	s.ends(saga, protocol.StatusCompleted)
	if row := s.payment(saga, 2); row.Status != payment.Captured {
		t.Errorf("the payment is %+v", row)
	}
	if level := s.level("product1"); level.OnHand != 98 || level.Reserved != 0 {
		t.Errorf("the stock is %+v", level)
	}
	var reply protocol.Reply // the command comes once more
	s.ask(protocol.SubjectCommit, fmt.Sprintf(
		`{"type":"CommitReservation","saga_id":%q,"step":3,"reservations":[{"sku":"product1","reservation_id":"r-%s-1-1"}]}`, saga, saga), &reply)
	if level := s.level("product1"); !strings.HasSuffix(reply.Type, protocol.SuffixOK) || level.OnHand != 98 {
		t.Errorf("it is answered %+v, and the stock is %+v", reply, level)
	}
}

// add puts a product into the cart of a client.
func (s *shop) add(client, sku string, quantity int) {
	s.Helper()
	var cart protocol.Cart
	s.ask(protocol.SubjectCartAdd, fmt.Sprintf(`{"client_id":%q,"sku":%q,"quantity":%d}`, client, sku, quantity), &cart)
	if cart.Type != protocol.TypeCart {
		s.Fatalf("adding %s is answered %+v", sku, cart)
	}
}

func (s *shop) buy(client string, waitMS int) {
	s.Helper()
	var outcome protocol.Outcome
	s.ask(protocol.SubjectCartCheckout, fmt.Sprintf(`{"client_id":%q,"wait_ms":%d}`, client, waitMS), &outcome)
	if outcome.SagaID == "" {
		s.Fatalf("the checkout is answered %+v", outcome)
	}
}

func (s *shop) cart(client string) (cart protocol.Cart) {
	s.Helper()
	s.ask(protocol.SubjectCart, fmt.Sprintf(`{"client_id":%q}`, client), &cart)
	return cart
}

// read decodes a value of a bucket, as nats kv get shows it.
func (s *shop) read(bucket, key string, into any) {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	kv, err := js.KeyValue(s.Context(), bucket)
	s.must(err)
	entry, err := kv.Get(s.Context(), key)
	s.must(err)
	s.must(json.Unmarshal(entry.Value(), into))
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
