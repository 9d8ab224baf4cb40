package payment_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/payment"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"
)

// BenchmarkCharge measures charges, 64 at once, over a real server. The bank is an
// instant one: each costs one write.
func BenchmarkCharge(b *testing.B) { benchmarkCharge(b, participant) }

// BenchmarkChargeSubmitted is the same over a gateway that has to be called, and
// answers at once: each is begun first, and costs two writes.
func BenchmarkChargeSubmitted(b *testing.B) {
	p := participant
	p.New = func(cfg worker.Config) (*worker.Service, error) { return payment.New(cfg, generous{}) }
	benchmarkCharge(b, p)
}

func benchmarkCharge(b *testing.B, p workertest.Participant) {
	n := workertest.Server(b)
	workertest.Start(b, p, n.Config(b))
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

// generous is a gateway that approves of everything.
type generous struct{}

func (generous) Submit(context.Context, payment.Order) (payment.Receipt, error) {
	return payment.Receipt{State: payment.Approved, TransactionID: "txn_1"}, nil
}

func (generous) Find(context.Context, payment.Order) (payment.Receipt, error) {
	return payment.Receipt{}, nil
}
