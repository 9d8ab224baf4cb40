package worker

import (
	"context"
	"sync"
)

// gate counts the commands in work: it bounds them, and lets Stop wait for the
// last one.
type gate struct {
	mu     sync.Mutex
	limit  int
	inside int
	closed bool
	empty  chan struct{} // closed when the gate is closed and nobody is inside
}

func newGate(limit int) *gate {
	return &gate{limit: limit, empty: make(chan struct{})}
}

// enter lets one more in, unless the gate is full or closed.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.inside == g.limit {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.announceEmpty()
}

// close lets nobody in any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	g.announceEmpty()
}

func (g *gate) announceEmpty() {
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// wait returns when the gate is closed and everybody has left, or ctx ends.
func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-g.empty: // both are so; select would toss a coin
		return nil
	default:
		return ctx.Err()
	}
}
