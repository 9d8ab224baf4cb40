package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"amends/inventory"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go/jetstream"
)

// TestHotSKU lets a hundred clients fight for one SKU over two replicas. Not one
// of them may get what another has.
func TestHotSKU(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "hot", OnHand: 300})
	start(t, n.Config(t))
	start(t, n.Config(t))
	rush(newClient(t, n.Connect(t)), 100, 10, 300, func(int) {})
}

// TestKilledReplica does the same while replicas are killed and started.
func TestKilledReplica(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "hot", OnHand: 200})
	start(t, n.Config(t))
	kill := startMortal(t, n)
	var one sync.Mutex
	c := newClient(t, n.Connect(t))
	rush(c, 40, 10, 200, func(done int) {
		if done%80 == 40 {
			one.Lock()
			defer one.Unlock()
			kill()
			c.killed()
			kill = startMortal(t, n)
		}
	})
	kill()
}

// startMortal starts a replica and returns how to kill it: whatever it has in
// flight then stays unanswered.
func startMortal(t testing.TB, n *workertest.NATS) (kill func()) {
	t.Helper()
	return startMortalWith(t, n.Config(t))
}

func startMortalWith(t testing.TB, cfg worker.Config) (kill func()) {
	t.Helper()
	s, err := inventory.New(cfg)
	if err == nil {
		err = s.Start(soon(t))
	}
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return func() {
		cfg.Conn.Close()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Stop(now) // it says that commands are in work
	}
}

// rush sends clients × each orders for one piece of "hot", of which there are as
// many as given. after is told how many orders are done.
func rush(c *client, clients, each, pieces int, after func(done int)) {
	c.Helper()
	var accepted, declined, done atomic.Int64
	var all sync.WaitGroup
	for id := range clients {
		all.Go(func() {
			for i := range each {
				order := reserve(fmt.Sprintf("s-%d-%d", id, i), protocol.Line{SKU: "hot", Quantity: 1})
				switch got := c.ask(protocol.SubjectReserve, order); {
				case strings.Contains(got, "_ok"):
					accepted.Add(1)
				case strings.Contains(got, inventory.ReasonOutOfStock):
					declined.Add(1)
				default:
					c.Errorf("got %s", got)
				}
				after(int(done.Add(1)))
			}
		})
	}
	all.Wait()
	if accepted.Load() != int64(pieces) || declined.Load() != int64(clients*each-pieces) {
		c.Errorf("%d accepted and %d declined, with %d pieces", accepted.Load(), declined.Load(), pieces)
	}
	if l := c.level("hot"); l.Reserved != int64(pieces) || l.Available != 0 {
		c.Errorf("got %+v", l)
	}
}

// TestPowerCut: the server comes back without the last reservations. Whoever
// remembers them must forget them, too.
func TestPowerCut(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "abc123", OnHand: 10})
	start(t, n.Config(t))
	nc := n.Connect(t)
	order := protocol.Line{SKU: "abc123", Quantity: 1}
	ask(t, nc, protocol.SubjectReserve, reserve("kept", order))
	n.Forget(t, func() {
		for i := range 5 {
			ask(t, nc, protocol.SubjectReserve, reserve(fmt.Sprintf("lost-%d", i), order))
		}
		if l := level(t, nc, "abc123"); l.Reserved != 6 {
			t.Errorf("before the power cut: got %+v", l)
		}
	})
	if got := ask(t, nc, protocol.SubjectReserve, reserve("next", order)); !strings.Contains(got, "_ok") {
		t.Errorf("got %s", got)
	}
	if l := level(t, nc, "abc123"); l.Reserved != 2 {
		t.Errorf("after the power cut: got %+v", l)
	}
}

// TestPurgedEnd: an operator removed the last messages, so that the bucket
// reaches further than anything in it.
func TestPurgedEnd(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "abc123", OnHand: 10})
	start(t, n.Config(t))
	nc := n.Connect(t)
	order := protocol.Line{SKU: "abc123", Quantity: 1}
	for _, saga := range []string{"kept", "purged"} {
		ask(t, nc, protocol.SubjectReserve, reserve(saga, order))
	}
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.Stream(soon(t), protocol.BucketStream(protocol.BucketInventory))
	must(t, err)
	must(t, stream.Purge(soon(t), jetstream.WithPurgeSubject(protocol.BucketSubject(protocol.BucketInventory, "reservation.purged.1"))))
	start(t, n.Config(t))
	for i := range 4 {
		if got := ask(t, nc, protocol.SubjectReserve, reserve(fmt.Sprintf("next-%d", i), order)); !strings.Contains(got, "_ok") {
			t.Errorf("got %s", got)
		}
	}
}
