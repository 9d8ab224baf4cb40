package audit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// judges is how many suspects are looked at side by side: enough to keep
	// the leaders busy, few enough to leave them to their work.
	judges = 16
	// maxSnapshots bounds how often a saga is looked at that moves all the time.
	maxSnapshots = 50
	// snapshotPause is the wait before it is looked at again.
	snapshotPause = 20 * time.Millisecond
)

// judgeAll looks at every saga again that does not agree.
func (a *auditor) judgeAll(ctx context.Context) error {
	return each(ctx, a.suspects, func(ctx context.Context, e *entry) error {
		id, err := a.idOf(ctx, e)
		if err != nil || id == "" {
			return err
		}
		if err := a.judge(ctx, id, e); err != nil {
			return fmt.Errorf("auditing saga %s: %w", id, err)
		}
		return nil
	})
}

// suspects yields what has to be looked at again. What may have lost its record
// to time is not.
func (a *auditor) suspects(yield func(*entry) bool) {
	for e := range a.balance.all() {
		stale := !e.is(recorded) && !e.is(doubtful) && a.isExpired(time.Unix(int64(e.newest), 0))
		if e.disagrees() && !stale && !yield(e) {
			return
		}
	}
}

// idOf finds out which saga an entry is; "" if its message was replaced since,
// so that the saga has moved.
func (a *auditor) idOf(ctx context.Context, e *entry) (string, error) {
	st := a.src.all()[e.stream()]
	key, header, ok, err := st.at(ctx, a.src.nc, e.message())
	if err != nil {
		return "", err
	}
	if !ok {
		a.mu.Lock()
		a.tally.moved++
		a.mu.Unlock()
		return "", nil
	}
	id := sagaIn(st, key, header)
	if orderID, _, known := orderIn(key); st.number == ordersStream && known && id != "" {
		a.remember(id, orderID)
	}
	return id, nil
}

// sagaIn is the saga of a message.
func sagaIn(st *stream, key string, header nats.Header) string {
	if st.number == ordersStream {
		id, _, _, _ := protocol.ParseEventID(header.Get(jetstream.MsgIDHeader))
		return id
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(key, reservationPrefix), ".")
	return id
}

// each does something for every item, several at a time, and stops at the first
// error.
func each[T any](ctx context.Context, items func(func(T) bool), do func(context.Context, T) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan T)
	var working sync.WaitGroup
	for range judges {
		working.Go(func() {
			for item := range todo {
				if err := do(ctx, item); err != nil {
					stop(err)
				}
			}
		})
	}
	for item := range items {
		select {
		case todo <- item:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(todo)
	working.Wait()
	return context.Cause(ctx)
}

// judge looks at one saga until it stands still, and judges it. One that was
// counted before is not counted again. e is what was seen of it when everything was
// read; nil if nothing was.
func (a *auditor) judge(ctx context.Context, id string, e *entry) error {
	for range maxSnapshots {
		snap, err := a.look(ctx, id)
		if err != nil {
			return err
		}
		if snap.steady {
			a.mu.Lock()
			defer a.mu.Unlock()
			found := snap.findings()
			a.tally.find(found...)
			if snap.exists || len(found) == 0 {
				delete(a.orderOf, id) // it says so itself, or nobody will ask again
			}
			if !a.goesOn {
				a.tally.find(a.stray(snap, e)...)
			}
			if snap.exists && (e == nil || !e.is(counted)) {
				a.tally.count(snap.saga)
			}
			a.tally.judge(snap)
			return nil
		}
		select {
		case <-time.After(snapshotPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.leave(id)
	return nil
}
