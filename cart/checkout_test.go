package cart_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"
)

// hold lets new sagas run until end is called; end lets the one there is end.
func (s *stage) hold() {
	s.orchestrator.set(func() { s.orchestrator.ends = "" })
}

func (s *stage) end(status string) {
	s.orchestrator.set(func() { s.orchestrator.end(s.orchestrator.startedLocked(), status) })
}

// begun starts a checkout that nobody waits for.
func (s *stage) begun(user string) string {
	return s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{
		CartOwner: owner(user), ShippingAddress: "123 Main St", WaitMS: new(int64),
	})
}

// TestS3_07_EmptiedAfterSuccessOnly, and what is bought is what lay there.
func TestS3_07_EmptiedAfterSuccessOnly(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 2)
	s.add("u42", "xyz789", 1)
	s.orchestrator.set(func() { s.orchestrator.ends = protocol.StatusAborted })
	failed := s.checkout("u42")
	s.says(failed, `"type":"checkout_failed"`)
	s.says(failed, `"status":"ABORTED","reason":"Payment declined: DECLINED"`)
	s.holds("abc123=2 xyz789=1")
	s.orchestrator.set(func() { s.orchestrator.ends = protocol.StatusCompleted })
	s.says(s.checkout("u42"), `"status":"COMPLETED","order_id":"o1"`)
	s.holds("")
	if last := s.cart("u42").LastCheckout; last == nil || last.Status != "COMPLETED" || last.OrderID != "o1" || inWords(last.Items) != "abc123=2 xyz789=1" {
		t.Errorf("the last checkout is %+v", last)
	}
	s.says(s.checkout("u42"), `{"type":"cart_failed","user_id":"u42","error":"cart_empty","message":"there is nothing in the cart","version":5}`)
	first, second := <-s.orchestrator.heard, <-s.orchestrator.heard
	if first.SagaID == second.SagaID {
		t.Errorf("a failed checkout and the next one are one saga, %s", first.SagaID)
	}
	id := second.SagaID
	second.SagaID, second.WaitMS = "", nil
	want := `{"type":"checkout","definition":"cart","user_id":"u42","items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],"shipping_address":"123 Main St"}`
	if got := string(encode(t, second)); got != want || !strings.HasPrefix(id, "cart-") || protocol.CheckID("saga_id", id) != nil {
		t.Errorf("%s was started as\n%s, want\n%s", id, got, want)
	}
}

// TestS3_02_AClientIDIsEnough: the document sends nothing else. A definition that
// ships after all finds an address to which nobody delivers.
func TestS3_02_AClientIDIsEnough(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	m, err := s.client.Request(protocol.SubjectCartCheckout, []byte(`{"client_id":"u42"}`), patience)
	s.must(err)
	s.says(string(m.Data), `"status":"COMPLETED"`)
	if r := <-s.orchestrator.heard; !strings.Contains(r.ShippingAddress, "undeliverable") || *r.WaitMS != protocol.DefaultWaitMS {
		t.Errorf("started %+v", r)
	}
	s.add("u42", "abc123", 1)
	m, err = s.client.Request(protocol.SubjectCartCheckout, []byte(`{"user_id":"u42","amount":100.00,"currency":"EUR","wait_ms":60000}`), patience)
	s.must(err)
	s.says(string(m.Data), `"status":"COMPLETED"`)
	if r := <-s.orchestrator.heard; r.Amount != "100.00" || r.Currency != "EUR" || *r.WaitMS != 60000 {
		t.Errorf("started %+v", r)
	}
}

// TestD12_WhatIsBeingBoughtIsLocked: what is added or removed meanwhile belongs to
// the next cart.
func TestD12_WhatIsBeingBoughtIsLocked(t *testing.T) {
	for status, want := range map[string]string{
		protocol.StatusCompleted: "abc123=1 product1=1",
		protocol.StatusAborted:   "abc123=3 xyz789=1 product1=1",
		protocol.StatusKilled:    "abc123=3 xyz789=1 product1=1",
	} {
		t.Run(status, func(t *testing.T) {
			s := newStage(t)
			s.inventory.levels["product1"] = 1
			s.replica()
			s.add("u42", "abc123", 2)
			s.add("u42", "xyz789", 1)
			s.hold()
			s.says(s.begun("u42"), `"type":"checkout_accepted"`)
			s.add("u42", "abc123", 1)
			s.add("u42", "product1", 1)
			s.ask(protocol.SubjectCartRemove, protocol.CartRemove{CartOwner: owner("u42"), SKU: "xyz789"})
			c := s.cart("u42")
			if inWords(c.Items) != "abc123=1 product1=1" || c.Checkout == nil || inWords(c.Checkout.Items) != "abc123=2 xyz789=1" || c.Checkout.Status != "PENDING" {
				t.Errorf("while it runs the cart is %+v", c)
			}
			s.end(status)
			s.holds(want)
		})
	}
}

// TestOneCheckoutAtATime: asking again, anywhere, is asking for the one that runs.
func TestOneCheckoutAtATime(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.replica()
	s.add("u42", "abc123", 2)
	s.hold()
	seen := s.cart("u42").Version
	answers := make([]string, 10)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{CartOwner: owner("u42"), Version: seen, WaitMS: new(int64(60000))})
		})
	}
	saga := (<-s.orchestrator.heard).SagaID
	for range 5 {
		s.says(s.begun("u42"), `{"type":"checkout_accepted","saga_id":"`+saga+`","status":"PENDING"}`)
	}
	s.end(protocol.StatusCompleted)
	all.Wait()
	for _, answer := range answers {
		if answer != `{"type":"checkout_complete","saga_id":"`+saga+`","status":"COMPLETED","order_id":"o1"}` {
			t.Errorf("got %s", answer)
		}
	}
	s.holds("")
	if n := len(s.orchestrator.started()); n != 1 {
		t.Errorf("started %d sagas", n)
	}
}

// TestVersions: who says which cart it has seen buys that one, and that one once.
func TestVersions(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	seen := s.cart("u42").Version
	buy := func(version int64, wait time.Duration) string {
		return s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{CartOwner: owner("u42"), Version: version, WaitMS: new(wait.Milliseconds())})
	}
	s.says(buy(seen+1, 0), `"error":"cart_changed","message":"the cart is not of this version any more; look at it again","version":1`)
	s.hold()
	s.says(buy(seen, 0), `"status":"PENDING"`)
	s.says(buy(seen, 0), `"status":"PENDING"`)
	s.add("u42", "xyz789", 1)
	s.says(buy(s.cart("u42").Version, 0), `"error":"checkout_running"`)
	s.end(protocol.StatusCompleted)
	for range 2 {
		s.says(buy(seen, time.Minute), `"status":"COMPLETED","order_id":"o1"`)
	}
	s.holds("xyz789=1")
	if n := len(s.orchestrator.started()); n != 1 {
		t.Errorf("started %d sagas", n)
	}
	s.orchestrator.set(func() { s.orchestrator.ends = protocol.StatusAborted })
	next := s.cart("u42").Version
	for range 2 {
		s.says(buy(next, time.Minute), `"status":"ABORTED"`)
	}
	s.says(buy(s.cart("u42").Version, time.Minute), `"status":"ABORTED"`)
	if n := len(s.orchestrator.started()); n != 3 {
		t.Errorf("started %d sagas", n)
	}
}

// TestTheNextCartIsBought although nobody has seen yet that the last one was.
func TestTheNextCartIsBought(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	s.hold()
	s.begun("u42")
	s.add("u42", "xyz789", 1)
	s.end(protocol.StatusCompleted)
	s.orchestrator.set(func() { s.orchestrator.ends = protocol.StatusCompleted })
	<-s.orchestrator.heard
	s.says(s.checkout("u42"), `"status":"COMPLETED"`)
	if r := <-s.orchestrator.heard; inWords(r.Items) != "xyz789=1" {
		t.Errorf("bought %+v", r)
	}
	s.holds("")
}

// TestARefusedStart starts nothing: the cart is as it was, also its version, and
// the user is told why.
func TestARefusedStart(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	for _, refusal := range []*protocol.Error{
		{Code: protocol.CodeDefinitionUnknown, Field: "definition", Message: "is not the name of a definition here"},
		{Code: protocol.CodeInvalidField, Field: "items", Message: "are priced in different currencies; order them apart"},
		{Code: protocol.CodeOverloaded, Message: "too many checkouts wait already"},
	} {
		s.orchestrator.set(func() { s.orchestrator.refuse = refusal })
		s.says(s.checkout("u42"), string(encode(t, refusal)))
		if c := s.cart("u42"); c.Version != 1 || c.Checkout != nil || inWords(c.Items) != "abc123=1" {
			t.Errorf("after %s the cart is %+v", refusal.Code, c)
		}
	}
	s.orchestrator.set(func() {
		s.orchestrator.refuse = &protocol.Error{Code: protocol.CodeSagaIDConflict, Field: "saga_id", Message: "is taken"}
	})
	s.says(s.checkout("u42"), `"code":"saga_id_conflict"`)
	s.orchestrator.set(func() { s.orchestrator.refuse = nil })
	s.says(s.checkout("u42"), `"status":"COMPLETED"`)
	var ids []string
	for range 5 {
		ids = append(ids, (<-s.orchestrator.heard).SagaID)
	}
	if len(slices.Compact(ids)) != 2 {
		t.Errorf("a saga_id that was taken is used again: %v", ids)
	}
}

// TestNobodyTakesCheckouts: the cart is as it was, at once.
func TestNobodyTakesCheckouts(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	s.orchestrator.close()
	s.says(s.checkout("u42"), `"code":"unavailable","message":"checkouts are not taken now; the cart is as it was; try again"`)
	s.holds("abc123=1")
}

// TestStuckIsNotTheEnd: a person sees to it, and only then the cart is emptied, or
// not.
func TestStuckIsNotTheEnd(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 1)
	s.orchestrator.set(func() { s.orchestrator.ends = protocol.StatusStuck })
	s.says(s.checkout("u42"), `"status":"STUCK"`)
	if c := s.cart("u42"); c.Checkout == nil || len(c.Items) != 0 {
		t.Errorf("the cart is %+v", c)
	}
	s.end(protocol.StatusCompleted)
	if c := s.cart("u42"); c.Checkout != nil || len(c.Items) != 0 || c.LastCheckout.Status != "COMPLETED" {
		t.Errorf("the cart is %+v", c)
	}
}

// TestRecord: the record is readable, names its checkout for followers, and
// expires unless a checkout runs.
func TestRecord(t *testing.T) {
	s := newStage(t)
	s.options.Retention = 2 * time.Hour
	s.replica()
	s.add("u42", "abc123", 1)
	_, header := s.record()
	if header.Get(protocol.HeaderCheckout) != "" || header.Get("Nats-TTL") != "7200" {
		t.Errorf("the header is %v", header)
	}
	s.hold()
	s.begun("u42")
	c, header := s.record()
	if header.Get(protocol.HeaderCheckout) != c.Checkout.SagaID || header.Get("Nats-TTL") != "" {
		t.Errorf("while a checkout runs the header is %v", header)
	}
	var raw map[string]any
	s.must(json.Unmarshal(encode(t, c), &raw))
	for _, field := range []string{"user_id", "cart_id", "version", "items", "checkout", "recent", "changed_at"} {
		if _, there := raw[field]; !there {
			t.Errorf("the record has no %s: %v", field, raw)
		}
	}
}
