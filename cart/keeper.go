package cart

import (
	"context"
	"sync"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

const (
	// rounds is how many rounds a keeper makes in the time of its patience.
	rounds = 3
	// hands is how many checkouts a keeper looks after at once.
	hands = 8
	// longestPause bounds the time between two looks at one checkout.
	longestPause = 5 * time.Minute
)

// keeper looks after the checkouts that run, of all replicas: whoever started one
// may have died, or its user may have stopped waiting. It is told of them by the
// bucket itself. What it finds out is written by compare-and-set, so any number of
// keepers may look after the same.
type keeper struct {
	desk     *desk
	patience time.Duration

	mu      sync.Mutex
	born    time.Time
	running map[string]*kept // by user
}

// kept is a checkout that runs, as its keeper knows it.
type kept struct {
	sagaID string
	next   time.Time // when it is looked at
	pause  time.Duration
}

func newKeeper(d *desk, patience time.Duration) *keeper {
	return &keeper{desk: d, patience: patience, running: make(map[string]*kept)}
}

// run keeps until ctx ends. What it finds at first was left behind by somebody,
// perhaps by the process before: it is looked at without patience.
func (k *keeper) run(ctx context.Context) {
	k.born = time.Now()
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { k.desk.carts.Follow(ctx, k.see) })
	tick := time.NewTicker(max(k.patience/rounds, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.round(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// see takes in that a cart has changed.
func (k *keeper) see(user string, header nats.Header) {
	sagaID := header.Get(protocol.HeaderCheckout)
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.running[user]
	switch {
	case sagaID == "":
		delete(k.running, user)
	case known == nil || known.sagaID != sagaID:
		k.running[user] = &kept{sagaID: sagaID, next: k.due(time.Now()), pause: k.patience}
	}
}

func (k *keeper) due(now time.Time) time.Time {
	if now.Sub(k.born) < k.patience {
		return now
	}
	return now.Add(k.patience)
}

// round looks at every checkout that is due.
func (k *keeper) round(ctx context.Context) {
	free := make(chan struct{}, hands)
	var all sync.WaitGroup
	defer all.Wait()
	for _, user := range k.dueNow(time.Now()) {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		all.Go(func() {
			defer func() { <-free }()
			k.lookAfter(ctx, user)
		})
	}
}

// dueNow returns the users whose checkouts are due, and says when each of them is
// due again.
func (k *keeper) dueNow(now time.Time) (users []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for user, c := range k.running {
		if now.Before(c.next) {
			continue
		}
		users = append(users, user)
		c.next = now.Add(c.pause)
		c.pause = min(2*c.pause, longestPause)
	}
	return users
}

// lookAfter helps one checkout along. That it has ended is told by the bucket.
func (k *keeper) lookAfter(ctx context.Context, user string) {
	c, _, err := k.desk.carts.Get(ctx, user)
	if err == nil && c.Checkout != nil {
		k.desk.pursue(ctx, user, *c.Checkout)
	}
}
