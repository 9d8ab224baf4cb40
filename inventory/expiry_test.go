package inventory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// clock is one that can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

// startWith starts a replica with a policy, by a clock.
func startWith(t testing.TB, cfg worker.Config, c *clock, policy inventory.Policy) {
	t.Helper()
	cfg.Now = c.now
	p := participant
	p.New = func(cfg worker.Config) (*worker.Service, error) { return inventory.NewWith(cfg, policy) }
	workertest.Start(t, p, cfg)
}

// stateOf is the status of the reservation of step 1 of a saga.
func stateOf(t testing.TB, nc *nats.Conn, saga string) inventory.FoundReservation {
	t.Helper()
	var found inventory.Reservations
	must(t, json.Unmarshal([]byte(ask(t, nc, protocol.SubjectReservation, inventory.ReservationQuery{SagaID: saga, Step: 1})), &found))
	if len(found.Reservations) != 1 {
		t.Fatalf("saga %s has %d reservations", saga, len(found.Reservations))
	}
	return found.Reservations[0]
}

// become waits until the reservation of a saga has a status.
func become(t testing.TB, nc *nats.Conn, saga string, want inventory.Status) inventory.FoundReservation {
	t.Helper()
	r := stateOf(t, nc, saga)
	for until := time.Now().Add(patience); r.Status != want; r = stateOf(t, nc, saga) {
		if time.Now().After(until) {
			t.Fatalf("waited %s in vain; the reservation is %s, not %s", patience, r.Status, want)
		}
		<-time.After(5 * time.Millisecond)
	}
	return r
}

// TestForgottenReservationsLapse: after its time the goods go to others (D17).
func TestForgottenReservationsLapse(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5})
	c := &clock{}
	startWith(t, n.Config(t), c, inventory.Policy{Lapse: true})
	nc := n.Connect(t)
	begin := time.Now()
	expect(t, nc, protocol.SubjectReserve, reserve("s1", protocol.Line{SKU: "a", Quantity: 5}), protocol.SuffixOK, "")
	r := stateOf(t, nc, "s1")
	if hold := time.UnixMicro(r.ExpiresAt).Sub(begin); r.Status != inventory.Active || hold < 15*time.Minute || hold > 16*time.Minute {
		t.Errorf("held for %s: %+v", hold, r)
	}
	expect(t, nc, protocol.SubjectReserve, reserve("s2", protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixFailed, inventory.ReasonOutOfStock)
	c.forward(inventory.DefaultHold)
	become(t, nc, "s1", inventory.Expired)
	expectLevel(t, nc, "a", 5, 0)
	expect(t, nc, protocol.SubjectReserve, reserve("s3", protocol.Line{SKU: "a", Quantity: 5}), protocol.SuffixOK, "")
}

// TestCommitAfterTheTimeIsOver: the goods are taken if they are still there, else
// the commit is declined; they are never sold twice (D18).
func TestCommitAfterTheTimeIsOver(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5})
	c := &clock{}
	startWith(t, n.Config(t), c, inventory.Policy{Lapse: true})
	nc := n.Connect(t)
	for _, saga := range []string{"first", "second"} {
		expect(t, nc, protocol.SubjectReserve, reserve(saga, protocol.Line{SKU: "a", Quantity: 2}), protocol.SuffixOK, "")
	}
	c.forward(inventory.DefaultHold)
	become(t, nc, "first", inventory.Expired)
	become(t, nc, "second", inventory.Expired)
	expect(t, nc, protocol.SubjectReserve, reserve("other", protocol.Line{SKU: "a", Quantity: 2}), protocol.SuffixOK, "")
	expect(t, nc, protocol.SubjectCommit, commit("first", "a"), protocol.SuffixOK, `"re_reserved":true`)
	expectLevel(t, nc, "a", 3, 2)
	declined := expect(t, nc, protocol.SubjectCommit, commit("second", "a"), protocol.SuffixFailed,
		`"error":"reservation_expired","unavailable":["a"]`)
	expect(t, nc, protocol.SubjectRelease, release("other"), protocol.SuffixOK, "")
	if again := ask(t, nc, protocol.SubjectCommit, commit("second", "a")); again != declined {
		t.Errorf("got %s, then %s", declined, again)
	}
	expectLevel(t, nc, "a", 3, 0)
}

// TestRenewal: what is renewed lasts longer, never shorter; what holds nothing any
// more cannot be renewed (D17).
func TestRenewal(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 5})
	c := &clock{}
	startWith(t, n.Config(t), c, inventory.Policy{Lapse: true})
	nc := n.Connect(t)
	for _, saga := range []string{"kept", "forgotten"} {
		expect(t, nc, protocol.SubjectReserve, reserve(saga, protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixOK, "")
	}
	renew := func(saga string, holdMS int64) string {
		return ask(t, nc, protocol.SubjectRenew, inventory.Renewal{SagaID: saga, Step: 1, HoldMS: holdMS})
	}
	before := stateOf(t, nc, "kept").ExpiresAt
	if got := renew("kept", 1000); !strings.Contains(got, `"type":"renewed"`) || stateOf(t, nc, "kept").ExpiresAt != before {
		t.Errorf("after a renewal for a second: got %s, and it ends at %d instead of %d", got, stateOf(t, nc, "kept").ExpiresAt, before)
	}
	c.forward(10 * time.Minute)
	if got := renew("kept", 0); !strings.Contains(got, `"reservation_id":"r-kept-1"`) {
		t.Errorf("got %s", got)
	}
	c.forward(10 * time.Minute)
	become(t, nc, "forgotten", inventory.Expired)
	expectLevel(t, nc, "a", 5, 1)
	for saga, code := range map[string]protocol.Code{"forgotten": protocol.CodeActRefused, "unknown": protocol.CodeNotFound} {
		if got := renew(saga, 0); !strings.Contains(got, string(code)) {
			t.Errorf("%s: got %s, want %s", saga, got, code)
		}
	}
	c.forward(5 * time.Minute)
	become(t, nc, "kept", inventory.Expired)
}

// TestSagasAreLookedAfter: without Lapse, what becomes of goods when their time is
// over is what became of their saga; when nobody can say, they stay where they
// are, and a command that names a time of its own lapses all the same.
func TestSagasAreLookedAfter(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 100})
	c := &clock{}
	startWith(t, n.Config(t), c, inventory.Policy{})
	nc := n.Connect(t)
	statuses := map[string]string{
		"sold": protocol.StatusCompleted, "given-up": protocol.StatusAborted, "open": protocol.StatusPending,
		"stuck": protocol.StatusStuck, "killed": protocol.StatusKilled, "undone": protocol.StatusCompensating, "unknown": "",
	}
	for saga := range statuses {
		expect(t, nc, protocol.SubjectReserve, reserve(saga, protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixOK, "")
	}
	brief := reserve("brief", protocol.Line{SKU: "a", Quantity: 1})
	brief.HoldMS = 1000
	expect(t, nc, protocol.SubjectReserve, brief, protocol.SuffixOK, "")
	c.forward(inventory.DefaultHold)
	become(t, nc, "brief", inventory.Expired)
	expectLevel(t, nc, "a", 100, int64(len(statuses))) // nobody was there to say

	asked := make(chan string, 100)
	answer := func(m *nats.Msg) {
		var q protocol.StatusRequest
		must(t, json.Unmarshal(m.Data, &q))
		body := fmt.Sprintf(`{"type":"checkout_status","saga_id":%q,"status":%q}`, q.SagaID, statuses[q.SagaID])
		if statuses[q.SagaID] == "" {
			body = `{"type":"error","code":"saga_not_found","message":"there is no such saga"}`
		}
		must(t, m.Respond([]byte(body)))
		asked <- q.SagaID
	}
	_, err := n.Connect(t).Subscribe(protocol.SubjectStatus, answer)
	must(t, err)
	c.forward(time.Minute)
	become(t, nc, "sold", inventory.Committed)
	become(t, nc, "given-up", inventory.Expired)
	for seen := make(map[string]bool); len(seen) < len(statuses); seen[<-asked] = true {
	}
	for _, saga := range []string{"open", "stuck", "killed", "undone", "unknown"} {
		become(t, nc, saga, inventory.Active)
	}
	expectLevel(t, nc, "a", 99, 5)
}

// TestSweepRacesWithCommitAndRelease: on two replicas, the time of many
// reservations is over at the moment at which their sagas commit or release them.
// Whoever is first, each piece is sold once or is there again.
func TestSweepRacesWithCommitAndRelease(t *testing.T) {
	const sagas = 200
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: sagas})
	c := &clock{}
	for range 2 {
		startWith(t, n.Config(t), c, inventory.Policy{Lapse: true})
	}
	nc := n.Connect(t)
	var all sync.WaitGroup
	each := func(do func(i int, saga string)) {
		for i := range sagas {
			all.Go(func() { do(i, fmt.Sprintf("s%d", i)) })
		}
		all.Wait()
	}
	each(func(_ int, saga string) {
		expect(t, nc, protocol.SubjectReserve, reserve(saga, protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixOK, "")
	})
	expectLevel(t, nc, "a", sagas, sagas)
	c.forward(inventory.DefaultHold)
	var sold atomic.Int64
	each(func(i int, saga string) {
		if i%2 == 0 {
			ask(t, nc, protocol.SubjectRelease, release(saga))
			return
		}
		expect(t, nc, protocol.SubjectCommit, commit(saga, "a"), protocol.SuffixOK, "")
		sold.Add(1)
	})
	expectLevel(t, nc, "a", sagas-sold.Load(), 0)
	each(func(i int, saga string) {
		want := inventory.Committed
		if i%2 == 0 {
			want = inventory.Released
		}
		if got := stateOf(t, nc, saga).Status; got != want {
			t.Errorf("%s is %s, not %s", saga, got, want)
		}
	})
}
