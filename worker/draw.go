package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// redrawPause is the wait before a bucket that could not be followed is tried
// again.
const redrawPause = 250 * time.Millisecond

// draw keeps the picture up to date until ctx ends.
func (b *Book[E]) draw(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.drawOnce(ctx); err != nil && ctx.Err() == nil {
			b.log.Warn().Err(err).Str("bucket", b.name).Msg("cannot follow the bucket; nothing is decided meanwhile")
			select {
			case <-time.After(redrawPause):
			case <-ctx.Done():
			}
		}
	}
}

// drawOnce draws the picture from nothing and goes on with every change, until
// something asks for a new one. A reconnect does: behind a new connection may be
// a server that has lost the end of the bucket, and a follower that goes on
// where it was would never notice.
func (b *Book[E]) drawOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	reconnected := b.conn.StatusChanged(nats.CONNECTED)
	watching.Go(func() {
		defer cancel()
		defer b.conn.RemoveStatusListener(reconnected)
		select {
		case <-reconnected:
		case <-b.view.redraw:
		case <-ctx.Done():
		}
	})
	b.view.clear()
	last, err := b.lastSequence(ctx)
	if err != nil {
		return err
	}
	err = b.bucket.Follow(ctx, ">", false, b.see, func() { b.view.finish(last) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// lastSequence asks the leader of the bucket how far it reaches. The last
// message may be gone, so that following alone would not tell.
func (b *Book[E]) lastSequence(ctx context.Context) (uint64, error) {
	js, err := jetstream.New(b.conn)
	if err != nil {
		return 0, fmt.Errorf("asking how far %s reaches: %w", b.name, err)
	}
	stream, err := js.Stream(ctx, protocol.BucketStream(b.name))
	if err != nil {
		return 0, fmt.Errorf("asking how far %s reaches: %w", b.name, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// see puts one change of the bucket into the picture.
func (b *Book[E]) see(f store.Followed) {
	b.view.mu.Lock()
	defer b.view.mu.Unlock()
	if f.Revision <= b.view.seen {
		return // our own write, drawn when it was acknowledged
	}
	if err := b.drawEntry(f); err != nil {
		b.log.Error().Err(err).Str("bucket", b.name).Str("key", f.Key).Msg("a stored value makes no sense and is left out")
	}
	b.view.grow(f.Revision)
}

func (b *Book[E]) drawEntry(f store.Followed) error {
	picture := b.view.picture
	step, isMemory := strings.CutPrefix(f.Key, b.prefix)
	switch {
	case !isMemory && f.Deleted:
		return picture.Row(f.Key, nil)
	case !isMemory:
		return picture.Row(f.Key, f.Value)
	case f.Deleted:
		picture.Effect(step, nil)
		return nil
	}
	var m Memory[E]
	err := json.Unmarshal(f.Value, &m)
	picture.Effect(step, m.Effect)
	return err
}

// drawOwn puts a write of our own into the picture as soon as it is
// acknowledged. If the picture was cleared meanwhile, the write comes with
// everything else.
func (v *view[E]) drawOwn(sequence uint64, step string, effect *E) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.complete && sequence == v.seen+1 {
		v.picture.Effect(step, effect)
		v.grow(sequence)
	}
}

// grow notes how far the picture reaches now. It is called with the lock held.
func (v *view[E]) grow(sequence uint64) {
	v.seen = max(v.seen, sequence)
	if v.moved != nil {
		close(v.moved)
		v.moved = nil
	}
}

func (v *view[E]) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.complete, v.seen, v.needed = false, 0, 0
	v.picture.Clear()
}

// finish calls the picture complete: it holds everything that was in the bucket
// when that reached the given sequence number.
func (v *view[E]) finish(sequence uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.complete = true
	v.grow(sequence)
}
