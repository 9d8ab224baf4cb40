package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// However many clients watch a saga at one gateway, it is followed once: one
// subscription, one read of its record for each thing that happens, and no consumer
// on the server. A feed is there as long as somebody watches.

// feeds are the sagas that are watched.
type feeds struct {
	mu     sync.Mutex
	all    map[protocol.SagaID]*feed
	closed bool // none is begun any more
}

// close begins no further feeds.
func (fs *feeds) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.closed = true
}

// feed follows the record of one saga.
type feed struct {
	id    protocol.SagaID
	hints chan struct{}
	sub   *nats.Subscription
	end   context.CancelFunc

	// Under the lock of all feeds.
	clients int
	latest  *record       // nil before the first read
	changed chan struct{} // closed when there is another record
}

// join follows a saga, or shares in what is followed already, until leave. What is
// asked on the same connection afterwards is answered after the server knows of
// it.
func (g *Gateway) join(id protocol.SagaID) (f *feed, leave func(), err error) {
	g.feeds.mu.Lock()
	defer g.feeds.mu.Unlock()
	if g.feeds.closed {
		return nil, nil, errStopping
	}
	if f = g.feeds.all[id]; f == nil {
		if f, err = g.newFeed(id); err != nil {
			return nil, nil, err
		}
		g.feeds.all[id] = f
	}
	f.clients++
	return f, func() { g.leave(f) }, nil
}

func (g *Gateway) leave(f *feed) {
	g.feeds.mu.Lock()
	defer g.feeds.mu.Unlock()
	if f.clients--; f.clients == 0 {
		delete(g.feeds.all, f.id)
		_ = f.sub.Unsubscribe() // fails only when the connection is gone
		f.end()
	}
}

func (g *Gateway) newFeed(id protocol.SagaID) (*feed, error) {
	f := &feed{id: id, hints: make(chan struct{}, 1), changed: make(chan struct{})}
	var err error
	f.sub, err = g.cfg.Conn.Subscribe(protocol.SubjectEvents(id), func(*nats.Msg) {
		select {
		case f.hints <- struct{}{}:
		default: // there is a hint that nobody has taken yet
		}
	})
	if err != nil {
		return nil, g.unanswered(err)
	}
	ctx, end := context.WithCancel(g.base)
	f.end = end
	g.tasks.Go(func() { g.keep(ctx, f) })
	return f, nil
}

// retryRead is how soon a journal that could not be read is asked again.
const retryRead = time.Second

// keep reads the record whenever something is announced, and every heartbeat, since
// an announcement may be lost.
func (g *Gateway) keep(ctx context.Context, f *feed) {
	beat := time.NewTimer(g.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-f.hints:
		case <-beat.C:
		case <-ctx.Done():
			return
		}
		pause := g.cfg.Heartbeat
		next, err := g.readRecord(ctx, f.id)
		switch {
		case err == nil:
			g.feeds.show(f, next)
		case !errors.Is(err, errNoRecord):
			pause = min(retryRead, g.cfg.Heartbeat)
			g.log.Debug().Err(err).Str("saga_id", f.id.String()).Msg("cannot read on for those who watch; trying again")
		}
		beat.Reset(pause)
	}
}

// show tells all who watch that there is another record.
func (fs *feeds) show(f *feed, r *record) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.latest == nil || f.latest.revision != r.revision {
		f.latest = r
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// look returns what was read last, nil if nothing was, and what is closed when
// there is more.
func (fs *feeds) look(f *feed) (*record, <-chan struct{}) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return f.latest, f.changed
}
