package worker

import (
	"context"
	"sync"
)

// Together is one store made of several, such as shipments and the register of
// their tracking numbers.
func Together(stores ...Store) Store { return together(stores) }

type together []Store

func (t together) check() error {
	for _, s := range t {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t together) open(ctx context.Context, cfg Config) error {
	for _, s := range t {
		if err := s.open(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

func (t together) follow(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range t {
		all.Go(func() { s.follow(ctx) })
	}
	all.Wait()
}

// look calls do when every store of them can decide.
func (t together) look(ctx context.Context, do func()) error {
	if len(t) == 0 {
		do()
		return nil
	}
	var inner error
	if err := t[0].look(ctx, func() { inner = t[1:].look(ctx, do) }); err != nil {
		return err
	}
	return inner
}
