package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"
)

// TestFrozenReplica: the replica that decides stops in the midst of a decision, as
// a process does that is swapped out or suspended, and is there all the same for
// whoever looks. Another one takes over; and when the first one wakes up and goes on
// with what it knew, nothing that it decides is stored.
func TestFrozenReplica(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 3})
	ice := newIce(t)
	frozen := n.Config(t)
	frozen.Now = ice.now
	start(t, frozen)
	c := newClient(t, n.Connect(t))
	order := protocol.Line{SKU: "a", Quantity: 1}
	buy := func(saga string) string { return c.ask(protocol.SubjectReserve, reserve(saga, order)) }
	if got := buy("first"); !strings.Contains(got, protocol.SuffixOK) { // it is the one that decides
		t.Fatalf("got %s", got)
	}
	awake := n.Config(t)
	start(t, awake)

	ice.freeze()
	var held sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		held.Go(func() { answers[i] = c.ask(protocol.SubjectReserve, reserve(fmt.Sprintf("held-%d", i), order)) })
	}
	<-ice.frozen // one of them at least
	for sold := 1; sold < 3; {
		// Half of them goes to the frozen one, and has no answer for now.
		saga := fmt.Sprintf("meanwhile-%d-%d", sold, time.Now().UnixNano())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		m, err := c.conn.RequestWithContext(ctx, protocol.SubjectReserve, encoded(t, reserve(saga, order)))
		cancel()
		switch {
		case err != nil:
			continue
		case strings.Contains(string(m.Data), inventory.ReasonOutOfStock):
			sold = 3 // those that were held have been faster
		case strings.Contains(string(m.Data), protocol.SuffixOK):
			sold++
		}
	}
	ice.thaw()
	held.Wait()
	if got := buy("last"); !strings.Contains(got, inventory.ReasonOutOfStock) {
		t.Errorf("with nothing left: got %s", got)
	}
	if l := c.level("a"); l.OnHand != 3 || l.Reserved != 3 {
		t.Errorf("of three pieces %d are reserved: %+v; %v", l.Reserved, l, answers)
	}
}

// ice is a clock by which a replica can be frozen: it does not go on before it
// knows the time.
type ice struct {
	frozen chan struct{} // gets a value when the replica is frozen for the first time

	mu   sync.Mutex
	warm chan struct{} // closed unless it is freezing
}

func newIce(t testing.TB) *ice {
	i := &ice{frozen: make(chan struct{}, 1), warm: make(chan struct{})}
	close(i.warm)
	t.Cleanup(i.thaw)
	return i
}

func (i *ice) now() time.Time {
	i.mu.Lock()
	warm := i.warm
	i.mu.Unlock()
	select {
	case <-warm:
	default:
		select {
		case i.frozen <- struct{}{}:
		default:
		}
		<-warm
	}
	return time.Now()
}

func (i *ice) freeze() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.warm = make(chan struct{})
}

func (i *ice) thaw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.warm:
	default:
		close(i.warm)
	}
}
