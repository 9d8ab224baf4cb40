package worker

import (
	"context"
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
	// now; nil if there is none. It returns how to take that back, which is
	// done in reverse order if it is done.
	Effect(step string, effect *E) (undo func())
	// Row says what the value under any other key is now; nil if it was
	// deleted. An error is logged, and the value counts as deleted.
	Row(key string, value []byte) error
}

// view is a picture and how far it reaches.
type view[E any] struct {
	picture Picture[E]
	redraw  chan struct{} // asks for a picture drawn anew
	room    chan struct{} // filled by those in the chain

	mu       sync.Mutex
	complete bool          // everything up to seen is in the picture
	seen     uint64        // the last sequence number in the picture, but for the chain
	last     string        // the id of that message, if known
	needed   uint64        // the bucket is known to reach this sequence number
	chain    []*link       // decided and in the picture, but not stored yet
	moved    chan struct{} // closed when the picture grows; nil while nobody waits
}

func newView[E any](p Picture[E]) *view[E] {
	return &view[E]{picture: p, redraw: make(chan struct{}, 1), room: make(chan struct{}, maxChain)}
}

// look calls do when the picture is complete as far as is known. Nothing changes
// it meanwhile.
func (v *view[E]) look(ctx context.Context, do func()) error {
	moved := v.lookNow(do)
	if moved == nil {
		return nil
	}
	stalled := time.NewTimer(stallLimit)
	defer stalled.Stop()
	for moved != nil {
		select {
		case <-moved:
		case <-stalled.C:
			v.askRedraw()
		case <-ctx.Done():
			return fmt.Errorf("waiting for the picture of the bucket: %w", ctx.Err())
		}
		moved = v.lookNow(do)
	}
	return nil
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

// need holds up all decisions until the picture reaches a sequence number.
func (v *view[E]) need(sequence uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.needed = max(v.needed, sequence)
}

// grow notes how far the picture reaches now: to a message with this sequence
// number and id. It is called with the lock held.
func (v *view[E]) grow(sequence uint64, id string) {
	if sequence > v.seen {
		v.seen, v.last = sequence, id
	}
	if v.moved != nil {
		close(v.moved)
		v.moved = nil
	}
}

// clear begins the picture anew. What is in flight may be stored or not; it will
// be seen.
func (v *view[E]) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.breakChain(0, store.ErrUnknown)
	v.complete, v.seen, v.last, v.needed = false, 0, "", 0
	v.picture.Clear()
}

// finish calls the picture complete: it holds everything that was in the bucket
// when that reached the given sequence number. It does nothing once ctx has ended.
func (v *view[E]) finish(ctx context.Context, sequence uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	v.complete = true
	v.grow(sequence, "")
	// The last message may be gone, and a new leader may not know its id.
	v.last = ""
}

// askRedraw asks for a picture drawn anew, unless one is being drawn, or this one
// lacks nothing.
func (v *view[E]) askRedraw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.complete || v.seen >= v.needed {
		return
	}
	select {
	case v.redraw <- struct{}{}:
	default: // asked for already
	}
}
