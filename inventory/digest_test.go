package inventory

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// TestDigest: whoever reads the digest of a reservation knows what whoever reads
// the reservation knows.
func TestDigest(t *testing.T) {
	line := rapid.Custom(func(t *rapid.T) Hold {
		return Hold{
			SKU:      rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "sku"),
			Quantity: rapid.Int64Range(0, 1000).Draw(t, "held"), Backordered: rapid.Int64Range(0, 1000).Draw(t, "wanted"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		r := Reservation{
			Status:     rapid.SampledFrom([]Status{Active, Active, Active, Released, Committed, Expired}).Draw(t, "status"),
			ReservedAt: rapid.Int64().Draw(t, "reserved at"), ExpiresAt: rapid.Int64().Draw(t, "expires at"),
			Lapses: rapid.Bool().Draw(t, "lapses"),
			Lines:  rapid.SliceOfNDistinct(line, 1, 5, func(h Hold) string { return h.SKU }).Draw(t, "lines"),
		}
		byRow, byDigest := newShelf(DefaultRetention), newShelf(DefaultRetention)
		byRow.Effect("s.1", &r)
		if err := byDigest.Digested("s.1", byRow.Digest(&r)); err != nil {
			t.Fatal(err)
		}
		if got, want := byDigest.open["s.1"], byRow.open["s.1"]; !reflect.DeepEqual(got, want) ||
			!reflect.DeepEqual(byDigest.reserved, byRow.reserved) || !reflect.DeepEqual(byDigest.wanted, byRow.wanted) {
			t.Fatalf("%q tells %+v, the row %+v", byRow.Digest(&r), got, want)
		}
	})
}

// TestNoDigest: what is no digest is not taken for one, and changes nothing.
func TestNoDigest(t *testing.T) {
	s := newShelf(DefaultRetention)
	s.Effect("s.1", &Reservation{Status: Active, Lines: []Hold{{SKU: "a", Quantity: 3}}})
	for _, digest := range []string{
		"", "x", "1 2 0", "1 2 0 a", "1 2 0 a=1", "1 2 0 a=x+0", "1 2 0 a=1+x", "x 2 0 a=1+0", "1 x 0 a=1+0", "1 2 0 a=-1+0", "1 2 0 a=1+-1",
	} {
		if err := s.Digested("s.1", digest); err == nil {
			t.Errorf("%q is taken for a digest", digest)
		}
	}
	if s.Available("a") != -3 {
		t.Errorf("%d available", s.Available("a"))
	}
}

// TestMemory: what is held in memory is active reservations, and this much of each.
func TestMemory(t *testing.T) {
	const rows, most = 100_000, 350 // bytes
	measure := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s := newShelf(DefaultRetention)
	s.stock["a"] = Stock{SKU: "a", OnHand: rows}
	before := measure()
	for i := range rows {
		step := fmt.Sprintf("saga-%07d.1", i)
		s.Effect(step, &Reservation{Status: Active, ExpiresAt: int64(i), Lines: []Hold{{SKU: "a", Quantity: 1}}})
		s.Stored(step, uint64(i+1))
	}
	each := (measure() - before) / rows
	t.Logf("%d bytes for each active reservation of one line", each)
	if each > most {
		t.Errorf("%d bytes for each active reservation, want %d at most", each, most)
	}
	for i := range rows {
		s.Effect(fmt.Sprintf("saga-%07d.1", i), &Reservation{Status: Released})
	}
	if len(s.open)+len(s.due)+len(s.blocks) > 0 || s.reserved["a"] != 0 {
		t.Errorf("%d are open, %d due, in %d blocks", len(s.open), len(s.due), len(s.blocks))
	}
	runtime.KeepAlive(s)
}
