package payment_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/payment"
	"amends/worker/workertest"
)

// BenchmarkCharge measures charges, 64 at once, over a real server.
func BenchmarkCharge(b *testing.B) {
	n := workertest.Server(b)
	s, err := payment.New(n.Config(b))
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
			body := fmt.Sprintf(`{"type":"ChargePayment","saga_id":"s%d","step":2,"user_id":"u42","amount":249.99}`, next.Add(1))
			m, err := client.Request("payment.charge", []byte(body), 5*time.Second)
			if err != nil || !strings.HasPrefix(string(m.Data), `{"type":"ChargePayment_ok"`) {
				b.Error(err, m)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
