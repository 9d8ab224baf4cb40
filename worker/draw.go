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

// redrawPause is the wait before a bucket that could not be followed is tried
// again.
const redrawPause = 250 * time.Millisecond

// draw keeps the picture up to date until ctx ends.
func (b *Book[E]) draw(ctx context.Context) {
	for anew := true; ctx.Err() == nil; {
		var err error
		if anew, err = b.drawOnce(ctx, anew); err != nil && ctx.Err() == nil {
			b.log.Warn().Err(err).Str("bucket", b.name).Msg("cannot follow the bucket; nothing is decided meanwhile")
			pauseFor(ctx, redrawPause)
		}
	}
}

// drawOnce draws the picture, from nothing or where it was left, and goes on with
// every change until something asks for another look at the bucket; it returns
// whether that has to begin anew. A reconnect asks for one: behind a new connection
// may be a server that has lost the end of the bucket, and a follower that goes on
// where it was would never notice. The client library may take 10 s to let go of a
// follower, which is then left to itself.
func (b *Book[E]) drawOnce(ctx context.Context, anew bool) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reconnected := b.conn.StatusChanged(nats.CONNECTED)
	defer b.conn.RemoveStatusListener(reconnected)
	left := b.view.pause()
	if anew {
		left = tip{}
	}
	ended := make(chan error, 1)
	go func() { ended <- b.drawFrom(ctx, left) }()
	select {
	case err := <-ended:
		return false, err
	case <-reconnected:
		return false, nil
	case <-b.view.redraw:
		return true, nil
	case <-ctx.Done():
		return true, nil
	}
}

// drawFrom puts everything that matters in the bucket, and every change of it,
// into the picture, until ctx ends: what has come since the message at which the
// picture was left, if that is still there; else first the rows that the picture
// wants from the beginning, and then everything beyond the horizon.
func (b *Book[E]) drawFrom(ctx context.Context, left tip) error {
	stream, err := b.stream(ctx)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	there, err := b.isThereStill(ctx, left)
	if err != nil {
		return err
	}
	if there {
		b.view.resume()
	} else if left.sequence, err = b.beginAnew(ctx, info); err != nil {
		return err
	}
	return b.bucket.FollowFrom(ctx, left.sequence+1,
		func(f store.Followed) { b.see(ctx, f) },
		func() { b.view.finish(ctx, info.State.LastSeq) })
}

// isThereStill tells whether the bucket has the same message where the picture was
// left. Then it has everything before it, too.
func (b *Book[E]) isThereStill(ctx context.Context, left tip) (bool, error) {
	if left.id == "" {
		return false, nil
	}
	entry, err := b.bucket.At(ctx, left.sequence)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return entry.Header.Get(jetstream.MsgIDHeader) == left.id, err
}

// beginAnew forgets the picture, reads the rows that it wants from the beginning of
// the bucket, and returns the horizon.
func (b *Book[E]) beginAnew(ctx context.Context, info *jetstream.StreamInfo) (uint64, error) {
	horizon, err := b.readHorizon(ctx, info)
	if err != nil {
		return 0, err
	}
	b.view.clear()
	if horizon == 0 {
		return 0, nil // they will be seen on the way
	}
	for _, pattern := range b.view.picture.Rows() {
		if err := b.bucket.Scan(ctx, pattern, false, func(f store.Followed) { b.seeRow(ctx, f) }); err != nil {
			return 0, err
		}
	}
	return horizon, nil
}

// lastSequence asks the leader of the bucket how far it reaches. Following it
// would not tell when its last message is gone.
func (b *Book[E]) lastSequence(ctx context.Context) (uint64, error) {
	stream, err := b.stream(ctx)
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// stream asks for the stream of the bucket. That nobody answers, as in the midst of a
// reconnect, says nothing about whatever it is needed for: that is worth another try.
func (b *Book[E]) stream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := b.js.Stream(ctx, protocol.BucketStream(b.name))
	if err != nil {
		return nil, fmt.Errorf("asking for the stream of bucket %s: %w: %w", b.name, store.ErrUnavailable, err)
	}
	return stream, nil
}

// see puts one change of the bucket into the picture, unless ctx has ended: then
// another picture is being drawn.
func (b *Book[E]) see(ctx context.Context, f store.Followed) {
	v := b.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if ctx.Err() != nil || f.Revision <= v.chain.tip.sequence {
		return
	}
	id := f.Header.Get(jetstream.MsgIDHeader)
	v.rivals.wrote(writerOf(id))
	v.exact = f.Pending == 0
	if v.chain.recognise(id, f.Revision) {
		v.exact = true
	} else {
		b.drawEntry(f)
		v.chain.tip = tip{sequence: f.Revision, id: id}
		if store.IsPart(f.Header) {
			// A batch is seen as a whole or not at all: goods that are no longer
			// reserved may be gone with the next value.
			v.needed = max(v.needed, f.Revision+1)
		}
	}
	v.grown()
}

// seeRow puts a row into a picture that is not complete yet. It will be seen
// again if it changes.
func (b *Book[E]) seeRow(ctx context.Context, f store.Followed) {
	b.view.mu.Lock()
	defer b.view.mu.Unlock()
	if ctx.Err() == nil {
		b.drawEntry(f)
	}
}

// drawEntry puts one stored value into the picture.
func (b *Book[E]) drawEntry(f store.Followed) {
	if err := b.drawn(f); err != nil {
		b.log.Error().Err(err).Str("bucket", b.name).Str("key", f.Key).
			Msg("a stored value makes no sense and is left out")
	}
}

func (b *Book[E]) drawn(f store.Followed) error {
	step, isMemory := strings.CutPrefix(f.Key, b.prefix)
	switch {
	case !isMemory && f.Deleted:
		return b.view.picture.Row(f.Key, nil)
	case !isMemory:
		return b.view.picture.Row(f.Key, f.Value)
	}
	defer b.view.picture.Stored(step, f.Revision)
	if digest := f.Header.Get(protocol.HeaderDigest); digest != "" && b.view.picture.Digested(step, digest) == nil {
		return nil
	}
	var m struct { // Memory without its verdicts
		Effect *E `json:"effect"`
	}
	var err error
	if !f.Deleted {
		err = json.Unmarshal(f.Value, &m)
	}
	b.view.picture.Effect(step, m.Effect)
	return err
}
