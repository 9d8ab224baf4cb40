package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An event is written exactly once, whatever is delivered twice, late or to two
// replicas at once, and whoever is killed at any moment. What makes it so is the
// stream alone:
//
//   - The last message of an order says how much of it is there: its id names the
//     event of the journal that it follows from. What is told of a journal never
//     changes, so the rest is what comes after it.
//   - What is written next goes as one batch, or not at all, and demands that this
//     last one still is the last of its order. Of two who go on from the same
//     place, one is refused, and looks again.
//
// The server's own dedupe by message id forgets after a window, and is not needed.

// dedupeWindow is how long the server remembers message ids: as short as can be,
// since it holds them in memory.
const dedupeWindow = time.Second

// sideBySide bounds the requests of one kind that are under way at once.
const sideBySide = 32

// outbox writes domain events.
type outbox struct {
	nc        *nats.Conn
	js        jetstream.JetStream
	writer    *store.Writer
	customers *store.Bucket
}

// draft is what is told of one order, on its way to the stream.
type draft struct {
	id      protocol.SagaID
	orderID string
	userID  string // "" if there is none
	facts   []Fact
	notes   []Note

	looked bool
	heard  int    // the notes up to this event of the journal are in somebody's log
	told   int    // how many of the facts the stream has
	last   uint64 // sequence number of the last message of the order; 0 is none
}

// errMalformed says that a record names an order that cannot be one.
var errMalformed = errors.New("the order_id is no identifier")

func draftOf(id protocol.SagaID, r *record) (*draft, error) {
	start := r.State.Start
	if err := protocol.CheckID("order_id", start.OrderID); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	d := &draft{id: id, orderID: start.OrderID, userID: termsOf(start).userID, facts: r.facts, notes: r.notes}
	if protocol.CheckID("user_id", d.userID) != nil {
		d.userID = ""
	}
	return d, nil
}

// open makes the stream of domain events. Events are kept for ever, unless its
// operator decides otherwise: an order must be kept as long as the record of its
// saga, or its events would be written once more.
func (o *outbox) open(ctx context.Context, replicas int) error {
	err := store.EnsureStream(ctx, o.js, jetstream.StreamConfig{
		Name: protocol.StreamOrders, Subjects: []string{protocol.OrderSubjects},
		Storage: jetstream.FileStorage, Replicas: max(replicas, 1), Discard: jetstream.DiscardNew,
		Duplicates: dedupeWindow, AllowAtomicPublish: true, AllowDirect: true, DenyDelete: true,
	})
	if err != nil {
		return err
	}
	stream, err := o.js.Stream(ctx, protocol.StreamOrders)
	if err != nil {
		return fmt.Errorf("looking at stream %s: %w", protocol.StreamOrders, err)
	}
	if !stream.CachedInfo().Config.AllowAtomicPublish {
		return fmt.Errorf("stream %s does not take atomic batches: allow them with nats stream edit %s --allow-batch", protocol.StreamOrders, protocol.StreamOrders)
	}
	return nil
}

// tell brings the stream up to date with the drafts. Whatever the error, looking
// again and telling the rest is right; store.ErrConflict says that somebody else
// has told some of it meanwhile.
func (o *outbox) tell(ctx context.Context, drafts []*draft) error {
	if err := each(drafts, func(d *draft) error { return o.look(ctx, d) }); err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(drafts), func(d *draft) bool { return d.told > 0 || len(d.facts) == 0 || d.userID == "" })
	if err := each(fresh, func(d *draft) error { return o.enrol(ctx, d) }); err != nil {
		return err
	}
	for {
		messages, shares, err := compose(drafts)
		if err != nil || len(messages) == 0 {
			return err
		}
		last, err := o.writer.PublishBatchWait(ctx, messages)
		if err != nil {
			return fmt.Errorf("writing %d events: %w", len(messages), err)
		}
		last -= uint64(len(messages))
		for _, s := range shares {
			last += uint64(s.count)
			s.draft.told, s.draft.last = s.draft.told+s.count, last
		}
	}
}

// look finds out how much of an order the stream has.
func (o *outbox) look(ctx context.Context, d *draft) error {
	last, err := store.LastOn(ctx, o.nc, protocol.StreamOrders, protocol.SubjectOrderEvents(d.orderID))
	if errors.Is(err, store.ErrNotFound) {
		d.told, d.last, d.looked = 0, 0, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for order %s: %w", d.orderID, err)
	}
	at := positionOf(last.Header)
	if at.sagaID != d.id.String() {
		if at, err = o.search(ctx, d.orderID, d.id.String()); err != nil {
			return fmt.Errorf("looking for order %s: %w", d.orderID, err)
		}
	}
	if !d.looked {
		d.heard, d.looked = at.seq, true
	}
	d.told, d.last = at.in(d.facts), last.Revision
	return nil
}

// share is how many messages of a batch are of one draft.
type share struct {
	draft *draft
	count int
}

// compose makes the next batch of what is not told yet.
func compose(drafts []*draft) (messages []*nats.Msg, shares []share, err error) {
	for _, d := range drafts {
		rest := d.facts[d.told:]
		rest = rest[:min(len(rest), store.MaxBatch-len(messages))]
		if len(rest) == 0 {
			continue
		}
		for i := range rest {
			m, err := d.message(&rest[i])
			if err != nil {
				return nil, nil, err
			}
			if i == 0 {
				m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(d.last, 10))
				m.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, protocol.SubjectOrderEvents(d.orderID))
			}
			messages = append(messages, m)
		}
		shares = append(shares, share{d, len(rest)})
	}
	return messages, shares, nil
}

// message is one domain event as it is stored.
func (d *draft) message(f *Fact) (*nats.Msg, error) {
	body, err := json.Marshal(f.Body)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", f.Name, err)
	}
	m := nats.NewMsg(protocol.SubjectOrderEvent(d.orderID, f.Name))
	m.Data = body
	m.Header.Set(jetstream.MsgIDHeader, protocol.EventID(d.id.String(), f.Seq, f.Name))
	return m, nil
}

// each does something with all items, some of them side by side, and returns one
// of the errors.
func each[T any](items []T, do func(T) error) error {
	var (
		once   sync.Once
		first  error
		places = make(chan struct{}, sideBySide)
		all    sync.WaitGroup
	)
	for _, item := range items {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if err := do(item); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	all.Wait()
	return first
}
