package worker

import (
	"context"
	"sync"
)

// reach finds out how far a bucket reaches now. Questions that come while one is
// on its way share the next.
type reach struct {
	mu      sync.Mutex
	running bool
	next    *round // for whoever asks now; nil if nobody has
}

// round is one question to the leader of the bucket, and its answer.
type round struct {
	done chan struct{}
	last uint64
	err  error
}

// ask returns what read returns. It is called after ask was.
func (a *reach) ask(ctx context.Context, read func(context.Context) (uint64, error)) (uint64, error) {
	r := a.enter(read)
	select {
	case <-r.done:
		return r.last, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (a *reach) enter(read func(context.Context) (uint64, error)) *round {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = &round{done: make(chan struct{})}
	}
	if !a.running {
		a.running = true
		go a.run(read)
	}
	return a.next
}

// run asks until nobody wants to know any more.
func (a *reach) run(read func(context.Context) (uint64, error)) {
	for r := a.take(); r != nil; r = a.take() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		r.last, r.err = read(ctx)
		cancel()
		close(r.done)
	}
}

func (a *reach) take() *round {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.next
	a.next, a.running = nil, r != nil
	return r
}
