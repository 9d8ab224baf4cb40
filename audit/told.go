package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
)

// outlet is what the stream ORDERS has of one order.
type outlet struct {
	orderID string
	events  []told // in their order
	// behind says that the role which writes them has not come to the record yet.
	behind bool
}

// hearsay knows what is told of journals. Which events there are depends on what
// happened and not on when, to whom, and under which ids; and a million sagas
// happen in few ways.
type hearsay struct {
	mu    sync.RWMutex
	known map[Print]uint32 // the sum of the prints of the domain events, by way
}

// maxWays bounds the ways that are remembered.
const maxWays = 10_000

func (h *hearsay) of(s *Saga) uint32 {
	way, usual := wayOf(s)
	h.mu.RLock()
	sum, known := h.known[way]
	h.mu.RUnlock()
	if known && usual {
		return sum
	}
	sum = 0
	for _, event := range s.tells() {
		sum += printOfEvent(event)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) > maxWays {
		h.known = make(map[Print]uint32)
	}
	if usual {
		h.known[way] = sum
	}
	return sum
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

// lookAtOrder reads what was told of the order of a saga. revision is that of its
// record; 0 if there is none.
func (a *auditor) lookAtOrder(ctx context.Context, snap *snapshot, revision uint64) (*outlet, error) {
	o := &outlet{orderID: "*"}
	if snap.saga != nil {
		o.orderID = snap.saga.OrderID
	}
	behind, err := a.isBehind(ctx, revision)
	if err != nil {
		return nil, err
	}
	o.behind = behind
	if o.orderID == "*" || protocol.CheckID("order_id", o.orderID) != nil {
		return o, nil
	}
	err = a.src.orders.events(ctx, a.src.js, protocol.SubjectOrderEvents(o.orderID), func(id string, e told) {
		if id == snap.id {
			o.events = append(o.events, e)
		}
	})
	return o, err
}

// isBehind tells whether the record of a revision has not been told yet.
func (a *auditor) isBehind(ctx context.Context, revision uint64) (bool, error) {
	told, err := a.src.told(ctx)
	if err != nil || told == nil {
		return true, err // nobody tells anything
	}
	idle := told.NumPending == 0 && told.NumAckPending == 0
	return !idle && told.AckFloor.Stream < revision, nil
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

// events reads the domain events on a subject.
func (st *stream) events(ctx context.Context, js jetstream.JetStream, subject string, see func(sagaID string, e told)) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, st.name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, HeadersOnly: true, InactiveThreshold: readTimeout,
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
				see(id, told{seq, name})
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
