package gateway

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"amends/protocol"

	"golang.org/x/time/rate"
)

// maxClients bounds the clients whose rate is remembered. Beyond it, whoever was
// quiet for longest is forgotten, and begins with a full burst.
const maxClients = 10_000

// limiter holds each client to its rate.
type limiter struct {
	rate  rate.Limit
	burst int
	most  int

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element
	recent  *list.List // of *client, the one seen last in front
}

type client struct {
	prefix netip.Prefix
	bucket *rate.Limiter
}

func newLimiter(perSecond float64, burst, most int) *limiter {
	return &limiter{
		rate: rate.Limit(perSecond), burst: burst, most: most,
		clients: make(map[netip.Prefix]*list.Element), recent: list.New(),
	}
}

// take takes one request of a client out of its bucket. It returns how long the
// client has to wait instead, if the bucket is empty.
func (l *limiter) take(who netip.Prefix, now time.Time) time.Duration {
	l.mu.Lock()
	bucket := l.bucketOf(who)
	l.mu.Unlock()
	turn := bucket.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

func (l *limiter) bucketOf(who netip.Prefix) *rate.Limiter {
	if at, ok := l.clients[who]; ok {
		l.recent.MoveToFront(at)
		return at.Value.(*client).bucket
	}
	if l.recent.Len() >= l.most {
		oldest := l.recent.Remove(l.recent.Back()).(*client)
		delete(l.clients, oldest.prefix)
	}
	c := &client{prefix: who, bucket: rate.NewLimiter(l.rate, l.burst)}
	l.clients[who] = l.recent.PushFront(c)
	return c.bucket
}

// clientAt returns who is at a remote address: an IPv4 address, or the network of
// an IPv6 address, since one customer has a whole one. It reports false for a
// client on this machine.
func clientAt(remote string) (netip.Prefix, bool) {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, false
	}
	address, bits := from.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	return prefix, err == nil && !address.IsLoopback()
}

// limitError says when a client may ask again.
type limitError struct {
	error
	seconds int
}

// Unwrap returns the problem.
func (e *limitError) Unwrap() error { return e.error }

var errRateLimited = &protocol.Error{Code: codeRateLimited, Message: "wait as long as Retry-After says"}

func (g *Gateway) limited(next http.Handler) http.Handler {
	if g.cfg.Rate <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, remote := clientAt(r.RemoteAddr); remote {
			if wait := g.limiter.take(who, time.Now()); wait > 0 {
				refuse(w, r, &limitError{errRateLimited, int(math.Ceil(wait.Seconds()))})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
