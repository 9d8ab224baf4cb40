package order

import (
	"encoding/json"
	"fmt"
	"testing"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// many stores the headers of so many orders, s00000 the oldest. Every thousandth,
// from the eighth, is a rare one.
func (s *shop) many(count int) {
	s.Helper()
	l := begunAt("x", "u1", 1)
	r := l.record()
	for n := range count {
		id := fmt.Sprintf("s%05d", n)
		r.SagaID = id
		h := r.Header(l.def, &l.state)
		h.Set(protocol.HeaderStarted, fmt.Sprint(1_795_255_200_000_000+n))
		h.Set(protocol.HeaderOrder, "o"+id)
		if n%1000 == 7 {
			h.Set(protocol.HeaderStatus, "RARE")
		}
		s.sagas.Submit(&store.Write{Key: id, Value: []byte("a value is not read"), Header: h}, func(_ uint64, err error) {
			if err != nil {
				s.Error(err)
			}
		})
	}
	s.write(l)
}

// pages asks until there is no next, and returns the saga ids of each page.
func (s *shop) pages(filter string) (pages [][]string) {
	s.Helper()
	page := ""
	for {
		var list protocol.OrderList
		s.ask(protocol.SubjectOrderList, `{`+filter+page+`}`, &list)
		ids := []string{}
		for _, o := range list.Orders {
			ids = append(ids, o.SagaID)
		}
		pages = append(pages, ids)
		if list.Next == "" {
			return pages
		}
		page = `,"page":"` + list.Next + `"`
	}
}

// Many orders, a few of which match, in many windows; an order whose record has
// expired is not listed.
func TestManyOrdersAreListedInParts(t *testing.T) {
	s := newShop(t)
	s.service()
	s.many(3 * windowLeast)
	if got := s.ids(`{"status":"RARE"}`); got != "s03007 s02007 s01007 s00007" {
		t.Errorf("the rare ones are %s", got)
	}
	if got := s.ids(`{"status":"CREATED","limit":2}`); got != "x s03071" {
		t.Errorf("the newest are %s", got)
	}
	s.caughtUp(protocol.ConsumerOrders)
	_, err := s.sagas.Put(t.Context(), store.Write{Key: "x", Delete: true, Any: true})
	s.must(err)
	if got := s.ids(`{"user_id":"u1"}`); got != "" {
		t.Errorf("an order without a record is listed: %s", got)
	}
}

// S4-02: one question reads so many records and no more, and says where to go on:
// every order is reached.
func TestAListThatIsCutGoesOn(t *testing.T) {
	s := newShop(t)
	s.service(func(svc *Service) { svc.bounds.records = windowLeast })
	s.many(3*windowLeast - 1)
	if got := fmt.Sprint(s.pages(`"status":"RARE"`)); got != "[[s03007] [s02007] [s01007 s00007]]" {
		t.Errorf("the pages of the rare ones are %s", got)
	}
	if got := fmt.Sprint(s.pages(`"status":"RARER"`)); got != "[[] [] []]" {
		t.Errorf("the pages of what is not there are %s", got)
	}
	seen := make(map[string]bool)
	all := 0
	for _, ids := range s.pages(`"limit":500`) {
		for _, id := range ids {
			seen[id] = true
			all++
		}
	}
	if len(seen) != 3*windowLeast || all != len(seen) {
		t.Errorf("the pages hold %d orders, %d of them different", all, len(seen))
	}
}

// S4-02: all orders of a customer are reached, however many there are and however
// few match.
func TestAllOrdersOfACustomerAreReached(t *testing.T) {
	s := newShop(t)
	svc := s.service(func(svc *Service) { svc.bounds.ofCustomer = 700 })
	const all = 2008
	s.many(all)
	for n := range all {
		id := fmt.Sprintf("s%05d", n)
		row, err := json.Marshal(entry{OrderID: "o" + id, PlacedAt: 1_795_255_200_000_000 + saga.Instant(n)})
		s.must(err)
		parsed, err := protocol.ParseSagaID(id)
		s.must(err)
		svc.outbox.customers.Submit(&store.Write{Key: protocol.OrderKey("u1", parsed), Value: row}, func(_ uint64, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	s.eventually("the last order is on the list", func() bool { return s.ids(`{"user_id":"u1","limit":1}`) != "" })
	s.caughtUp(protocol.ConsumerOrders)
	if got := fmt.Sprint(s.pages(`"user_id":"u1","status":"RARE"`)); got != "[[s02007] [s01007] [s00007]]" {
		t.Errorf("the pages of the rare ones are %s", got)
	}
	count := 0
	for _, ids := range s.pages(`"user_id":"u1","limit":300`) {
		count += len(ids)
	}
	if count != all+1 {
		t.Errorf("the pages hold %d orders", count)
	}
}

// Lists have places of their own: however many are in work, an order is shown. A
// list waits for its turn, and is refused when too many do.
func TestListsKeepNobodyFromAnOrder(t *testing.T) {
	s := newShop(t)
	svc := s.service()
	s.write(grown("checkout", "sound"))
	for range maxLists {
		svc.listing.inWork <- struct{}{}
	}
	for range maxRequests - 1 {
		svc.listing.taken <- struct{}{}
	}
	waiting := s.nc.NewRespInbox()
	answers, err := s.nc.SubscribeSync(waiting)
	s.must(err)
	s.must(s.nc.PublishRequest(protocol.SubjectOrderList, waiting, nil))
	s.eventually("the list waits", func() bool { return len(svc.listing.taken) == maxRequests })
	var refused protocol.Error
	if s.ask(protocol.SubjectOrderList, ``, &refused); refused.Code != protocol.CodeOverloaded {
		t.Errorf("one list too many: %+v", refused)
	}
	var o protocol.Order
	if s.ask(protocol.SubjectOrder, `{"saga_id":"sound"}`, &o); o.OrderID != "osound" {
		t.Errorf("the order is %+v", o)
	}
	<-svc.listing.inWork
	answer, err := answers.NextMsg(patience)
	s.must(err)
	var list protocol.OrderList
	if s.must(json.Unmarshal(answer.Data, &list)); len(list.Orders) != 1 {
		t.Errorf("the list that waited: %s", answer.Data)
	}
}

// A saga_id that is used anew is of a new order: its customer has it by when that
// was placed.
func TestANewOrderUnderAnOldSagaIDIsPlacedAnew(t *testing.T) {
	s := newShop(t)
	svc := s.service()
	s.write(begunAt("a", "u1", 1))
	s.caughtUp(protocol.ConsumerOrders)
	anew := begunAt("a", "u1", 9)
	anew.events[0].Start.OrderID = "oanew"
	s.write(anew)
	s.caughtUp(protocol.ConsumerOrders)
	id, err := protocol.ParseSagaID("a")
	s.must(err)
	isPlaced := func(want entry) {
		t.Helper()
		stored, err := svc.outbox.customers.Get(t.Context(), protocol.OrderKey("u1", id))
		s.must(err)
		var row entry
		if s.must(json.Unmarshal(stored.Value, &row)); row != want {
			t.Errorf("got %+v, want %+v", row, want)
		}
	}
	placed := entry{OrderID: "oanew", PlacedAt: anew.events[0].At}
	isPlaced(placed)
	// One who is late with the old order changes nothing.
	s.must(svc.outbox.enrol(t.Context(), &draft{id: id, userID: "u1", orderID: "oa", facts: []Fact{{At: placed.PlacedAt - 1}}}))
	isPlaced(placed)
	// A row that somebody has deleted comes back.
	_, err = svc.outbox.customers.Put(t.Context(), store.Write{Key: protocol.OrderKey("u1", id), Delete: true, Any: true})
	s.must(err)
	s.must(svc.outbox.enrol(t.Context(), &draft{id: id, userID: "u1", orderID: "oanew", facts: []Fact{{At: placed.PlacedAt}}}))
	isPlaced(placed)
}
