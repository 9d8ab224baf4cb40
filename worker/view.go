package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"amends/store"
)

// stallLimit is how long the picture may stand still although the bucket is
// known to have moved on. Then it is drawn anew: the bucket has lost its end (a
// power cut without a synced disk, or a purge by an operator).
const stallLimit = time.Second

// Picture is what a participant keeps in memory of its whole bucket, such as
// how much of each SKU is reserved. The book draws it from the bucket's own log
// and never calls two of its methods at once.
type Picture[E any] interface {
	// Clear forgets everything: the picture is drawn anew.
	Clear()
	// Effect says what the business row of a step (its <saga_id>.<step>) is
	// now; nil if there is none.
	Effect(step string, effect *E)
	// Row says what the value under any other key is now; nil if it was
	// deleted. An error is logged, and the value counts as deleted.
	Row(key string, value []byte) error
}

// view is a picture and how far it reaches.
type view[E any] struct {
	picture Picture[E]
	turn    chan struct{} // filled by whoever decides and writes
	redraw  chan struct{} // asks for a picture drawn anew

	mu       sync.Mutex
	complete bool          // everything up to seen is in the picture
	seen     uint64        // the last sequence number in the picture
	needed   uint64        // the bucket is known to reach this sequence number
	moved    chan struct{} // closed when the picture grows; nil while nobody waits
}

func newView[E any](p Picture[E]) *view[E] {
	return &view[E]{picture: p, turn: make(chan struct{}, 1), redraw: make(chan struct{}, 1)}
}

// keepInTurn stores what decide returns, provided that nobody wrote anything to the
// bucket since the picture on which the decision rests. Commands take turns:
// with two writes in flight, the refusal of the first could make room for a
// second that was decided without knowing why.
func (b *Book[E]) keepInTurn(ctx context.Context, key string, revision uint64, decide func() (Memory[E], error)) error {
	v := b.view
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for a turn to write: %w", ctx.Err())
	}
	var m Memory[E]
	var last uint64
	var err error
	if gone := v.look(ctx, func() { m, err = decide(); last = v.seen }); gone != nil {
		return gone
	}
	if err != nil {
		return err
	}
	at, err := b.put(ctx, key, m, revision, &last)
	if err == nil {
		v.drawOwn(at, key, m.Effect)
		return nil
	}
	if errors.Is(err, store.ErrConflict) {
		return b.explain(ctx, key, revision, last, err)
	}
	return err
}

// explain finds out which of the two conditions of a write failed. If it was not
// the key, then somebody else wrote to the bucket, and no decision is sound
// before that is in the picture.
func (b *Book[E]) explain(ctx context.Context, key string, revision, last uint64, conflict error) error {
	known, err := b.recall(ctx, key)
	if err != nil {
		return err
	}
	if known.revision == revision {
		b.view.need(last + 1)
	}
	return conflict
}

// look calls do when the picture is complete as far as is known. Nothing changes
// it meanwhile.
func (v *view[E]) look(ctx context.Context, do func()) error {
	stalled := time.NewTimer(stallLimit)
	defer stalled.Stop()
	for {
		moved := v.lookNow(do)
		if moved == nil {
			return nil
		}
		select {
		case <-moved:
		case <-stalled.C:
			v.askRedraw()
		case <-ctx.Done():
			return fmt.Errorf("waiting for the picture of the bucket: %w", ctx.Err())
		}
	}
}

// lookNow calls do and returns nil, or returns what to wait for.
func (v *view[E]) lookNow(do func()) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.complete && v.seen >= v.needed {
		do()
		return nil
	}
	if v.moved == nil {
		v.moved = make(chan struct{})
	}
	return v.moved
}

func (v *view[E]) need(sequence uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.needed = max(v.needed, sequence)
}

// askRedraw asks for a picture drawn anew, unless one is being drawn.
func (v *view[E]) askRedraw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.complete {
		return
	}
	select {
	case v.redraw <- struct{}{}:
	default: // asked for already
	}
}
