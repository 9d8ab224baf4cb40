package order

import (
	"context"
	"time"
)

// places bound the questions of one kind: those that were taken in, and of these
// the ones in work. Lists have places of their own, so that order.get has some
// however long lists take.
type places struct {
	taken  chan struct{}
	inWork chan struct{}
}

func newPlaces(taken, inWork int) *places {
	return &places{make(chan struct{}, taken), make(chan struct{}, inWork)}
}

// enter takes a question in, unless there are too many.
func (p *places) enter() bool {
	select {
	case p.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p *places) leave() { <-p.taken }

// begin waits until it is the turn of a question; not for long, and not after ctx
// has ended.
func (p *places) begin(ctx context.Context) bool {
	late := time.NewTimer(placeTimeout)
	defer late.Stop()
	select {
	case p.inWork <- struct{}{}:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

func (p *places) end() { <-p.inWork }
