package cart_test

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// inventory is a fake one that answers on inventory.stock.
type inventory struct {
	mu     sync.Mutex
	levels map[string]int64
	say    string // if set, the answer to everything; "silence" is none
}

func openInventory(t testing.TB, nc *nats.Conn) *inventory {
	t.Helper()
	i := &inventory{levels: map[string]int64{"abc123": 100, "xyz789": 5, "product4": 0, "taken": -3}}
	subscribe(t, nc, protocol.SubjectStock, func(m *nats.Msg) {
		i.mu.Lock()
		defer i.mu.Unlock()
		var q struct{ SKU string }
		if err := json.Unmarshal(m.Data, &q); err != nil {
			t.Error(err)
		}
		available, known := i.levels[q.SKU]
		switch {
		case i.say == "silence":
		case i.say != "":
			_ = m.Respond([]byte(i.say))
		case !known:
			respond(t, m, &protocol.Error{Code: protocol.CodeNotFound, Field: "sku", Message: "is not in stock here"})
		default:
			respond(t, m, map[string]any{"type": "stock", "sku": q.SKU, "on_hand": available, "reserved": 0, "available": available})
		}
	})
	return i
}

func (i *inventory) saying(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.say = text
}

func subscribe(t testing.TB, nc *nats.Conn, subject string, handle nats.MsgHandler) *nats.Subscription {
	t.Helper()
	sub, err := nc.Subscribe(subject, handle)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func respond(t testing.TB, m *nats.Msg, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		t.Error(err)
	}
	if err := m.Respond(body); err != nil {
		t.Error(err)
	}
}

// orchestrator is a fake one: it answers on checkout.start and checkout.status as
// the real one does, and ends sagas as the test wants.
type orchestrator struct {
	t     testing.TB
	subs  []*nats.Subscription
	heard chan protocol.StartRequest // every start that was answered, or met with silence

	mu     sync.Mutex
	sagas  map[string]*fakeSaga
	refuse *protocol.Error // if set, the answer to every start
	deaf   bool            // starts are not taken, nor answered
	mute   bool            // starts are taken, and not answered
	ends   string          // the status in which new sagas end at once; "" is not yet
}

type fakeSaga struct {
	content protocol.StartRequest
	status  string
	waiting []*nats.Msg
}

func openOrchestrator(t testing.TB, nc *nats.Conn) *orchestrator {
	t.Helper()
	o := &orchestrator{t: t, sagas: make(map[string]*fakeSaga), heard: make(chan protocol.StartRequest, 1000), ends: protocol.StatusCompleted}
	o.subs = []*nats.Subscription{
		subscribe(t, nc, protocol.SubjectStart, o.start), subscribe(t, nc, protocol.SubjectStatus, o.status),
	}
	return o
}

// set changes how the orchestrator behaves.
func (o *orchestrator) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *orchestrator) close() {
	for _, sub := range o.subs {
		if err := sub.Unsubscribe(); err != nil {
			o.t.Error(err)
		}
	}
}

func (o *orchestrator) start(m *nats.Msg) {
	var r protocol.StartRequest
	if _, err := protocol.Decode(m.Data, &r); err != nil {
		o.t.Error(err)
	}
	if err := r.Validate(); err != nil {
		o.t.Errorf("%s: %v", m.Data, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	heard, wait := r, r.WaitMS
	defer func() { o.heard <- heard }()
	r.WaitMS = nil // it belongs to the asking
	switch s := o.sagas[r.SagaID]; {
	case o.deaf:
	case o.refuse != nil:
		respond(o.t, m, o.refuse)
	case s == nil:
		s = &fakeSaga{content: r, status: protocol.StatusPending}
		o.sagas[r.SagaID] = s
		o.hear(s, m, *wait)
		if o.ends != "" {
			o.end(r.SagaID, o.ends)
		}
	case string(encode(o.t, s.content)) != string(encode(o.t, r)):
		respond(o.t, m, &protocol.Error{Code: protocol.CodeSagaIDConflict, Field: "saga_id", Message: "is taken"})
	default:
		o.hear(s, m, *wait)
	}
}

func encode(t testing.TB, v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return body
}

// hear answers a start as soon as its saga has ended, or its wait is over.
func (o *orchestrator) hear(s *fakeSaga, m *nats.Msg, waitMS int64) {
	switch {
	case o.mute:
	case s.status != protocol.StatusPending:
		respond(o.t, m, outcome(s))
	default:
		s.waiting = append(s.waiting, m)
		time.AfterFunc(time.Duration(waitMS)*time.Millisecond, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			if i := slices.Index(s.waiting, m); i >= 0 {
				s.waiting = slices.Delete(s.waiting, i, i+1)
				_ = m.Respond(encode(o.t, outcome(s)))
			}
		})
	}
}

func outcome(s *fakeSaga) protocol.Outcome {
	out := protocol.Outcome{Type: protocol.TypeCheckoutAccepted, SagaID: s.content.SagaID, Status: s.status}
	switch s.status {
	case protocol.StatusCompleted:
		out.Type, out.OrderID = protocol.TypeCheckoutComplete, "o1"
	case protocol.StatusAborted, protocol.StatusKilled, protocol.StatusStuck:
		out.Type, out.Reason = protocol.TypeCheckoutFailed, "Payment declined: DECLINED"
	}
	return out
}

// end lets a saga reach a status, and tells those who wait. It is called with the
// lock held.
func (o *orchestrator) end(id, status string) {
	s := o.sagas[id]
	s.status = status
	for _, m := range s.waiting {
		_ = m.Respond(encode(o.t, outcome(s)))
	}
	s.waiting = nil
}

func (o *orchestrator) status(m *nats.Msg) {
	var q protocol.StatusRequest
	if err := json.Unmarshal(m.Data, &q); err != nil {
		o.t.Error(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sagas[q.SagaID]
	if s == nil {
		respond(o.t, m, &protocol.Error{Code: protocol.CodeSagaNotFound, Field: "saga_id", Message: "no such saga"})
		return
	}
	out := outcome(s)
	respond(o.t, m, protocol.Status{
		Type: protocol.TypeCheckoutStatus, SagaID: q.SagaID, Status: s.status, OrderID: out.OrderID, Reason: out.Reason,
	})
}

// started returns the sagas that were ever started.
func (o *orchestrator) started() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.sagas))
}

// startedLocked is the one saga that was started. It is called with the lock held.
func (o *orchestrator) startedLocked() string {
	ids := slices.Collect(maps.Keys(o.sagas))
	if len(ids) != 1 {
		o.t.Fatalf("%d sagas were started", len(ids))
	}
	return ids[0]
}
