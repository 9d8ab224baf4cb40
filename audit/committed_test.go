package audit_test

import (
	"strings"
	"testing"

	"amends/audit"
	"amends/protocol"
)

// sell makes the reservation of a saga one that is committed, from the counts of
// both SKUs of that name.
func sell(since int) func(*world) {
	return func(w *world) {
		effect := w.effectAt(1)
		effect["status"] = "committed"
		for i := range 2 {
			line(effect, "lines", i)["since"] = since
		}
	}
}

// TestEndsOfReservations: a committed reservation stands, one whose time was over
// is undone: that is nobody's fault while its saga may still find out, and wrong
// when the saga has sold the goods (D17, D18).
func TestEndsOfReservations(t *testing.T) {
	for name, test := range map[string]struct {
		world  *world
		change func(*world)
		want   []audit.Invariant
	}{
		"sold":                {completed("s"), sell(7), nil},
		"sold and given up":   {aborted("s"), sell(7), []audit.Invariant{audit.I4}},
		"lapsed on the way":   {begin("s").fates(accept), set(1, "status", "expired"), nil},
		"lapsed and undone":   {aborted("s"), set(1, "status", "expired"), nil},
		"lapsed and sold":     {completed("s"), set(1, "status", "expired"), []audit.Invariant{audit.I3}},
		"held by who waits":   {completed("s"), backorder, nil},
		"nothing is wanted":   {completed("s"), setLine(1, "lines", "quantity", 0), []audit.Invariant{audit.I5}},
		"less than is wanted": {completed("s"), setLine(1, "lines", "backordered", -1), []audit.Invariant{audit.I5}},
	} {
		t.Run(name, func(t *testing.T) {
			test.change(test.world)
			wants(t, test.world.audit(), test.want...)
		})
	}
}

// backorder lets all pieces of one line wait.
func backorder(w *world) {
	held := line(w.effectAt(1), "lines", 0)
	held["backordered"], held["quantity"] = held["quantity"], 0
}

// TestCounts: on hand is what was counted, plus what came, less what was committed
// since (I1 of the stock).
func TestCounts(t *testing.T) {
	for name, c := range map[string]struct {
		stock audit.Stock
		want  string
	}{
		"by hand":    {audit.Stock{SKU: "a", Known: true, OnHand: 3, Moved: map[int64]int64{7: -5}}, ""},
		"adds up":    {audit.Stock{SKU: "a", Known: true, OnHand: 3, Since: 7, Counted: 8, Moved: map[int64]int64{7: -5, 6: -9}}, ""},
		"not at all": {audit.Stock{SKU: "a", Known: true, OnHand: 3, Since: 7, Counted: 8, Moved: map[int64]int64{7: -6}}, "8 were counted"},
	} {
		found := audit.CheckStock(c.stock)
		if (c.want == "") != (len(found) == 0) || c.want != "" && !strings.Contains(found[0].What, c.want) {
			t.Errorf("%s: found %+v, want %q", name, found, c.want)
		}
	}
}

// TestSoldGoodsAddUp audits buckets in which goods were delivered and committed,
// and then in which one commit has not left the stock.
func TestSoldGoodsAddUp(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	for _, id := range []string{"c1", "c2"} {
		w := completed(id)
		sell(7)(w)
		s.putAll(w)
	}
	held := completed("c3")
	backorder(held)
	s.putAll(held)
	s.put(protocol.BucketInventory, "restock.d1", encode(doc{
		"hash": "h", "at": 1, "reply": doc{}, "row": doc{"lines": []doc{{"sku": "abc123", "quantity": 3, "since": 7}}},
	}), nil)
	s.put(protocol.BucketInventory, "horizon", []byte(`{"stream":"2026-11-21T10:00:00Z","sequence":1}`), nil)
	stock := func(sku string, onHand, counted int) {
		s.put(protocol.BucketInventory, "stock."+sku, encode(doc{"sku": sku, "on_hand": onHand, "counted": counted, "since": 7}), nil)
	}
	stock("abc123", 9, 10) // 10 + 3 - 2·2
	stock("xyz789", 8, 10) // 10 - 2·1
	r := s.audit()
	if want := (audit.Shelves{SKUs: 2, OnHand: 17, Reserved: 1}); !r.OK() || r.Stock != want {
		t.Errorf("stock %+v, want %+v; found %+v", r.Stock, want, r.Findings)
	}
	stock("xyz789", 9, 10)
	r = s.audit()
	if len(r.Findings) != 1 || r.Findings[0].SKU != "xyz789" || r.Findings[0].Invariant != audit.I1 {
		t.Errorf("found %+v", r.Findings)
	}
	alone, err := audit.RunStock(s.ctx, s.nc)
	must(t, err)
	if alone.Stock != r.Stock || len(alone.Findings) != 1 || alone.Findings[0] != r.Findings[0] {
		t.Errorf("the stock alone: %+v, %+v", alone.Stock, alone.Findings)
	}
}
