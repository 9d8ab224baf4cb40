package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"amends/store"

	"github.com/nats-io/nuid"
)

// stallLimit is how long the picture may stand still although the bucket is
// known to have moved on. Then it is drawn anew: the bucket has lost its end (a
// power cut without a synced disk, or a purge by an operator).
const stallLimit = time.Second

// view is a picture, how far it reaches, and the chain of moves that are in it
// before they are stored.
type view[E any] struct {
	picture Picture[E]
	redraw  chan struct{} // asks for a picture drawn anew
	room    chan struct{} // filled by those in the chain

	mu       sync.Mutex
	chain    chain
	complete bool          // everything up to the tip is in the picture
	exact    bool          // it is what the bucket was when it reached the tip
	needed   uint64        // the bucket is known to reach this sequence number
	moved    chan struct{} // closed when the picture grows; nil while nobody waits
	rivals   rivals
}

func newView[E any](p Picture[E]) *view[E] {
	v := &view[E]{picture: p, redraw: make(chan struct{}, 1)}
	v.chain.writer = nuid.Next()
	v.chain.acked = v.acked
	v.rivals.me = v.chain.writer
	return v
}

// look calls do when the picture is complete and reaches a sequence number.
// Nothing changes it meanwhile.
func (v *view[E]) look(ctx context.Context, reach uint64, do func()) error {
	moved := v.lookNow(reach, do)
	if moved == nil {
		return nil
	}
	stalled := time.NewTimer(stallLimit)
	defer stalled.Stop()
	for moved != nil {
		select {
		case <-moved:
			stalled.Reset(stallLimit) // it lags, but it does not stand still
		case <-stalled.C:
			v.askRedraw(reach)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the picture of the bucket: %w", ctx.Err())
		}
		moved = v.lookNow(reach, do)
	}
	return nil
}

// lookNow calls do and returns nil, or returns what to wait for.
func (v *view[E]) lookNow(reach uint64, do func()) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.complete && v.chain.tip.sequence >= max(reach, v.needed) {
		do()
		return nil
	}
	if v.moved == nil {
		v.moved = make(chan struct{})
	}
	return v.moved
}

// lookStored is look at what is stored: do may see moves that are on their way,
// but then it returns only when they are stored, and looks again if they are not.
func (v *view[E]) lookStored(ctx context.Context, reach uint64, do func()) error {
	for {
		var last *link
		if err := v.look(ctx, reach, func() { last = v.chain.newest(); do() }); err != nil || last == nil {
			return err
		}
		select {
		case <-last.done:
		case <-ctx.Done():
			return fmt.Errorf("waiting for moves on their way: %w", ctx.Err())
		}
		if last.err == nil {
			return nil
		}
	}
}

// change puts a decision into the picture. One that panics may have done so by half,
// and nothing is decided on that: the picture is drawn anew. It is called with the
// lock held.
func (v *view[E]) change(step string, before, after *E) (others []Row, undo func()) {
	whole := false
	defer func() {
		if !whole {
			v.complete, v.exact = false, false
			v.wantRedraw()
		}
	}()
	others, undo = v.picture.Decide(step, before, after)
	whole = true
	return others, undo
}

// need holds up all decisions until the picture reaches a sequence number.
func (v *view[E]) need(sequence uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.needed = max(v.needed, sequence)
}

// grown tells those who wait that the picture reaches further. It is called with
// the lock held.
func (v *view[E]) grown() {
	if v.moved != nil {
		close(v.moved)
		v.moved = nil
	}
}

// acked takes in the outcome of a parcel.
func (v *view[E]) acked(p *parcel, sequence uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.chain.settle(p, sequence, err)
	if err == nil {
		v.rivals.wrote(v.chain.writer)
		v.exact = true // it was stored on the condition that this replica knew everything
		v.grown()
	}
}

// await waits for the outcome of a link.
func (v *view[E]) await(l *link) error {
	late := time.NewTimer(writeTimeout)
	defer late.Stop()
	select {
	case <-l.done:
	case <-late.C:
		v.mu.Lock()
		v.chain.giveUp(l)
		v.mu.Unlock()
		<-l.done
	}
	return l.err
}

// pause lets nothing be decided until the picture is finished again. What is on
// its way may be stored or not; it will be seen. It returns how far the picture
// reaches if it can be gone on with from there. One that lags behind cannot: it
// lacks values that were replaced by later ones, which a server may lose.
func (v *view[E]) pause() tip {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.chain.breakFrom(0, store.ErrUnknown)
	usable := v.complete && v.exact
	v.complete, v.exact = false, false
	if !usable {
		return tip{}
	}
	return v.chain.tip
}

// resume goes on with the picture as pause left it.
func (v *view[E]) resume() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.exact = true
}

// clear begins the picture anew. Nothing must be decided since pause.
func (v *view[E]) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.chain.tip = tip{}
	v.needed = 0
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
	v.chain.tip.doubtful = true
	if sequence > v.chain.tip.sequence {
		v.chain.tip = tip{sequence: sequence} // the last messages are gone
	}
	v.grown()
}

// askRedraw asks for a picture drawn anew, unless one is being drawn, or this one
// lacks nothing.
func (v *view[E]) askRedraw(reach uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.complete || v.chain.tip.sequence >= max(reach, v.needed) {
		return
	}
	v.wantRedraw()
}

func (v *view[E]) wantRedraw() {
	select {
	case v.redraw <- struct{}{}:
	default: // asked for already
	}
}
