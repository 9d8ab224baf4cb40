package orchestrator

import (
	"context"
	"sync"
)

// places is the cap on live sagas: who wants to bring a saga to life takes a
// place first. It is what turns a flood of starts into a longer inbox instead
// of a larger process.
type places struct {
	mu    sync.Mutex
	free  int
	freed chan struct{} // holds a token when free may have grown
}

func newPlaces(n int) *places { return &places{free: n, freed: make(chan struct{}, 1)} }

// take waits until there is a free place and takes up to most. It returns 0 when
// ctx has ended.
func (p *places) take(ctx context.Context, most int) int {
	for {
		p.mu.Lock()
		n := min(p.free, most)
		p.free -= n
		p.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-ctx.Done():
			return 0
		case <-p.freed:
		}
	}
}

func (p *places) release(n int) {
	if n == 0 {
		return
	}
	p.mu.Lock()
	p.free += n
	p.mu.Unlock()
	select {
	case p.freed <- struct{}{}:
	default:
	}
}
