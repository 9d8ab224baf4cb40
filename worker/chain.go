package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

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

// errBroken says that a write was not stored because one before it was not.
var errBroken = errors.New("an earlier write of the chain was refused")

// link is one write in flight. It was decided on top of those before it, so it
// may only be stored right behind them: it names, as a condition, the message
// that must be the last of the bucket. Sequence numbers could not say that: when
// a write is refused because another replica took its number, the next number is
// free, and a write decided without knowing of the other would take it.
type link struct {
	id    string // of its message
	step  string
	after uint64        // the sequence number right before it, once known
	undo  func()        // takes the decision out of the picture
	done  chan struct{} // closed when err is known
	err   error
}

func (l *link) finish(err error) {
	l.err = err
	close(l.done)
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

// keepInChain stores what decide returns on condition that the picture on which
// it rests was complete. It does not wait for those before it to be stored.
func (b *Book[E]) keepInChain(ctx context.Context, step string, known recalled[E], decide func(Memory[E]) (Memory[E], error)) (recalled[E], error) {
	v := b.view
	select {
	case v.room <- struct{}{}:
		defer func() { <-v.room }()
	case <-ctx.Done():
		return known, fmt.Errorf("waiting for a place in the chain: %w", ctx.Err())
	}
	var l, other *link
	var m Memory[E]
	var err error
	gone := v.look(ctx, func() {
		if other = v.inFlight(step); other != nil {
			return
		}
		if m, err = decide(known.memory); err == nil {
			l, err = b.append(step, m, known.revision)
		}
	})
	switch err := cmp.Or(gone, err); {
	case err != nil:
		return known, err
	case other != nil:
		// The same command twice at once: let the first one find out.
		v.await(other)
		return b.recall(ctx, step)
	}
	switch err := v.await(l); {
	case err == nil:
		return recalled[E]{memory: m}, nil
	case errors.Is(err, errBroken):
		return known, nil
	case !isUndecided(err) && !isWrongLink(err):
		return known, err
	}
	now, err := b.recall(ctx, step)
	if err == nil && now.revision == known.revision {
		// It was not the record that changed, so it was the bucket.
		v.need(l.after + 1)
	}
	return now, err
}

// inFlight finds the link of a step. It is called while the picture is looked at.
func (v *view[E]) inFlight(step string) *link {
	i := slices.IndexFunc(v.chain, func(l *link) bool { return l.step == step })
	if i < 0 {
		return nil
	}
	return v.chain[i]
}

// append sends one more link. It is called while the picture is looked at.
func (b *Book[E]) append(step string, m Memory[E], revision uint64) (*link, error) {
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

// await waits for the outcome of a link.
func (v *view[E]) await(l *link) error {
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
		v.settle(l, 0, store.ErrUnknown)
	}
	return l.err
}

// settle takes in the outcome of a link, unless it is known already.
func (v *view[E]) settle(l *link, sequence uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.Index(v.chain, l)
	switch {
	case i < 0:
		return
	case err == nil:
		v.confirm(i, sequence)
	case errors.Is(err, store.ErrUnknown):
		v.breakChain(i, err)
	default:
		v.breakChain(i+1, errBroken)
		v.breakChain(i, err)
	}
}

// confirm makes the first links of the chain, up to the i-th, part of the
// picture for good: that one is stored at the given sequence number, so all
// before it are.
func (v *view[E]) confirm(i int, sequence uint64) {
	for _, l := range v.chain[:i+1] {
		l.finish(nil)
	}
	v.grow(sequence, v.chain[i].id)
	v.chain = slices.Delete(v.chain, 0, i+1)
	if len(v.chain) > 0 {
		v.chain[0].after = sequence
	}
}

// breakChain takes the links from the i-th on out of the picture, last first,
// and tells those who wait for them why.
func (v *view[E]) breakChain(i int, why error) {
	for n := len(v.chain) - 1; n >= i; n-- {
		v.chain[n].undo()
		v.chain[n].finish(why)
	}
	v.chain = slices.Delete(v.chain, min(i, len(v.chain)), len(v.chain))
}

// recognise tells whether a change of the bucket is a link of the chain, and
// confirms it. Any other change means that nothing in flight can be stored any
// more. It is called with the lock held.
func (v *view[E]) recognise(f store.Followed) bool {
	id := f.Header.Get(jetstream.MsgIDHeader)
	i := slices.IndexFunc(v.chain, func(l *link) bool { return l.id == id })
	if i < 0 {
		v.breakChain(0, errBroken)
		return false
	}
	v.confirm(i, f.Revision)
	return true
}

// isWrongLink tells the refusal of a write that would not stand right behind the
// one before it.
func isWrongLink(err error) bool {
	return errors.Is(err, store.ErrRefused) && strings.Contains(err.Error(), "wrong last msg ID")
}
