package inventory_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"amends/inventory"
	"amends/worker/workertest"
)

// BenchmarkReserve measures reservations of two lines, 64 at once, over a real
// server.
func BenchmarkReserve(b *testing.B) {
	n := workertest.Server(b)
	cfg := n.Config(b)
	if _, err := inventory.Load(context.Background(), cfg, []inventory.Stock{
		{SKU: "abc123", OnHand: 1e9}, {SKU: "xyz789", OnHand: 1e9},
	}); err != nil {
		b.Fatal(err)
	}
	s, err := inventory.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	defer s.Stop(context.Background())
	client := n.Connect(b)
	var next atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Sprintf(`{"type":"ReserveInventory","saga_id":"s%d","step":1,"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`, next.Add(1))
			m, err := client.Request("inventory.reserve", []byte(body), 5e9)
			if err != nil {
				b.Fatal(err)
			}
			if string(m.Data[:27]) != `{"type":"ReserveInventory_o` {
				b.Fatal(string(m.Data))
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
