package worker

import (
	"context"
	"sync"
)

// index finds out how far a bucket reaches now. Questions that come while one is
// on its way share the next.
type index struct {
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
func (i *index) ask(ctx context.Context, read func(context.Context) (uint64, error)) (uint64, error) {
	r := i.enter(read)
	select {
	case <-r.done:
		return r.last, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (i *index) enter(read func(context.Context) (uint64, error)) *round {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next == nil {
		i.next = &round{done: make(chan struct{})}
	}
	if !i.running {
		i.running = true
		go i.run(read)
	}
	return i.next
}

// run asks until nobody wants to know any more.
func (i *index) run(read func(context.Context) (uint64, error)) {
	for r := i.take(); r != nil; r = i.take() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		r.last, r.err = read(ctx)
		cancel()
		close(r.done)
	}
}

func (i *index) take() *round {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.next
	i.next, i.running = nil, r != nil
	return r
}
