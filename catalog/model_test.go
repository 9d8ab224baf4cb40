package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"amends/catalog"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"
)

// listModel is a price list as simply as it can be said: the price of each product,
// and what the inventory was first told of it.
type listModel struct {
	prices map[string]int64 // -1 is a row that makes no sense
	stock  map[string]int64
}

// listMachine does to a price list and to its model the same.
type listMachine struct {
	*shop
	catalog, inventory jetstream.KeyValue
	m                  listModel
}

// file is a file of some products.
func (lm *listMachine) file(t *rapid.T) (products []catalog.Product) {
	for sku, price := range rapid.MapOfN(rapid.IntRange(0, 4), rapid.Int64Range(0, 3), 1, 5).Draw(t, "products") {
		p := catalog.Product{Product: protocol.Product{
			SKU: fmt.Sprint("p", sku), Price: protocol.Decimal(strconv.FormatInt(price, 10)), Currency: "JPY",
		}}
		if rapid.Bool().Draw(t, "stocked") {
			p.OnHand = &price
		}
		products = append(products, p)
	}
	return products
}

// bringIn imports a file, and tells what the model says of it.
func (lm *listMachine) bringIn(t *rapid.T) {
	o := catalog.Options{DryRun: rapid.Bool().Draw(t, "dry run"), Prune: rapid.Bool().Draw(t, "prune")}
	products := lm.file(t)
	var want catalog.Report
	after, stock := maps.Clone(lm.m.prices), maps.Clone(lm.m.stock)
	if o.Prune {
		clear(after)
	}
	for _, p := range products {
		price, _ := strconv.ParseInt(string(p.Price), 10, 64)
		switch before, there := lm.m.prices[p.SKU]; {
		case there && before == price:
			want.Unchanged++
		case there:
			want.Changed = append(want.Changed, catalog.Change{})
		default:
			want.Added = append(want.Added, catalog.Change{})
		}
		after[p.SKU] = price
		if _, known := stock[p.SKU]; p.OnHand != nil && !known {
			stock[p.SKU] = *p.OnHand
			want.Seeded++
		}
	}
	for sku := range lm.m.prices {
		if _, there := after[sku]; !there {
			want.Removed = append(want.Removed, catalog.Change{})
		}
	}
	got, err := lm.Import(lm.soon(), products, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.DryRun {
		want.Seeded = 0
	} else {
		lm.m.prices, lm.m.stock = after, stock
	}
	if len(got.Added) != len(want.Added) || len(got.Changed) != len(want.Changed) || len(got.Removed) != len(want.Removed) ||
		got.Unchanged != want.Unchanged || got.Seeded != want.Seeded {
		t.Fatalf("the report is %+v, want %+v", got, want)
	}
}

// byHand is what an operator may do at any time.
func (lm *listMachine) byHand(t *rapid.T) {
	sku := fmt.Sprint("p", rapid.IntRange(0, 4).Draw(t, "sku"))
	var err error
	switch rapid.IntRange(0, 2).Draw(t, "act") {
	case 0:
		_, err = lm.catalog.PutString(lm.soon(), sku, `{"sku":"`+sku+`","price":7,"currency":"JPY"}`)
		lm.m.prices[sku] = 7
	case 1:
		_, err = lm.catalog.PutString(lm.soon(), sku, "nonsense")
		lm.m.prices[sku] = -1
	default:
		err = lm.catalog.Delete(lm.soon(), sku)
		delete(lm.m.prices, sku)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// check: the list is that of the model, and what the inventory has was never
// changed by an import.
func (lm *listMachine) check(t *rapid.T) {
	list, err := lm.Read(lm.soon())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	for _, p := range list.Products {
		got[p.SKU], _ = strconv.ParseInt(string(p.Price), 10, 64)
	}
	for _, sku := range list.Unusable {
		got[sku] = -1
	}
	if !maps.Equal(got, lm.m.prices) {
		t.Fatalf("the list is %v, the model %v", got, lm.m.prices)
	}
	for _, sku := range slices.Sorted(maps.Keys(lm.m.stock)) {
		entry, err := lm.inventory.Get(lm.soon(), "stock."+sku)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`{"sku":%q,"on_hand":%d}`, sku, lm.m.stock[sku]); string(entry.Value()) != want {
			t.Fatalf("the stock is %s, want %s", entry.Value(), want)
		}
	}
}

// TestAgainstAModel imports any files over any list, with an operator who changes
// it by hand in between.
func TestAgainstAModel(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	s.bring("- {sku: seed, price: 1, currency: JPY, on_hand: 1}\n", catalog.Options{}) // it makes the buckets
	kv := func(bucket string) jetstream.KeyValue {
		kv, err := s.js.KeyValue(s.soon(), bucket)
		s.must(err)
		return kv
	}
	lm := &listMachine{shop: s, catalog: kv(protocol.BucketCatalog), inventory: kv(protocol.BucketInventory)}
	rapid.Check(t, func(t *rapid.T) {
		lm.beginAnew(t)
		acts := rapid.SampledFrom([]func(*rapid.T){lm.bringIn, lm.bringIn, lm.byHand})
		for range rapid.IntRange(1, 10).Draw(t, "acts") { // each costs some writes
			acts.Draw(t, "act")(t)
			lm.check(t)
		}
	})
}

// beginAnew empties list and stock, as if nothing had ever been there.
func (lm *listMachine) beginAnew(t *rapid.T) {
	for _, bucket := range []string{protocol.BucketCatalog, protocol.BucketInventory} {
		stream, err := lm.js.Stream(lm.soon(), protocol.BucketStream(bucket))
		if err == nil {
			err = stream.Purge(lm.soon())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lm.m = listModel{prices: map[string]int64{}, stock: map[string]int64{}}
}
