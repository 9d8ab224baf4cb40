package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// maxChain bounds the writes in flight: enough to keep the server busy, and
	// few enough to send them again when one is refused.
	maxChain = 64
	// defaultMemory is how long JetStream remembers the ids of messages in a
	// bucket about which nobody said otherwise.
	defaultMemory = 2 * time.Minute
	// chainMemory is what a chain makes of it: only the id of the last message
	// matters. At 5,000 writes a second, two minutes of ids are 80 MB.
	chainMemory = time.Second
)

// NewGuardedBook describes a book whose decisions rest on a picture of the whole
// bucket, such as the stock that is left. Each write demands that nobody else
// wrote anything since, so that no replica ever decides on stale knowledge.
func NewGuardedBook[E any](bucket, prefix string, picture Picture[E]) *Book[E] {
	return &Book[E]{name: bucket, prefix: prefix, view: newView(picture)}
}

// prepareChain makes the bucket forget the ids of messages soon.
func (b *Book[E]) prepareChain(ctx context.Context) error {
	stream, err := b.stream(ctx)
	if err != nil {
		return err
	}
	cfg := stream.CachedInfo().Config
	if cfg.Duplicates != defaultMemory {
		return nil
	}
	cfg.Duplicates = chainMemory
	if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("preparing bucket %s: %w", b.name, err)
	}
	return nil
}

// keepInChain is keep for a guarded book. It does not wait for the writes before
// this one: they are on their way, and this one is stored behind them or not at
// all.
func (b *Book[E]) keepInChain(
	ctx context.Context, step string, known recalled[E], decide decider[E],
) (recalled[E], error) {
	select {
	case b.view.room <- struct{}{}:
		defer func() { <-b.view.room }()
	case <-ctx.Done():
		return known, fmt.Errorf("waiting for a place in the chain: %w", ctx.Err())
	}
	l, m, err := b.join(ctx, step, known, decide)
	if err != nil {
		return known, err
	}
	err = b.view.await(l)
	switch {
	case m == nil:
		// The same command twice at once: the other one has found out.
		return b.recall(ctx, step)
	case err == nil:
		return recalled[E]{memory: *m}, nil
	case errors.Is(err, errBroken):
		return known, nil
	case isUndecided(err):
		return b.lookAgain(ctx, step, known, l)
	}
	return known, err
}

// join decides and sends one more link, and returns it with what it is to store.
// If there is a link of this step in flight already, it returns that one and nil.
func (b *Book[E]) join(
	ctx context.Context, step string, known recalled[E], decide decider[E],
) (l *link, m *Memory[E], err error) {
	gone := b.view.look(ctx, func() {
		if l = b.view.inFlight(step); l != nil {
			return
		}
		var decided Memory[E]
		if decided, err = decide(known.memory); err == nil {
			m = &decided
			l, err = b.send(step, decided, known.revision)
		}
	})
	if gone != nil {
		return nil, nil, gone
	}
	return l, m, err
}

// send puts one more link on its way. It is called while the picture is looked
// at, so that links leave in the order in which they were decided.
func (b *Book[E]) send(step string, m Memory[E], revision uint64) (*link, error) {
	value, err := b.encode(step, m)
	if err != nil {
		return nil, err
	}
	v := b.view
	l := &link{id: nuid.Next(), step: step, done: make(chan struct{})}
	message := nats.NewMsg(protocol.BucketSubject(b.name, b.prefix+step))
	message.Data = value
	message.Header[jetstream.MsgIDHeader] = []string{l.id}
	message.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(revision, 10)}
	before := v.last
	if n := len(v.chain); n > 0 {
		before = v.chain[n-1].id
	} else {
		l.after = v.seen
	}
	if before != "" {
		message.Header[jetstream.ExpectedLastMsgIDHeader] = []string{before}
	} else {
		message.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(v.seen, 10)}
	}
	l.undo = v.picture.Effect(step, m.Effect)
	v.chain = append(v.chain, l)
	b.publish(message, func(ack jetstream.PubAck, err error) { v.settle(l, ack.Sequence, err) })
	return l, nil
}

// lookAgain reads a record whose write may have been refused. If it was not the
// record that changed, it was the bucket, and no decision is sound before that
// is in the picture.
func (b *Book[E]) lookAgain(ctx context.Context, step string, known recalled[E], l *link) (recalled[E], error) {
	now, err := b.recall(ctx, step)
	if err == nil && now.revision == known.revision {
		b.view.need(l.after + 1)
	}
	return now, err
}
