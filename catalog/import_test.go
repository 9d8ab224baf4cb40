package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/catalog"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// shop is a server with a price list.
type shop struct {
	testing.TB
	*catalog.Catalog
	conn *nats.Conn
	js   jetstream.JetStream
}

func openShop(t testing.TB, n *workertest.NATS) *shop {
	t.Helper()
	nc := n.Connect(t)
	list, err := catalog.Open(nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Close() })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t, list, nc, js}
}

func (s *shop) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	s.Cleanup(cancel)
	return ctx
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// bring imports a YAML file and returns what was done, in words.
func (s *shop) bring(text string, o catalog.Options) string {
	s.Helper()
	products, err := catalog.Parse("f.yaml", []byte(text))
	s.must(err)
	report, err := s.Import(s.soon(), products, o)
	s.must(err)
	words := []string{}
	for _, list := range []struct {
		name    string
		changes []catalog.Change
	}{{"added", report.Added}, {"changed", report.Changed}, {"removed", report.Removed}} {
		for _, c := range list.changes {
			words = append(words, list.name+" "+c.SKU)
		}
	}
	return fmt.Sprintf("%s; %d unchanged; stock %d+%d", strings.Join(words, ", "), report.Unchanged, report.Seeded, report.Kept)
}

// holds fails the test unless the price list is this one.
func (s *shop) holds(want string) {
	s.Helper()
	list, err := s.Read(s.soon())
	s.must(err)
	var words []string
	for _, p := range list.Products {
		words = append(words, p.SKU+" "+string(p.Price))
	}
	if got := strings.Join(words, ", "); got != want {
		s.Errorf("the price list is %q, want %q", got, want)
	}
}

// value reads a row of a bucket; "" if there is none.
func (s *shop) value(bucket, key string) string {
	s.Helper()
	kv, err := s.js.KeyValue(s.soon(), bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return ""
	}
	s.must(err)
	entry, err := kv.Get(s.soon(), key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return ""
	}
	s.must(err)
	return string(entry.Value())
}

func (s *shop) put(bucket, key, value string) {
	s.Helper()
	kv, err := s.js.KeyValue(s.soon(), bucket)
	s.must(err)
	_, err = kv.PutString(s.soon(), key, value)
	s.must(err)
}

// writes is how much was ever written to the price list.
func (s *shop) writes() uint64 {
	s.Helper()
	stream, err := s.js.Stream(s.soon(), protocol.BucketStream(protocol.BucketCatalog))
	s.must(err)
	return stream.CachedInfo().State.LastSeq
}

const (
	first  = "- {sku: a, price: 1.00, currency: USD, on_hand: 5}\n- {sku: b, name: Bee, price: 2.00, currency: USD}\n- {sku: c, price: 3.00, currency: USD, on_hand: 0}\n"
	second = "- {sku: a, price: 1, currency: USD, on_hand: 99}\n- {sku: b, name: Wasp, price: 2.00, currency: USD, on_hand: 7}\n- {sku: d, price: 4.00, currency: EUR}\n"
)

// TestImport: what is new is added, what is other is changed, what is not in the
// file stays, and the same file again changes nothing.
func TestImport(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	s.holds("")
	if got, want := s.bring(first, catalog.Options{}), "added a, added b, added c; 0 unchanged; stock 2+0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.holds("a 1.00, b 2.00, c 3.00")
	before := s.writes()
	if got, want := s.bring(first, catalog.Options{}), "; 3 unchanged; stock 0+2"; got != want {
		t.Errorf("again: got %s, want %s", got, want)
	}
	if after := s.writes(); after != before {
		t.Errorf("importing the same again wrote %d rows", after-before)
	}
	if got, want := s.bring(second, catalog.Options{}), "added d, changed b; 1 unchanged; stock 1+1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.holds("a 1.00, b 2.00, c 3.00, d 4.00")
	if got, want := s.value(protocol.BucketCatalog, "b"), `{"sku":"b","name":"Wasp","price":2.00,"currency":"USD"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Stock is given once; afterwards it is the inventory's.
	for key, want := range map[string]string{"stock.a": `"on_hand":5`, "stock.b": `"on_hand":7`, "stock.c": `"on_hand":0`} {
		if got := s.value(protocol.BucketInventory, key); !strings.Contains(got, want) {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

// TestPrune removes only when it is told to, and what comes back is new.
func TestPrune(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	s.bring(first, catalog.Options{})
	s.put(protocol.BucketCatalog, "odd", "no product")
	if got, want := s.bring(second, catalog.Options{Prune: true}), "added d, changed b, removed c, removed odd; 1 unchanged; stock 1+1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.holds("a 1.00, b 2.00, d 4.00")
	if got := s.value(protocol.BucketInventory, "stock.c"); got == "" {
		t.Error("the stock of a removed product is gone")
	}
	if got, want := s.bring(second, catalog.Options{Prune: true}), "; 3 unchanged; stock 0+2"; got != want {
		t.Errorf("again: got %s, want %s", got, want)
	}
	if got, want := s.bring(first, catalog.Options{}), "added c, changed b; 1 unchanged; stock 0+2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDryRun tells the same and writes nothing, not even a bucket.
func TestDryRun(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	if got, want := s.bring(first, catalog.Options{DryRun: true, Prune: true}), "added a, added b, added c; 0 unchanged; stock 0+0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bucket := range []string{protocol.BucketCatalog, protocol.BucketInventory} {
		if _, err := s.js.Stream(s.soon(), protocol.BucketStream(bucket)); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("there is a bucket %s: %v", bucket, err)
		}
	}
	s.bring(first, catalog.Options{})
	before := s.writes()
	if got, want := s.bring(second, catalog.Options{DryRun: true, Prune: true}), "added d, changed b, removed c; 1 unchanged; stock 0+0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if after := s.writes(); after != before {
		t.Errorf("a dry run wrote %d rows", after-before)
	}
}

// TestUnusableRows are told, and mended by an import.
func TestUnusableRows(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	s.bring(first, catalog.Options{})
	for key, value := range map[string]string{
		"a": `{"sku":"a","price":1.999,"currency":"USD"}`, "b": `{"sku":"other","price":1,"currency":"USD"}`, "odd": "nonsense",
	} {
		s.put(protocol.BucketCatalog, key, value)
	}
	list, err := s.Read(s.soon())
	s.must(err)
	if len(list.Products) != 1 || !slices.Equal(list.Unusable, []string{"a", "b", "odd"}) {
		t.Errorf("got %+v", list)
	}
	if got, want := s.bring(first, catalog.Options{}), "changed a, changed b; 1 unchanged; stock 0+2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestListsCanBeImported: what lists the price list can bring it back.
func TestListsCanBeImported(t *testing.T) {
	s := openShop(t, workertest.Server(t))
	s.bring(first, catalog.Options{})
	list, err := s.Read(s.soon())
	s.must(err)
	text, err := json.Marshal(list)
	s.must(err)
	products, err := catalog.Parse("f.json", text)
	s.must(err)
	report, err := s.Import(s.soon(), products, catalog.Options{Prune: true})
	s.must(err)
	if report.Unchanged != 3 || len(report.Changed)+len(report.Added)+len(report.Removed) != 0 {
		t.Errorf("got %+v", report)
	}
}

// TestTwoImportsAtOnce leave one of the two files in every row, and none of them
// fails.
func TestTwoImportsAtOnce(t *testing.T) {
	n := workertest.Server(t)
	var all sync.WaitGroup
	for price := range 4 {
		s := openShop(t, n)
		var text strings.Builder
		for sku := range 200 {
			fmt.Fprintf(&text, "- {sku: p%d, price: %d, currency: JPY, on_hand: %d}\n", sku, price+1, price+1)
		}
		all.Go(func() { s.bring(text.String(), catalog.Options{}) })
	}
	all.Wait()
	s := openShop(t, n)
	list, err := s.Read(s.soon())
	s.must(err)
	if len(list.Products) != 200 || len(list.Unusable) != 0 {
		t.Errorf("there are %d products, %v", len(list.Products), list.Unusable)
	}
}

// TestAnImportThatIsCutShort says how far it came, and is finished by another.
func TestAnImportThatIsCutShort(t *testing.T) {
	n := workertest.Server(t)
	s := openShop(t, n)
	s.bring(first, catalog.Options{})
	products, err := catalog.Parse("f.yaml", []byte(second))
	s.must(err)
	ctx, cancel := context.WithCancel(s.soon())
	cancel()
	if _, err := s.Import(ctx, products, catalog.Options{}); err == nil {
		t.Error("an import without time has succeeded")
	}
	s.holds("a 1.00, b 2.00, c 3.00")
	s.bring(second, catalog.Options{})
	s.holds("a 1.00, b 2.00, c 3.00, d 4.00")
}
