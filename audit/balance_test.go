package audit

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"amends/protocol"
)

// TestMemoryPerSaga: a million sagas fit, at 300 bytes each.
func TestMemoryPerSaga(t *testing.T) {
	const sagas, most = 100_000, 300
	before := heap()
	h := held{}
	for n := range sagas {
		id := fmt.Sprintf("%022d", n) // as long as an id that is made for a client
		lines := []protocol.Line{{SKU: fmt.Sprintf("a%05d", n), Quantity: 2}, {SKU: "xyz789", Quantity: 1}}
		h.add("$KV.X."+id, &Reservation{Step: 1, State: Live, Goods: GoodsOf(lines)})
		h.add("$KV.X."+id, &Charge{Step: 2, State: Live, Amount: protocol.Money{Minor: 1, Currency: "USD"}})
		h.add("$KV.X."+id, &Shipment{Step: 3, State: Live, Goods: GoodsOf(lines)})
	}
	each := (heap() - before) / sagas
	t.Logf("%d bytes for each of %d sagas", each, len(h))
	if each > most {
		t.Errorf("%d bytes per saga, want at most %d", each, most)
	}
	runtime.KeepAlive(h)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestHeldEffects(t *testing.T) {
	h := held{}
	h.add("s", &Charge{Step: 2, State: Live})
	h.add("s", &Charge{Step: 2, State: Undone}) // the same place again
	h.add("s", &Charge{Step: 7, State: Live})
	h.add("s", &Charge{Step: 7, State: Undone})
	h.add("s", &Unreadable{Bucket: "PAYMENTS", Step: 1})
	h.add("q", &Shipment{Step: 1, State: Live})
	got := h.take("s")
	if len(got) != 3 || got[0].state() != Undone || got[1].state() != Undone || got[2].flaw() != "" {
		t.Errorf("%+v", got)
	}
	if len(h) != 1 || h.take("s") != nil {
		t.Errorf("%+v", h)
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
		tally.find(Finding{Invariant: I4})
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
		if id, e := ReadEffect(protocol.BucketInventory, key, nil); id != "" || e.flaw() == "" {
			t.Errorf("key %q is taken as one of saga %q", key, id)
		}
	}
	if id, e := ReadEffect(protocol.BucketInventory, "reservation.s.64", []byte(`{"saga_id":"s","step":64}`)); id != "s" || e != nil {
		t.Errorf("id %q, effect %v", id, e)
	}
}
