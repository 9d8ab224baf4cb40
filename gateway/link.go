package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// link tells requests when the connection to NATS was lost: whatever was asked
// over it may not have arrived, and its answer may not find back. Waiting on
// would be waiting for nothing, for as long as the client was ready to wait.
type link struct {
	mu  sync.Mutex
	now context.Context // ends with the connection as it is now
	cut context.CancelFunc
}

// watch follows the state of a connection until the gateway ends.
func (l *link) watch(base context.Context, nc *nats.Conn) {
	changes := nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer nc.RemoveStatusListener(changes)
	for {
		select {
		case <-changes:
			l.renew(base)
		case <-base.Done():
			return
		}
	}
}

// renew ends what hangs on the connection that was lost.
func (l *link) renew(base context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != nil {
		l.cut()
	}
	l.now, l.cut = context.WithCancel(base)
}

func (l *link) current() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// bound bounds what is asked on NATS: by the time that whoever answers may take
// on top of wait, and by the connection that it is asked over.
func (g *Gateway) bound(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, wait+g.cfg.Timeout)
	stop := context.AfterFunc(g.link.current(), cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
