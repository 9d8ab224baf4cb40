package payment_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker/workertest"
)

// BenchmarkCharge measures charges, 64 at once, over a real server.
func BenchmarkCharge(b *testing.B) {
	n := workertest.Server(b)
	workertest.Start(b, participant, n.Config(b))
	client := n.Connect(b)
	var next atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := fmt.Appendf(nil, `{"type":"ChargePayment","saga_id":"s%d","step":2,"user_id":"u42","amount":249.99}`, next.Add(1))
			m, err := client.Request(protocol.SubjectCharge, body, 30*time.Second)
			if err != nil || !strings.HasPrefix(string(m.Data), `{"type":"ChargePayment_ok"`) {
				b.Error(err, m)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
