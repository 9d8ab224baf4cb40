package shipping_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"amends/protocol"
	"amends/shipping"
	"amends/worker/workertest"
)

// BenchmarkCreate measures labels, 64 at once, over a real server: an entry in the
// register and a record for each.
func BenchmarkCreate(b *testing.B) {
	n := workertest.Server(b)
	start(b, n.Config(b), shipping.Options{})
	client := n.Connect(b)
	var next atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Appendf(nil, `{"type":"CreateShipment","saga_id":"s%d","step":3,`+
				`"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],"address":"123 Main St"}`, next.Add(1))
			m, err := client.Request(protocol.SubjectCreateShipment, body, patience)
			if err != nil || !strings.HasPrefix(string(m.Data), `{"type":"CreateShipment_ok"`) {
				b.Error(err, m)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
