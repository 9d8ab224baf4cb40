package inventory_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"
)

// BenchmarkReserve measures reservations of two lines, 64 at once, over a real
// server. Replicas share the work, but not for free: each has to see what the
// others wrote before it decides.
func BenchmarkReserve(b *testing.B) {
	for _, replicas := range []int{1, 2} {
		b.Run(fmt.Sprintf("replicas=%d", replicas), func(b *testing.B) { benchmarkReserve(b, replicas) })
	}
}

func benchmarkReserve(b *testing.B, replicas int) {
	n := workertest.Server(b)
	load(b, n.Config(b), inventory.Stock{SKU: "abc123", OnHand: 1e9}, inventory.Stock{SKU: "xyz789", OnHand: 1e9})
	for range replicas {
		start(b, n.Config(b))
	}
	client := n.Connect(b)
	var next atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Appendf(nil, `{"type":"ReserveInventory","saga_id":"s%d","step":1,`+
				`"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`, next.Add(1))
			m, err := client.Request(protocol.SubjectReserve, body, patience)
			if err != nil || !strings.HasPrefix(string(m.Data), `{"type":"ReserveInventory_ok"`) {
				b.Error(err, m)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
