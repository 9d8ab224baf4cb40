package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
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

func load(t testing.TB, cfg worker.Config, stock ...inventory.Stock) {
	t.Helper()
	if _, err := inventory.Load(context.Background(), cfg, stock); err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, cfg worker.Config) *worker.Service {
	t.Helper()
	s, err := inventory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t testing.TB, s *worker.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestExercise(t *testing.T) {
	workertest.Exercise(t, workertest.Participant{
		New: inventory.New, Bucket: protocol.BucketInventory,
		Action: protocol.SubjectReserve, Compensation: protocol.SubjectRelease,
		Prepare: func(t testing.TB, cfg worker.Config) {
			load(t, cfg, inventory.Stock{SKU: "abc123", OnHand: 1000})
		},
		Accept:  func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "abc123", Quantity: 2}) },
		Differ:  func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "abc123", Quantity: 3}) },
		Decline: func(saga string) worker.Command { return reserve(saga, protocol.Line{SKU: "new", Quantity: 1}) },
		Relent: func(t testing.TB, cfg worker.Config) {
			load(t, cfg, inventory.Stock{SKU: "new", OnHand: 10})
		},
		Undo: func(saga string) worker.Command { return release(saga) },
	})
}

func level(t testing.TB, nc *nats.Conn, sku string) inventory.StockLevel {
	t.Helper()
	m, err := nc.Request(protocol.SubjectStock, fmt.Appendf(nil, `{"sku":%q}`, sku), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var l inventory.StockLevel
	if err := json.Unmarshal(m.Data, &l); err != nil || l.Type != "stock" {
		t.Fatalf("got %s: %v", m.Data, err)
	}
	return l
}

// TestHotSKU lets two replicas fight for one SKU: a hundred clients at once, of
// whom not one may get what another has.
func TestHotSKU(t *testing.T) {
	n := workertest.Server(t)
	load(t, n.Config(t), inventory.Stock{SKU: "hot", OnHand: 300})
	start(t, n.Config(t))
	start(t, n.Config(t))
	client := n.Connect(t)
	var accepted, declined atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for g := range 100 {
		all.Go(func() {
			for i := range 10 {
				body, _ := json.Marshal(reserve(fmt.Sprintf("s-%d-%d", g, i), protocol.Line{SKU: "hot", Quantity: 1}))
				m, err := client.Request(protocol.SubjectReserve, body, 10*time.Second)
				if err != nil {
					t.Error(err)
					return
				}
				var r protocol.Reply
				_ = json.Unmarshal(m.Data, &r)
				switch r.Type {
				case "ReserveInventory_ok":
					accepted.Add(1)
				case "ReserveInventory_failed":
					declined.Add(1)
				default:
					t.Errorf("%s", m.Data)
				}
			}
		})
	}
	all.Wait()
	t.Log(time.Since(begin))
	if accepted.Load() != 300 || declined.Load() != 700 {
		t.Errorf("accepted %d, declined %d", accepted.Load(), declined.Load())
	}
	if l := level(t, client, "hot"); l.Reserved != 300 || l.Available != 0 {
		t.Errorf("%+v", l)
	}
}
