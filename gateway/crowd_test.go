package gateway_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// crowd is how many clients watch at once, twice as many as a server allows in
// consumers of a stream, and watchedSagas what they watch. crowded is how long that
// may take on a busy machine.
const (
	crowd        = 2000
	watchedSagas = 20
	crowded      = 3 * time.Minute
)

// Two thousand clients watch at once: each is told everything, in order; a saga that
// a hundred of them watch is followed once; and one more client is refused, and told
// when to come again.
func TestACrowdWatches(t *testing.T) {
	j := newStage(t).journal()
	var reads atomic.Int64
	_, err := j.nats.Subscribe("$JS.API.STREAM.MSG.GET."+protocol.BucketStream(protocol.BucketSagas), func(*nats.Msg) { reads.Add(1) })
	j.must(err)
	d := j.gateway(func(c *gateway.Config) { c.Heartbeat = time.Hour; c.MaxWatchers = crowd })
	for n := range watchedSagas {
		j.has(fmt.Sprintf("s%d", n), "RUNNING", 1)
	}
	watching := make(chan struct{}, crowd)
	entrance := make(chan struct{}, 50) // so many at once
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() {
			begin, w := "", (*watcher)(nil)
			func() {
				entrance <- struct{}{}
				defer func() { <-entrance; watching <- struct{}{} }() // also if it fails
				w = d.watchFor(crowded, fmt.Sprintf("s%d", n%watchedSagas))
				begin = w.story("PENDING")
			}()
			defer w.stop()
			if told := begin + " " + w.story(""); told != "1 PENDING 2 3 COMPLETED end=3.end closed" {
				t.Errorf("client %d was told %s", n, told)
			}
		})
	}
	for range crowd {
		<-watching
	}
	a := d.get("/v1/sagas/s0/events")
	a.problem(http.StatusServiceUnavailable, protocol.CodeOverloaded, "")
	if a.header.Get("Retry-After") == "" {
		t.Error("does not say when to come again")
	}
	j.must(j.nats.Flush())
	before := reads.Load()
	for n := range watchedSagas {
		id := fmt.Sprintf("s%d", n)
		j.has(id, "RUNNING", 2)
		j.announce(id)
		j.has(id, "COMPLETED", 3)
		j.announce(id)
	}
	all.Wait()
	j.must(j.nats.Flush())
	// The test itself reads each record before each write, over the same subject or
	// another.
	if n := reads.Load() - before; n < watchedSagas || n > 6*watchedSagas {
		t.Errorf("%d sagas that end, watched by %d, cost %d reads", watchedSagas, crowd, n)
	} else {
		t.Logf("%d sagas that end, watched by %d, cost %d reads", watchedSagas, crowd, n)
	}
}

// A client that takes nothing holds up nobody else who watches the same saga.
func TestALazyWatcherHoldsUpNobody(t *testing.T) {
	j := newStage(t).journal()
	d := j.gateway()
	j.has("c1", "RUNNING", 1)
	lazy, busy := d.watch("c1"), d.watch("c1")
	defer lazy.stop()
	busy.story("PENDING")
	for n := 2; n < 60; n++ {
		j.has("c1", "RUNNING", n)
		j.announce("c1")
		busy.story(fmt.Sprint(n))
	}
}

// What nobody watches any more is followed no more, and whoever watches it again
// begins anew.
func TestWhatNobodyWatchesIsNotFollowed(t *testing.T) {
	j := newStage(t).journal()
	nc := j.server.Connect(t)
	d := open(t, nc)
	j.has("c1", "RUNNING", 1)
	d.get("/v1/sagas/c1/events", "Last-Event-ID", "x") // the connection has a subscription for answers of its own
	one := d.watch("c1")
	one.story("PENDING")
	watched := nc.NumSubscriptions()
	other := d.watch("c1")
	other.story("PENDING")
	if n := nc.NumSubscriptions(); n != watched {
		t.Errorf("two clients cost %d subscriptions, and one %d", n, watched)
	}
	one.stop()
	j.has("c1", "RUNNING", 2)
	j.announce("c1")
	other.story("2")
	other.stop()
	eventually(t, "nothing is followed", func() bool { return nc.NumSubscriptions() == watched-1 })
	j.has("c1", "COMPLETED", 3)
	if told := d.watch("c1").story(""); told != "1 2 3 COMPLETED end=3.end closed" {
		t.Errorf("told %s", told)
	}
}
