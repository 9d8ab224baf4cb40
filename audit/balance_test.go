package audit

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"amends/protocol"
)

// TestMemoryPerSaga: whatever a saga has, it costs 60 bytes at the most.
func TestMemoryPerSaga(t *testing.T) {
	const sagas, most = 100_000, 60
	before := heap()
	b := &balance{}
	for n := range sagas {
		b.change(PrintOf(fmt.Sprintf("%022d", n)), func(e *entry) {
			e.add(&Reservation{Origin: Origin{Step: 1, State: Live}, Goods: "abc123×2 xyz789×1", IDs: 1})
			e.add(&Charge{Origin: Origin{Step: 2, State: Live}, Amount: protocol.Money{Minor: 1, Currency: "USD"}})
		})
	}
	each := (heap() - before) / sagas
	t.Logf("%d bytes for each of %d sagas", each, sagas)
	if each > most {
		t.Errorf("%d bytes per saga, want at most %d", each, most)
	}
	runtime.KeepAlive(b)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBalance: what is stored and what is asked for cancel each other out, in any
// order, and nothing else does.
func TestBalance(t *testing.T) {
	charge := func(step uint8, state State, minor int64) *Charge {
		return &Charge{
			Origin: Origin{Step: step, State: state}, Amount: protocol.Money{Minor: minor, Currency: "USD"},
			User: 1, Payment: 2, Transaction: 3,
		}
	}
	b := &balance{}
	for n := range 1000 {
		id := PrintOf(fmt.Sprint("s", n))
		b.change(id, func(e *entry) { e.mark(recorded); e.see(paymentsStream, 7, time.Unix(9, 0)); e.add(charge(2, Live, 5)) })
		b.change(id, func(e *entry) { e.see(sagasStream, 8, time.Unix(8, 0)); e.take(charge(2, Live, 5)) })
	}
	n := 0
	for e := range b.all() {
		if n++; e.disagrees() || e.stream() != sagasStream || e.message() != 8 || e.newest != 9 {
			t.Fatalf("%+v disagrees, or is of message %d of stream %d", e, e.message(), e.stream())
		}
	}
	if n != 1000 {
		t.Errorf("%d entries", n)
	}
	for name, other := range map[string]*Charge{
		"amount": charge(2, Live, 6), "state": charge(2, Undone, 5), "step": charge(3, Live, 5), "no transaction": {
			Origin: Origin{Step: 2, State: Live}, Amount: protocol.Money{Minor: 5, Currency: "USD"}, User: 1, Payment: 2,
		},
	} {
		var e entry
		e.mark(recorded)
		e.add(charge(2, Live, 5))
		e.take(other)
		if !e.disagrees() {
			t.Errorf("another %s is not seen", name)
		}
		if e.mark(loose); e.disagrees() != (name != "no transaction") {
			t.Errorf("another %s, where transactions do not count: %v", name, e.disagrees())
		}
	}
}

func TestIsExpired(t *testing.T) {
	for name, c := range map[string]struct {
		age, retention time.Duration
		want           bool
	}{
		"kept for ever":           {1000 * time.Hour, 0, false},
		"younger":                 {89 * time.Minute, 90 * time.Minute, false},
		"older":                   {91 * time.Minute, 90 * time.Minute, true},
		"as good as old":          {90*time.Minute - 30*time.Second, 90 * time.Minute, true},
		"too young by the margin": {90*time.Minute - 60*time.Second, 90 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isExpired(c.age, c.retention); got != c.want {
				t.Errorf("age %s of %s: %v", c.age, c.retention, got)
			}
		})
	}
}

func TestSumsDoNotWrap(t *testing.T) {
	const most, least = 1<<63 - 1, -1 << 63
	for _, c := range [][3]int64{{1, 2, 3}, {most, 1, most}, {least, -1, least}, {most, least, -1}, {least, least, least}} {
		if got := plus(c[0], c[1]); got != c[2] {
			t.Errorf("%d plus %d is %d", c[0], c[1], got)
		}
	}
}

// TestFindingsAreBounded: all are counted, some are kept.
func TestFindingsAreBounded(t *testing.T) {
	tally := newTally(time.Now())
	for range maxKept + 5 {
		tally.find(Finding{Invariant: I5})
		tally.count(&Saga{Phase: "STUCK"})
	}
	r := tally.finish()
	if r.Violations != maxKept+5 || len(r.Findings) != maxKept || len(r.Incidents) != maxKept || r.Sagas.Stuck != maxKept+5 {
		t.Errorf("%d violations, %d kept, %d incidents", r.Violations, len(r.Findings), len(r.Incidents))
	}
}

// TestVagueChargesAreNotSummed: what the journal does not tell is no money.
func TestVagueChargesAreNotSummed(t *testing.T) {
	tally := newTally(time.Now())
	tally.count(&Saga{Phase: "COMPLETED", Steps: []Step{{Asked: &Charge{}, Vague: "no amount"}}})
	if r := tally.finish(); len(r.Money) != 0 || r.Sagas.Completed != 1 {
		t.Errorf("%+v", r)
	}
}

func TestRowKeys(t *testing.T) {
	for _, key := range []string{"", "s", "s.", "s.0", "s.65", "s.300", "s.-1", "s.1.2", ".1", "s s.1", "stock.s"} {
		if id, e := ReadEffects(protocol.BucketInventory, key, nil); id != "" || len(e[0].flaws()) == 0 {
			t.Errorf("key %q is taken as one of saga %q", key, id)
		}
	}
	if id, e := ReadEffects(protocol.BucketInventory, "reservation.s.64", []byte(`{"saga_id":"s","step":64}`)); id != "s" || e != nil {
		t.Errorf("id %q, effect %v", id, e)
	}
}
