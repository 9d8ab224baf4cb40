package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// patience is how long a client waits for an answer before it asks again. It
	// outlasts the wait_ms of the requests.
	patience = 3 * time.Second
	// relief is the wait before a client asks again after an answer that says
	// "not yet".
	relief = 100 * time.Millisecond
	// lastWait is how long the orders in flight may take once the system is left
	// in peace. It is less than the minute after which the orchestrator looks for
	// sagas that it has forgotten: it must not forget any.
	lastWait = 40 * time.Second
	// nobodyListens is the status of the server's own answer to a request that
	// it could give to nobody.
	nobodyListens = "503"
)

// load is clients that each start one checkout after the other and follow it to
// its end, whatever is killed meanwhile: a client without an answer asks again
// with the same saga_id.
type load struct {
	stop    chan struct{} // no new orders
	giveUp  context.CancelFunc
	clients sync.WaitGroup
	shops   []*shopper
}

// startLoad lets clients loose on a site.
func startLoad(s *site, random *rand.Rand, clients int) *load {
	s.t.Helper()
	patient, giveUp := context.WithCancel(context.Background())
	l := &load{stop: make(chan struct{}), giveUp: giveUp}
	prefix := "c" + strconv.FormatUint(random.Uint64(), 36)
	for n := range clients {
		c := newShopper(s, prefix, n, rand.New(rand.NewPCG(random.Uint64(), 0)))
		l.shops = append(l.shops, c)
		l.clients.Go(func() { c.shop(patient, l.stop) })
	}
	s.t.Cleanup(func() {
		giveUp()
		l.end()
	})
	return l
}

// end stops the clients, once they know the end of their last order. Those who
// do not learn it for long give up, which the conclusion reports.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	defer time.AfterFunc(lastWait, l.giveUp).Stop()
	l.clients.Wait()
}

// orders returns all orders of all clients, after the end.
func (l *load) orders() []*order {
	var all []*order
	for _, c := range l.shops {
		all = append(all, c.orders...)
	}
	return all
}

// started counts the orders so far.
func (l *load) started() int {
	n := 0
	for _, c := range l.shops {
		c.mu.Lock()
		n += len(c.orders)
		c.mu.Unlock()
	}
	return n
}

// newest returns the order of each client that it follows now.
func (l *load) newest() []*order {
	var newest []*order
	for _, c := range l.shops {
		c.mu.Lock()
		if n := len(c.orders); n > 0 {
			newest = append(newest, c.orders[n-1])
		}
		c.mu.Unlock()
	}
	return newest
}

// await waits until so many orders were started since: the load is on.
func (l *load) await(t *testing.T, more int) {
	t.Helper()
	enough := l.started() + more
	eventually(t, fmt.Sprintf("%d more orders started", more), readyTimeout, func() bool { return l.started() >= enough })
}

// shopper is one client, with a connection of its own.
type shopper struct {
	prefix string
	number int
	random *rand.Rand
	nc     *nats.Conn
	inbox  string        // ends in a dot
	back   chan struct{} // the connection was lost and is there again

	mu     sync.Mutex
	orders []*order
}

func newShopper(s *site, prefix string, number int, random *rand.Rand) *shopper {
	s.t.Helper()
	c := &shopper{prefix: prefix, number: number, random: random, back: make(chan struct{}, 1)}
	c.nc = s.connect(nats.ReconnectHandler(func(*nats.Conn) {
		select {
		case c.back <- struct{}{}:
		default:
		}
	}))
	c.inbox = c.nc.NewInbox() + "."
	if _, err := c.nc.Subscribe(c.inbox+"*.*", c.onAnswer); err != nil {
		s.t.Fatalf("subscribing a client to its answers: %v", err)
	}
	return c
}

// onAnswer finds the order that an answer belongs to, also one that comes when
// its client has long gone on.
func (c *shopper) onAnswer(m *nats.Msg) {
	index, try, _ := strings.Cut(strings.TrimPrefix(m.Subject, c.inbox), ".")
	n, err := strconv.Atoi(index)
	if err != nil {
		return
	}
	c.mu.Lock()
	o := c.orders[n]
	c.mu.Unlock()
	if m.Header.Get("Status") != nobodyListens {
		o.hear(try, m.Data)
	}
	select {
	case o.news <- struct{}{}:
	default: // the client is about to look already
	}
}

func (c *shopper) shop(patient context.Context, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		o := newOrder(orderID(c.prefix, c.number, n), c.random.IntN(100))
		c.mu.Lock()
		c.orders = append(c.orders, o)
		c.mu.Unlock()
		for !o.settled() && patient.Err() == nil {
			c.ask(patient, n, o)
		}
	}
}

// ask sends one request, and waits for the answer or until it is time to ask
// again.
func (c *shopper) ask(ctx context.Context, n int, o *order) {
	try, body := o.request()
	reply := c.inbox + strconv.Itoa(n) + "." + strconv.Itoa(try)
	if err := c.nc.PublishRequest("checkout.start", reply, body); err != nil {
		wait(ctx, relief)
		return
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-o.news:
		if !o.settled() {
			wait(ctx, relief)
		}
	case <-c.back:
	case <-late.C:
	case <-ctx.Done():
	}
}

// wait waits, but not beyond the end of ctx.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
