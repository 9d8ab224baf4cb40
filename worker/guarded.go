package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// singlesAhead bounds the moves in the chain where single values go without
	// waiting: enough to keep the server busy, and few enough to send them again
	// when one is refused. batchAhead does where they gather into batches, which
	// cost milliseconds whatever their size.
	singlesAhead, batchAhead = 64, maxBatch
	// defaultMemory is how long JetStream remembers the ids of messages in a
	// bucket about which nobody said otherwise.
	defaultMemory = 2 * time.Minute
	// chainMemory is what a chain makes of it: only the id of the last message
	// matters. At 5,000 writes a second, two minutes of ids are 80 MB.
	chainMemory = time.Second
)

// errStandby says that another replica writes, to which the command belongs.
var errStandby = fmt.Errorf("another replica writes: %w", store.ErrConflict)

// NewGuardedBook describes a book whose decisions rest on a picture of the whole
// bucket, such as the stock that is left. Each write demands that nobody else
// wrote anything since, so that no replica ever decides on stale knowledge.
func NewGuardedBook[E any](bucket, prefix string, picture Picture[E]) *Book[E] {
	return &Book[E]{name: bucket, prefix: prefix, view: newView(picture)}
}

// prepareChain makes the bucket forget the ids of messages soon, and the chain
// know what the bucket takes, and how the server likes it.
func (b *Book[E]) prepareChain(ctx context.Context) error {
	stream, err := b.stream(ctx)
	if err != nil {
		return err
	}
	cfg := stream.CachedInfo().Config
	b.view.prepare(outlet{
		publish: publishWith(b.writer), subject: func(key string) string { return protocol.BucketSubject(b.name, key) },
		groupFrom: b.groupFrom(cfg), expires: cfg.AllowMsgTTL,
	}, b.prefix)
	if cfg.Duplicates != defaultMemory {
		return nil
	}
	cfg.Duplicates = chainMemory
	if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("preparing bucket %s: %w", b.name, err)
	}
	return nil
}

// groupFrom is the number of values from which a batch is cheaper, for a bucket
// that takes any. Ours do; an operator may have made another.
func (b *Book[E]) groupFrom(cfg jetstream.StreamConfig) int {
	if !cfg.AllowAtomicPublish || !cfg.AllowMsgTTL {
		b.log.Warn().Str("bucket", b.name).Bool("allow_atomic", cfg.AllowAtomicPublish).Bool("allow_msg_ttl", cfg.AllowMsgTTL).
			Msg("the stream of the bucket lacks a setting: without atomic publish, what must change together cannot be " +
				"changed; without message TTL, records are kept for ever. Switch them on with nats stream edit")
	}
	if !cfg.AllowAtomicPublish {
		return 0
	}
	return b.writer.GroupFrom()
}

func publishWith(w *store.Writer) publisher {
	return func(messages []*nats.Msg, done func(jetstream.PubAck, error)) {
		if len(messages) == 1 {
			w.Publish(messages[0], done)
			return
		}
		w.PublishBatch(messages, done)
	}
}

// prepare tells the chain where to and how it sends.
func (v *view[E]) prepare(to outlet, prefix string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ahead := singlesAhead
	if to.groupFrom > 0 {
		ahead = batchAhead
	}
	v.room = make(chan struct{}, ahead)
	v.chain.outlet = to
	v.chain.stored = func(key string, sequence uint64) {
		if step, isMemory := strings.CutPrefix(key, prefix); isMemory {
			v.picture.Stored(step, sequence)
		}
	}
}

// keepInChain is keep for a guarded book. It does not wait for the moves before
// this one: they are on their way, and this one is stored behind them or not at
// all.
func (b *Book[E]) keepInChain(
	ctx context.Context, step string, known recalled[E], decide decider[E],
) (recalled[E], error) {
	var m Memory[E]
	end, after, err := b.attempt(ctx, b.prefix+step, func() (move, error) {
		var err error
		if m, err = decide(known.memory); err != nil {
			return move{}, err
		}
		return b.moveTo(step, known, m)
	})
	switch {
	case err != nil || end == broken:
		return known, err
	case end == isStored:
		return recalled[E]{memory: m}, nil
	}
	now, err := b.recall(ctx, step)
	if err == nil && end == refused && now.revision == known.revision {
		// It was not the record that changed, so it was the bucket, and no
		// decision is sound before that is in the picture.
		b.view.need(after + 1)
	}
	return now, err
}

// moveTo is the move that makes the memory of a step another one, with whatever
// changes in the picture with it.
func (b *Book[E]) moveTo(step string, known recalled[E], m Memory[E]) (move, error) {
	value, err := b.encode(step, m)
	if err != nil {
		return move{}, err
	}
	others, undo := b.view.change(step, known.memory.Effect, m.Effect)
	puts := []put{{
		key: b.prefix + step, value: value, guarded: true, revision: known.revision,
		keep: b.view.picture.Keep(m.Effect), digest: b.view.picture.Digest(m.Effect),
	}}
	if puts, err = withRows(puts, others); err != nil {
		undo()
		return move{}, err
	}
	return move{puts: puts, undo: undo}, nil
}

// withRows adds rows to what a move stores. They are guarded by the chain alone.
func withRows(puts []put, rows []Row) ([]put, error) {
	for _, row := range rows {
		value, err := json.Marshal(row.Value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", row.Key, err)
		}
		puts = append(puts, put{key: row.Key, value: value})
	}
	return puts, nil
}

// ending is what became of an attempt.
type ending int

const (
	isStored ending = iota // it is stored
	broken                 // it is not, because of one before it; what was read is as good as before
	refused                // it is not, since something else was stored in between
	doubtful               // nobody knows, or somebody else was at it: read again
)

// attempt makes one move that is about a key, and waits until its outcome is
// known. decide is called when the picture is complete; a move without values is
// no move, and done with. after is the sequence number behind which a refused one
// was to be stored.
func (b *Book[E]) attempt(ctx context.Context, key string, decide func() (move, error)) (e ending, after uint64, err error) {
	select {
	case b.view.room <- struct{}{}:
		defer func() { <-b.view.room }()
	case <-ctx.Done():
		return doubtful, 0, fmt.Errorf("waiting for a place in the chain: %w", ctx.Err())
	}
	l, mine, err := b.join(ctx, key, decide)
	if err != nil {
		return doubtful, 0, err
	}
	if l == nil {
		return isStored, 0, nil
	}
	err = b.view.await(l)
	switch {
	case !mine:
		// The same command twice at once: the other one has found out.
		return doubtful, 0, nil
	case err == nil:
		return isStored, 0, nil
	case errors.Is(err, errBroken):
		return broken, 0, nil
	case errors.Is(err, store.ErrConflict):
		return refused, l.parcel.after, nil
	case errors.Is(err, store.ErrUnknown):
		return doubtful, 0, nil
	}
	return doubtful, 0, err
}

// join decides and adds one more link, and returns it; nil if nothing is to be
// stored. If there is a link on that key already, it returns that one, and mine is
// false.
func (b *Book[E]) join(ctx context.Context, key string, decide func() (move, error)) (l *link, mine bool, err error) {
	v := b.view
	gone := v.look(ctx, 0, func() {
		if b.relays && !isForced(ctx) && v.rivals.writer() != "" {
			err = errStandby
			return
		}
		if l = v.chain.on(key); l != nil {
			return
		}
		var m move
		if m, err = decide(); err == nil && len(m.puts) > 0 {
			l, mine = v.chain.add(m), true
		}
	})
	if gone != nil {
		return nil, false, gone
	}
	return l, mine, err
}

// lookAtStored calls do when the picture holds everything that was stored when
// lookAtStored was called: what a client has been told is seen by the next one,
// whichever replica it asks.
func (b *Book[E]) lookAtStored(ctx context.Context, do func()) error {
	reach, err := b.reach.ask(ctx, b.lastSequence)
	if err != nil {
		return err
	}
	return b.view.lookStored(ctx, reach, do)
}
