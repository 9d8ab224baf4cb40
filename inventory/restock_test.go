package inventory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go/jetstream"
)

// TestRestock: a delivery comes once, whoever tells of it and how often; another
// one under the same id is refused; goods that nobody knew are known then.
func TestRestock(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", Name: "A lamp", OnHand: 1})
	start(t, n.Config(t))
	start(t, n.Config(t))
	nc := n.Connect(t)
	d := inventory.Delivery{DeliveryID: "d1", Items: []protocol.Line{{SKU: "a", Quantity: 5}, {SKU: "new", Quantity: 7}}}
	answers := make([]string, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = ask(t, nc, protocol.SubjectRestock, d) })
	}
	all.Wait()
	const want = `{"type":"restocked","delivery_id":"d1","stock":[{"sku":"a","on_hand":6},{"sku":"new","on_hand":7}]}`
	for _, got := range answers {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expectLevel(t, nc, "a", 6, 0)
	expectLevel(t, nc, "new", 7, 0)
	d.Items[0].Quantity = 6
	if got := ask(t, nc, protocol.SubjectRestock, d); !strings.Contains(got, string(protocol.CodeIdempotencyConflict)) {
		t.Errorf("another delivery of the same id: got %s", got)
	}
	expectLevel(t, nc, "a", 6, 0)
}

func TestRestockBadInput(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 1})
	start(t, n.Config(t))
	nc := n.Connect(t)
	for body, want := range map[string]string{
		`{"items":[{"sku":"a","quantity":1}]}`:                                                     `"missing_field","message":"is required","field":"delivery_id"`,
		`{"delivery_id":"a.b","items":[{"sku":"a","quantity":1}]}`:                                 `"invalid_id"`,
		`{"delivery_id":"d"}`:                                                                      `"field":"items"`,
		`{"delivery_id":"d","items":[]}`:                                                           `"field":"items"`,
		`{"delivery_id":"d","items":[{"sku":">","quantity":1}]}`:                                   `"field":"items[0].sku"`,
		`{"delivery_id":"d","items":[{"sku":"a","quantity":0}]}`:                                   `"field":"items[0].quantity"`,
		`{"delivery_id":"d","items":[{"sku":"a","quantity":-1}]}`:                                  `"field":"items[0].quantity"`,
		`{"delivery_id":"d","items":[{"sku":"a","quantity":9223372036854775807}]}`:                 `"field":"items[0].quantity"`,
		`{"delivery_id":"d","items":[{"sku":"a","quantity":1000000000000}]}`:                       `"makes more than the warehouse can count"`,
		`{"delivery_id":"d","items":[{"sku":"a","quantity":1},{"sku":"a","quantity":1}]}`:          `"field":"items[1].sku"`,
		`{"delivery_id":"d","items":[` + strings.Repeat(`{"sku":"a","quantity":1},`, 101) + `{}]}`: `"too_large"`,
		`nonsense`: `"malformed_request"`,
	} {
		if got := ask(t, nc, protocol.SubjectRestock, json.RawMessage(quoted(body))); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	expectLevel(t, nc, "a", 1, 0)
}

// quoted is a body as it is, also if it is no JSON.
func quoted(body string) string {
	if json.Valid([]byte(body)) {
		return body
	}
	return `"` + body + `"`
}

// TestPolicies: what becomes of an order of which there is not enough, by the
// service and by the command (D15).
func TestPolicies(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 2})
	startWith(t, n.Config(t), &clock{}, inventory.Policy{Shortage: protocol.PolicyPartial})
	nc := n.Connect(t)
	order := func(saga, policy string, pieces int64) protocol.ReserveInventory {
		cmd := reserve(saga, protocol.Line{SKU: "a", Quantity: pieces})
		cmd.Policy = policy
		return cmd
	}
	expect(t, nc, protocol.SubjectReserve, order("s1", protocol.PolicyAllOrNothing, 3), protocol.SuffixFailed, inventory.ReasonOutOfStock)
	expect(t, nc, protocol.SubjectReserve, order("s2", "", 3), protocol.SuffixOK,
		`"reservations":[{"sku":"a","reservation_id":"r-s2-1-1","quantity":2}],"reservation_id":"r-s2-1","unavailable":["a"]`)
	expectLevel(t, nc, "a", 2, 2)
	expect(t, nc, protocol.SubjectReserve, order("s3", "", 1), protocol.SuffixFailed, inventory.ReasonOutOfStock)
	wrong := order("s4", "whatever", 1)
	if got := ask(t, nc, protocol.SubjectReserve, wrong); !strings.Contains(got, `"field":"policy"`) {
		t.Errorf("got %s", got)
	}
}

// TestBackorder: who waits for goods has them before others as soon as they come,
// first come first served, and is not committed before (D15).
func TestBackorder(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 1})
	start(t, n.Config(t))
	nc := n.Connect(t)
	for _, saga := range []string{"first", "second"} {
		cmd := reserve(saga, protocol.Line{SKU: "a", Quantity: 3})
		cmd.Policy = protocol.PolicyBackorder
		expect(t, nc, protocol.SubjectReserve, cmd, protocol.SuffixOK, `"backordered":`)
	}
	if l := level(t, nc, "a"); l.Reserved != 1 || l.Backordered != 5 || l.Available != -5 {
		t.Errorf("got %+v", l)
	}
	m, err := nc.Request(protocol.SubjectCommit, encoded(t, commit("first", "a")), patience)
	must(t, err)
	if !strings.Contains(string(m.Data), `"retryable":true`) {
		t.Errorf("committed before it came: %s", m.Data)
	}
	restock := func(id string, pieces int64) {
		t.Helper()
		d := inventory.Delivery{DeliveryID: id, Items: []protocol.Line{{SKU: "a", Quantity: pieces}}}
		if got := ask(t, nc, protocol.SubjectRestock, d); !strings.Contains(got, "restocked") {
			t.Fatalf("got %s", got)
		}
	}
	restock("d1", 3)
	expect(t, nc, protocol.SubjectReserve, reserve("late", protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixFailed, inventory.ReasonOutOfStock)
	expect(t, nc, protocol.SubjectCommit, commit("first", "a"), protocol.SuffixOK, "")
	eventually(t, nc, "a", func(l inventory.StockLevel) bool { return l.OnHand == 1 && l.Reserved == 1 && l.Backordered == 2 })
	restock("d2", 5)
	expect(t, nc, protocol.SubjectCommit, commit("second", "a"), protocol.SuffixOK, "")
	expectLevel(t, nc, "a", 3, 0)
}

func encoded(t testing.TB, message any) []byte {
	t.Helper()
	body, err := json.Marshal(message)
	must(t, err)
	return body
}

// TestEverythingAddsUp: orders of two lines, commits, releases and deliveries run
// against two replicas, in batches and without. In the end the stored rows tell
// where every piece is: on hand is what was counted and came, less what was
// committed, and reserved is what active reservations hold (I1).
func TestEverythingAddsUp(t *testing.T) {
	for _, groupFrom := range []int{0, 2} {
		t.Run(fmt.Sprintf("batches from %d", groupFrom), func(t *testing.T) {
			n := workertest.Server(t)
			load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 100}, inventory.Stock{SKU: "b", OnHand: 60})
			start(t, n.ConfigGrouped(t, groupFrom))
			start(t, n.ConfigGrouped(t, groupFrom))
			nc := n.Connect(t)
			var all sync.WaitGroup
			for i := range 120 {
				all.Go(func() {
					saga := fmt.Sprintf("s%d", i)
					lines := []protocol.Line{{SKU: "a", Quantity: 1}, {SKU: "b", Quantity: 1}}
					if !strings.Contains(ask(t, nc, protocol.SubjectReserve, reserve(saga, lines...)), "_ok") {
						return
					}
					switch i % 4 {
					case 0:
						ask(t, nc, protocol.SubjectRelease, release(saga))
					case 1:
						expect(t, nc, protocol.SubjectCommit, commit(saga, "a", "b"), protocol.SuffixOK, "")
					case 2:
						expect(t, nc, protocol.SubjectCommit, commit(saga, "a", "b"), protocol.SuffixOK, "")
						ask(t, nc, protocol.SubjectRelease, release(saga))
					}
					if i%10 == 0 {
						ask(t, nc, protocol.SubjectRestock, inventory.Delivery{DeliveryID: saga, Items: lines})
					}
				})
			}
			all.Wait()
			books := readBooks(t, n)
			for _, sku := range []string{"a", "b"} {
				books.check(t, sku, level(t, nc, sku))
			}
		})
	}
}

// books are the values of the bucket, read without the service.
type books struct {
	stock      map[string]inventory.Stock
	deliveries []inventory.ArrivalLine
	rows       []inventory.Reservation
}

func readBooks(t *testing.T, n *workertest.NATS) *books {
	t.Helper()
	js, err := jetstream.New(n.Connect(t))
	must(t, err)
	kv, err := js.KeyValue(soon(t), protocol.BucketInventory)
	must(t, err)
	b := &books{stock: make(map[string]inventory.Stock)}
	watch, err := kv.WatchAll(soon(t), jetstream.IgnoreDeletes())
	must(t, err)
	defer func() { must(t, watch.Stop()) }()
	for entry := range watch.Updates() {
		if entry == nil {
			return b
		}
		kind, _, _ := strings.Cut(entry.Key(), ".")
		switch kind {
		case "stock":
			var row inventory.Stock
			must(t, json.Unmarshal(entry.Value(), &row))
			b.stock[row.SKU] = row
		case "restock":
			var row struct{ Row inventory.Arrival }
			must(t, json.Unmarshal(entry.Value(), &row))
			b.deliveries = append(b.deliveries, row.Row.Lines...)
		case "reservation":
			var row struct{ Effect *inventory.Reservation }
			must(t, json.Unmarshal(entry.Value(), &row))
			if row.Effect != nil {
				b.rows = append(b.rows, *row.Effect)
			}
		}
	}
	return b
}

// check adds everything up that concerns one SKU.
func (b *books) check(t *testing.T, sku string, told inventory.StockLevel) {
	t.Helper()
	row := b.stock[sku]
	onHand, reserved := row.Counted, int64(0)
	for _, line := range b.deliveries {
		if line.SKU == sku && line.Since == row.Since {
			onHand += line.Quantity
		}
	}
	for _, r := range b.rows {
		for _, line := range r.Lines {
			switch {
			case line.SKU != sku:
			case r.Status == inventory.Active:
				reserved += line.Quantity
			case r.Status == inventory.Committed && line.Since == row.Since:
				onHand -= line.Quantity
			}
		}
	}
	if row.OnHand != onHand || told.OnHand != onHand || told.Reserved != reserved || row.Since == 0 {
		t.Errorf("%s: the rows add up to %d on hand and %d reserved; stored is %+v, told %+v", sku, onHand, reserved, row, told)
	}
}
