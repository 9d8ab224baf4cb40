package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go/jetstream"
)

// outlet is what the stream ORDERS has of one order.
type outlet struct {
	orderID string
	events  []told // in their order
	// behind says that the role which writes them has not come to the record yet.
	behind bool
	newest time.Time // when the latest of them happened
	sum    uint32    // of those that were there when everything was read
}

// hearsay knows what is told of journals. Which events there are depends on what
// happened and not on when, to whom, and under which ids; and a million sagas
// happen in few ways.
type hearsay struct {
	mu    sync.RWMutex
	known map[Print]chorus // by way
}

// chorus is domain events, without the order that they are of.
type chorus struct {
	sum   uint32 // of their prints
	count uint32
}

// of is the sum for the events of one order.
func (c chorus) of(orderID string) uint32 { return c.sum + c.count*printOfOrder(orderID) }

// maxWays bounds the ways that are remembered.
const maxWays = 10_000

func (h *hearsay) of(s *Saga) uint32 {
	way, usual := wayOf(s)
	h.mu.RLock()
	all, known := h.known[way]
	h.mu.RUnlock()
	if known && usual {
		return all.of(s.OrderID)
	}
	all = chorus{}
	for _, event := range s.tells() {
		all.sum += printOfEvent(event)
		all.count++
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) > maxWays {
		h.known = make(map[Print]chorus)
	}
	if usual {
		h.known[way] = all
	}
	return all.of(s.OrderID)
}

// wayOf is a print of all that the names of domain events may depend on. usual is
// false for a journal that is not compared.
func wayOf(s *Saga) (way Print, usual bool) {
	var h maphash.Hash
	h.SetSeed(seed)
	add := func(texts ...string) {
		for _, text := range texts {
			_, _ = h.WriteString(text)
			_ = h.WriteByte(0)
		}
	}
	start := s.events[0].Start
	add(start.Definition, start.DefinitionHash)
	for i := range s.events {
		e := &s.events[i]
		if e.Definition != nil {
			return 0, false // it goes on by another one
		}
		add(string(e.Type), string(e.Mode), string(e.Via), string(e.As), e.Code, e.DeclineCode, e.Message, e.RequestID)
		_, _ = h.Write([]byte{byte(e.Step), byte(e.Attempt), byte(e.Attempt >> 8)})
		if e.Final {
			_ = h.WriteByte(1)
		}
	}
	return Print(h.Sum64()), true
}

// orderIn reads the subject of a domain event; ok is false if it is none.
func orderIn(subject string) (orderID, event string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 3 {
		return "", "", false
	}
	return parts[1], parts[2], protocol.SubjectOrderEvent(parts[1], parts[2]) == subject
}

// remember keeps under which order a saga is told of, should it have no record
// that says so.
func (a *auditor) remember(id, orderID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.orderOf) < maxKept {
		a.orderOf[id] = orderID
	}
}

// orderFor is the order of a saga; "*" if nobody knows it.
func (a *auditor) orderFor(snap *snapshot) string {
	if snap.saga != nil {
		return snap.saga.OrderID
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return cmp.Or(a.orderOf[snap.id], "*")
}

// lookAtOrder reads what was told of the order of a saga, whose record is zero if
// there is none.
func (a *auditor) lookAtOrder(ctx context.Context, snap *snapshot, record store.Entry) (*outlet, error) {
	consumer, err := a.src.told(ctx)
	if err != nil {
		return nil, err
	}
	behind := isBehind(consumer, record.Revision, time.Since(record.Stored))
	o, err := a.readOrder(ctx, snap, behind)
	if err != nil || behind || !inHands(consumer, record.Revision) || len(o.check(snap.id, snap.saga)) == 0 {
		return o, err
	}
	// A role that comes back after an hour has thousands of old records in its hands.
	if behind = record.Revision > a.handedOut; !behind {
		select {
		case <-time.After(time.Until(a.handed.Add(tellingPause))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return a.readOrder(ctx, snap, behind)
}

// readOrder reads the domain events of a saga.
func (a *auditor) readOrder(ctx context.Context, snap *snapshot, behind bool) (*outlet, error) {
	o := &outlet{orderID: a.orderFor(snap), behind: behind}
	if o.orderID == "*" || protocol.CheckID("order_id", o.orderID) != nil {
		return o, nil
	}
	err := a.src.orders.events(ctx, a.src.js, protocol.SubjectOrderEvents(o.orderID), snap.exists, func(id string, e told, meta *jetstream.MsgMetadata, at time.Time) {
		if id == snap.id {
			o.events = append(o.events, e)
			o.newest = later(o.newest, at)
			if meta.Sequence.Stream <= a.src.orders.last && !a.isExpired(meta.Timestamp) {
				o.sum += printOfOrder(o.orderID) + printOfEvent(e)
			}
		}
	})
	return o, err
}

// stray finds out whether a saga that has not moved since everything was read is
// told of elsewhere than under its order: then more was heard of it than its order
// has.
func (a *auditor) stray(snap *snapshot, e *entry) []Finding {
	if e == nil || snap.saga == nil || snap.outlet == nil || e.stream() != sagasStream || e.message() != snap.revision {
		return nil
	}
	heard := e.told + a.hearsay.of(snap.saga)
	if heard == snap.outlet.sum {
		return nil
	}
	return []Finding{{
		Invariant: I8, SagaID: snap.id, What: "it is told of under another order as well",
		Evidence: fmt.Sprintf("stream %s, outside of order.%s.*", protocol.StreamOrders, snap.outlet.orderID),
	}}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// happened is when a domain event says that it happened: the latest moment in it.
// It may be told long after that, and its record expires by when it happened. One
// that does not say has happened when it was stored.
func happened(body []byte, stored time.Time) (at time.Time) {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return stored
	}
	for _, value := range fields {
		text, _ := value.(string)
		if moment, err := time.Parse(time.RFC3339, text); err == nil && !moment.After(stored) {
			at = later(at, moment)
		}
	}
	if at.IsZero() {
		return stored
	}
	return at
}

const (
	// tellingTakes is how long it may take until a record that was delivered is told
	// of, or a consumer knows of a record that was stored.
	tellingTakes = 10 * time.Minute
	// tellingPause is how long whoever has an older record in his hands is waited
	// for, once per audit: he has told it by then, or another one got it.
	tellingPause = 20 * time.Second
)

// isBehind tells whether a record may not have been told yet: it waits for its
// turn, or is young. One that was delivered long ago was given back again and
// again, or what was told of it is lost.
func isBehind(told *jetstream.ConsumerInfo, revision uint64, age time.Duration) bool {
	young := age < tellingTakes
	switch {
	case told == nil: // whoever tells may be about to begin
		return young
	case isIdle(told):
		return young && told.Delivered.Stream < revision
	case told.Delivered.Stream < revision:
		return true
	}
	return young && told.AckFloor.Stream < revision
}

// inHands tells whether a record may be with whoever tells of orders.
func inHands(told *jetstream.ConsumerInfo, revision uint64) bool {
	return told != nil && !isIdle(told) && told.Delivered.Stream >= revision && told.AckFloor.Stream < revision
}

func isIdle(told *jetstream.ConsumerInfo) bool {
	return told.NumPending == 0 && told.NumAckPending == 0
}

// told is how far the role has come that tells of orders; nil if it never began.
func (s *source) told(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	consumer, err := s.js.Consumer(ctx, s.sagas.name, protocol.ConsumerOrders)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the consumer %s: %w", protocol.ConsumerOrders, err)
	}
	return consumer.CachedInfo(), nil
}

// events reads the domain events on a subject. at is when one was stored, or with
// its body when it happened.
func (st *stream) events(ctx context.Context, js jetstream.JetStream, subject string, headersOnly bool, see func(sagaID string, e told, meta *jetstream.MsgMetadata, at time.Time)) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, st.name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, HeadersOnly: headersOnly, InactiveThreshold: readTimeout,
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", subject, err)
	}
	defer func() {
		// If it fails, the server forgets the consumer by itself.
		_ = js.DeleteConsumer(ctx, st.name, consumer.CachedInfo().Name)
	}()
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.FetchNoWait(int(min(left, chunk)))
		if err != nil {
			return fmt.Errorf("reading %s: %w", subject, err)
		}
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("reading %s: %w", subject, err)
			}
			if id, seq, name, ok := protocol.ParseEventID(m.Headers().Get(jetstream.MsgIDHeader)); ok {
				see(id, told{seq, name}, meta, happened(m.Data(), meta.Timestamp))
			}
			left = meta.NumPending
		}
		// Whoever stopped here would take for lost what has only not come yet.
		if err := cmp.Or(batch.Error(), ctx.Err()); err != nil {
			return fmt.Errorf("reading %s: %w", subject, err)
		}
	}
	return nil
}

// check holds what was told to what is to be told: nothing twice (I10), nothing
// that the journal does not say, and nothing left out (I8).
func (o *outlet) check(sagaID string, s *Saga) []Finding {
	c := checker{saga: &Saga{ID: sagaID}}
	evidence := fmt.Sprintf("stream %s, order.%s.*", protocol.StreamOrders, o.orderID)
	if s == nil {
		if len(o.events) > 0 {
			c.report(I8, evidence, "%s is told of event %d, but the saga has no record", o.events[0].name, o.events[0].seq)
		}
		return c.findings
	}
	all := s.tells()
	index := make(map[told]int, len(all))
	for i, event := range all {
		index[event] = i
	}
	seen, next := make(map[told]bool, len(all)), 0
	for _, event := range o.events {
		i, known := index[event]
		switch {
		case seen[event]:
			c.report(I10, evidence, "%s of event %d is told twice", event.name, event.seq)
			continue
		case !known:
			c.report(I8, evidence, "%s is told of event %d, but the journal has %d events and does not say so", event.name, event.seq, len(s.events))
		case i < next:
			c.report(I8, evidence, "%s of event %d is told after what follows from it", event.name, event.seq)
		}
		seen[event], next = true, max(next, i)
	}
	for i, event := range all {
		if !seen[event] && (i < next || !o.behind) {
			c.report(I8, evidence, "%s of event %d is not told, although the journal has it since %s",
				event.name, event.seq, time.UnixMicro(int64(s.events[event.seq-1].At)).UTC().Format(time.RFC3339))
		}
	}
	return c.findings
}
