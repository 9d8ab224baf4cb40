package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// position names a message of the stream: what it tells of which saga. The zero
// value is a message that is not of this role, or none.
type position struct {
	sagaID string
	seq    int
	name   string
}

func positionOf(h nats.Header) position {
	sagaID, seq, name, ok := protocol.ParseEventID(h.Get(jetstream.MsgIDHeader))
	if !ok {
		return position{}
	}
	return position{sagaID, seq, name}
}

// in is how many of the facts are told when this is the last one. A version of
// the program may tell more, or less, than the one that told it: then it goes on
// behind the same event of the journal.
func (p position) in(facts []Fact) int {
	if i := slices.IndexFunc(facts, func(f Fact) bool { return f.Seq == p.seq && f.Name == p.name }); i >= 0 {
		return i + 1
	}
	if i := slices.IndexFunc(facts, func(f Fact) bool { return f.Seq > p.seq }); i >= 0 {
		return i
	}
	return len(facts)
}

// lastOf is the last message of an order that is of this role; the zero position
// if there is none.
func (o *outbox) lastOf(ctx context.Context, orderID string) (position, error) {
	last, err := store.LastOn(ctx, o.nc, protocol.StreamOrders, protocol.SubjectOrderEvents(orderID))
	if errors.Is(err, store.ErrNotFound) {
		return position{}, nil
	}
	if err != nil {
		return position{}, fmt.Errorf("looking for order %s: %w", orderID, err)
	}
	if at := positionOf(last.Header); at.sagaID != "" {
		return at, nil
	}
	return o.search(ctx, orderID, "")
}

// searchTimeout bounds one pass over the messages of one order.
const searchTimeout = 10 * time.Second

// search looks through all messages of an order for the last one of a saga; of
// any saga if sagaID is "". Only an order into which somebody else has written
// needs it.
func (o *outbox) search(ctx context.Context, orderID, sagaID string) (position, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	consumer, err := o.js.OrderedConsumer(ctx, protocol.StreamOrders, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.SubjectOrderEvents(orderID)}, HeadersOnly: true, InactiveThreshold: searchTimeout,
	})
	if err != nil {
		return position{}, err
	}
	// If this fails, the server forgets the consumer by itself.
	defer func() {
		_ = o.js.DeleteConsumer(context.WithoutCancel(ctx), protocol.StreamOrders, consumer.CachedInfo().Name)
	}()
	messages, err := consumer.Messages()
	if err != nil {
		return position{}, err
	}
	defer messages.Stop()
	var found position
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return position{}, err
		}
		if at := positionOf(m.Headers()); at.sagaID != "" && (sagaID == "" || at.sagaID == sagaID) {
			found = at
		}
		meta, err := m.Metadata()
		if err != nil || meta.NumPending == 0 {
			return found, err
		}
	}
}
