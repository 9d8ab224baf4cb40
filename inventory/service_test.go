package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/store"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// patience is how long a test waits for something that must happen, on a
	// machine that is busy with other things.
	patience = 2 * time.Minute
	// tryTimeout is how long the first attempt of a command waits for its answer.
	tryTimeout = 500 * time.Millisecond
)

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, cfg worker.Config, stock ...inventory.Stock) {
	t.Helper()
	_, err := inventory.Load(soon(t), cfg, stock)
	must(t, err)
}

func start(t testing.TB, cfg worker.Config) {
	t.Helper()
	workertest.Start(t, participant, cfg)
}

func reserve(saga string, items ...protocol.Line) protocol.ReserveInventory {
	return protocol.ReserveInventory{
		Command: protocol.Command{Type: protocol.TypeReserveInventory, SagaID: saga, Step: 1}, Items: items,
	}
}

func release(saga string) protocol.ReleaseReservation {
	return protocol.ReleaseReservation{
		Command: protocol.Command{Type: protocol.TypeReleaseReservation, SagaID: saga, Step: 1, Compensating: true},
	}
}

// ask sends a message until it has an answer that does not ask to try again. Each
// attempt waits longer than the one before: a busy machine is not made busier.
func ask(t testing.TB, nc *nats.Conn, subject string, message any) string {
	t.Helper()
	body, err := json.Marshal(message)
	must(t, err)
	wait := tryTimeout
	for until := time.Now().Add(patience); time.Now().Before(until); wait *= 2 {
		m, err := nc.Request(subject, body, wait)
		if err == nil && !asksAgain(m.Data) {
			return string(m.Data)
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Errorf("no answer to %s", body)
	return ""
}

func level(t testing.TB, nc *nats.Conn, sku string) inventory.StockLevel {
	t.Helper()
	var l inventory.StockLevel
	must(t, json.Unmarshal([]byte(ask(t, nc, protocol.SubjectStock, protocol.StockQuery{SKU: sku})), &l))
	return l
}

var participant = workertest.Participant{
	New: inventory.New, Bucket: protocol.BucketInventory,
	Action: protocol.SubjectReserve, Compensation: protocol.SubjectRelease, Query: protocol.SubjectReserveQuery,
	Prepare: func(t testing.TB, cfg worker.Config) {
		load(t, cfg, inventory.Stock{SKU: "abc123", OnHand: 1000}, inventory.Stock{SKU: "xyz789", OnHand: 1})
	},
	Accept:  func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "abc123", Quantity: 2}) },
	Differ:  func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "abc123", Quantity: 3}) },
	Decline: func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "new", Quantity: 1}) },
	Relent: func(t testing.TB, cfg worker.Config) {
		load(t, cfg, inventory.Stock{SKU: "new", OnHand: 10})
	},
	Undo: func(saga string) worker.Command { return release(saga) },
	Wrong: []workertest.Wrong{
		wrongItems("no items", protocol.CodeMissingField, "items"),
		wrongItems("quantity is 0", protocol.CodeInvalidField, "items[0].quantity", line("abc123", 0)),
		wrongItems("quantity is negative", protocol.CodeInvalidField, "items[0].quantity", line("abc123", -1)),
		wrongItems("quantity is a fraction", protocol.CodeInvalidField, "items[0].quantity", line("abc123", 1.5)),
		wrongItems("quantity is too great", protocol.CodeInvalidField, "items[0].quantity", line("abc123", protocol.MaxQuantity+1)),
		wrongItems("sku is a pattern", protocol.CodeInvalidID, "items[0].sku", line(">", 1)),
		wrongItems("sku is another key", protocol.CodeInvalidID, "items[0].sku", line("a.b", 1)),
		wrongItems("one sku twice", protocol.CodeInvalidField, "items[1].sku", line("abc123", 1), line("abc123", 1)),
	},
}

func line(sku string, quantity any) map[string]any {
	return map[string]any{"sku": sku, "quantity": quantity}
}

func wrongItems(name string, code protocol.Code, field string, items ...map[string]any) workertest.Wrong {
	return workertest.Wrong{
		Name: name, Code: code, Field: field,
		Change: func(command map[string]any) { command["items"] = items },
	}
}

func TestExercise(t *testing.T) { workertest.Exercise(t, participant) }

// TestExerciseInBatches: a server that likes batches makes no difference.
func TestExerciseInBatches(t *testing.T) {
	p := participant
	p.New = func(cfg worker.Config) (*worker.Service, error) {
		w, err := store.NewWriter(cfg.Conn, 2)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = w.Close() })
		cfg.Writer = w
		return inventory.New(cfg)
	}
	workertest.Exercise(t, p)
}

// TestDocument000 holds the answers to the letter of S0-08, S0-15, S0-16 and A9.
func TestDocument000(t *testing.T) {
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectReserve,
			Say:     `{"type":"ReserveInventory","saga_id":"checkout42","step":1,"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`,
			Hear: `{"type":"ReserveInventory_ok","saga_id":"checkout42","step":1,"reservations":[` +
				`{"sku":"abc123","reservation_id":"r-checkout42-1-1"},{"sku":"xyz789","reservation_id":"r-checkout42-1-2"}],` +
				`"reservation_id":"r-checkout42-1"}`, // X11: one id for all of them, too
		},
		workertest.Exchange{
			Subject: protocol.SubjectReserve,
			Say:     `{"type":"ReserveInventory","saga_id":"checkout43","step":1,"items":[{"sku":"abc123","quantity":3},{"sku":"xyz789","quantity":1},{"sku":"none","quantity":1}]}`,
			Hear:    `{"type":"ReserveInventory_failed","saga_id":"checkout43","step":1,"error":"out_of_stock","unavailable":["xyz789","none"]}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"abc123"}`,
			Hear: `{"type":"stock","sku":"abc123","on_hand":1000,"reserved":2,"available":998}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectRelease,
			Say: `{"type":"ReleaseReservation","saga_id":"checkout42","step":1,"compensating":true,"reservations":[` +
				`{"sku":"abc123","reservation_id":"r-checkout42-1-1"},{"sku":"xyz789","reservation_id":"r-checkout42-1-2"}]}`,
			Hear: `{"type":"ReleaseReservation_ok","saga_id":"checkout42","step":1}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"abc123"}`,
			Hear: `{"type":"stock","sku":"abc123","on_hand":1000,"reserved":0,"available":1000}`,
		},
		workertest.Exchange{ // A3: the other name of the same compensation
			Subject: protocol.SubjectRelease,
			Say:     `{"type":"ReleaseInventory","saga_id":"checkout44","step":1,"compensating":true}`,
			Hear:    `{"type":"ReleaseInventory_ok","saga_id":"checkout44","step":1}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"none"}`,
			Hear: `{"type":"error","code":"not_found","message":"is not in stock here","field":"sku"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"skus":["xyz789","none"]}`,
			Hear: `{"type":"stock_list","stock":[{"type":"stock","sku":"xyz789","on_hand":1,"reserved":0,"available":1}],"total":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"limit":1}`,
			Hear: `{"type":"stock_list","stock":[{"type":"stock","sku":"abc123","on_hand":1000,"reserved":0,"available":1000}],"total":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"after":"abc123"}`,
			Hear: `{"type":"stock_list","stock":[{"type":"stock","sku":"xyz789","on_hand":1,"reserved":0,"available":1}],"total":2}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectStock, Say: `{"sku":"a","skus":["b"]}`,
			Hear: `{"type":"error","code":"invalid_field","message":"cannot be asked for beside sku","field":"skus"}`,
		},
	)
}

func TestLoadNeverOverwrites(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	load(t, cfg, inventory.Stock{SKU: "a", OnHand: 1})
	loaded, err := inventory.Load(soon(t), cfg, []inventory.Stock{{SKU: "a", OnHand: 99}, {SKU: "b", Name: "Bee", OnHand: 2}})
	must(t, err)
	if loaded != 1 {
		t.Errorf("loaded %d rows, want 1", loaded)
	}
	start(t, cfg)
	if l := level(t, cfg.Conn, "a"); l.OnHand != 1 {
		t.Errorf("got %+v", l)
	}
	for _, wrong := range []inventory.Stock{{SKU: "a.b", OnHand: 1}, {SKU: "", OnHand: 1}, {SKU: "c", OnHand: -1}} {
		if _, err := inventory.Load(soon(t), cfg, []inventory.Stock{wrong}); err == nil {
			t.Errorf("loaded %+v", wrong)
		}
	}
}

// TestOperatorChangesStock: stock is edited with the stock CLI, while the service
// runs; a row that makes no sense counts as no stock.
func TestOperatorChangesStock(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "abc123", OnHand: 1})
	start(t, n.Config(t))
	nc := n.Connect(t)
	js, err := jetstream.New(nc)
	must(t, err)
	kv, err := js.KeyValue(soon(t), protocol.BucketInventory)
	must(t, err)
	for i, step := range []struct {
		row  string
		want int64
	}{{`{"sku":"abc123","on_hand":3}`, 3}, {`nonsense`, 0}, {`{"sku":"other","on_hand":9}`, 0}, {`{"sku":"abc123","on_hand":4}`, 4}} {
		_, err := kv.PutString(soon(t), "stock.abc123", step.row)
		must(t, err)
		saga := fmt.Sprintf("s-%d", i)
		want := protocol.TypeReserveInventory + protocol.SuffixOK
		if step.want == 0 {
			want = protocol.TypeReserveInventory + protocol.SuffixFailed
		}
		// A reservation is never decided on stale knowledge, however fresh the edit is.
		if got := ask(t, nc, protocol.SubjectReserve, reserve(saga, protocol.Line{SKU: "abc123", Quantity: max(step.want, 1)})); !strings.Contains(got, want) {
			t.Errorf("with %s: got %s", step.row, got)
		}
		ask(t, nc, protocol.SubjectRelease, release(saga))
	}
	must(t, kv.Delete(soon(t), "stock.abc123"))
	if got := ask(t, nc, protocol.SubjectReserve, reserve("last", protocol.Line{SKU: "abc123", Quantity: 1})); !strings.Contains(got, inventory.ReasonOutOfStock) {
		t.Errorf("after the stock was deleted: got %s", got)
	}
}

// put writes a value as an operator does with the stock CLI.
func put(t testing.TB, nc *nats.Conn, key, value string) {
	t.Helper()
	js, err := jetstream.New(nc)
	must(t, err)
	kv, err := js.KeyValue(soon(t), protocol.BucketInventory)
	must(t, err)
	_, err = kv.PutString(soon(t), key, value)
	must(t, err)
}

// eventually waits until the stock of an SKU is as it should be.
func eventually(t testing.TB, nc *nats.Conn, sku string, is func(inventory.StockLevel) bool) {
	t.Helper()
	l := level(t, nc, sku)
	for until := time.Now().Add(patience); !is(l); l = level(t, nc, sku) {
		if time.Now().After(until) {
			t.Fatalf("waited %s in vain; got %+v", patience, l)
		}
		<-time.After(5 * time.Millisecond)
	}
}
