package worker

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// chore is something that is done now and then by the replica that writes.
type chore struct {
	every time.Duration
	soon  chan struct{} // asks for it before its time
	do    func(ctx context.Context)
}

// Tend has something done now and then about the picture of a guarded book, such
// as looking for what has expired, by the replica that writes. Others may do it at
// the same time when nobody knows which that is, so it must be safe to do twice.
// do should return when ctx ends. The function that Tend returns asks for it before
// its time. Tend is called before the service is made.
func (b *Book[E]) Tend(every time.Duration, do func(ctx context.Context)) (soon func()) {
	c := chore{every: every, soon: make(chan struct{}, 1), do: do}
	b.chores = append(b.chores, c)
	return func() {
		select {
		case c.soon <- struct{}{}:
		default: // asked for already
		}
	}
}

// tendAll keeps the picture up to date and does all chores until ctx ends.
func (b *Book[E]) tendAll(ctx context.Context) {
	var all sync.WaitGroup
	horizon := chore{every: horizonEvery, soon: make(chan struct{}, 1), do: b.moveHorizon}
	horizon.soon <- struct{}{} // what this start had to read the next one need not
	for _, c := range append(b.chores, horizon) {
		all.Go(func() { b.tend(ctx, c) })
	}
	b.draw(ctx)
	all.Wait()
}

// tend does a chore until ctx ends.
func (b *Book[E]) tend(ctx context.Context, c chore) {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.soon:
		case <-ctx.Done():
			return
		}
		if b.leads(ctx) {
			b.doChore(ctx, c)
		}
	}
}

// doChore does a chore once. A panic costs this time only.
func (b *Book[E]) doChore(ctx context.Context, c chore) {
	defer func() {
		if cause := recover(); cause != nil {
			b.log.Error().Str("stack", string(debug.Stack())).Msgf("a chore panicked: %v", cause)
		}
	}()
	c.do(ctx)
}

// leads tells whether this replica is the one that writes, or nobody is.
func (b *Book[E]) leads(ctx context.Context) bool {
	rival := b.rival()
	if rival == "" {
		return true
	}
	return b.relays && !b.isThere(ctx, rival)
}

// rival is the other replica that writes; "" if it is this one, or nobody knows.
func (b *Book[E]) rival() string {
	b.view.mu.Lock()
	defer b.view.mu.Unlock()
	return b.view.rivals.writer()
}
