package inventory_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// BenchmarkFlashSale holds two sales of b.N reservations of one piece each, by 256
// clients over a real server on TCP: one of a hot SKU, and one of a thousand. In
// both there are a few pieces less than clients want. It tells both rates, one in
// per cent of the other, and what was oversold: with the disk synced every 100 ms
// and after every write, by one replica and by two. Put TMPDIR on the disk that is
// meant; docs/adr/0014 has figures.
func BenchmarkFlashSale(b *testing.B) {
	for _, durability := range []struct {
		name      string
		every     time.Duration
		groupFrom int // where every write is synced, a batch is synced once
	}{{"interval", 100 * time.Millisecond, 0}, {"disk", 0, 16}} {
		for _, replicas := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/replicas=%d", durability.name, replicas), func(b *testing.B) {
				m := &market{n: workertest.SyncedServer(b, durability.every), subject: protocol.SubjectReserve}
				load(b, m.n.Config(b))
				for range replicas {
					start(b, m.n.ConfigGrouped(b, durability.groupFrom))
				}
				m.deliver = func(b *testing.B, stock []inventory.Stock) {
					_, err := inventory.Load(soon(b), m.n.Config(b), stock)
					must(b, err)
				}
				m.bench(b)
			})
		}
	}
}

const (
	saleClients = 256
	saleConns   = 8 // they share
)

// market is where sales are held: a server, and whoever answers there.
type market struct {
	n       *workertest.NATS
	subject string // on which reservations are asked for
	deliver func(b *testing.B, stock []inventory.Stock)
}

// bench holds a sale of one SKU and one of a thousand.
func (m *market) bench(b *testing.B) {
	b.ReportMetric(0, "ns/op") // it is that of two reservations
	hot, tooMany := m.sale(b, "hot", 1)
	used := cpuTime(b)
	spread, more := m.sale(b, "spread", 1000)
	b.ReportMetric(hot, "hot/s")
	b.ReportMetric(spread, "spread/s")
	b.ReportMetric(100*hot/spread, "hot/spread-%")
	b.ReportMetric(float64(tooMany+more), "oversold")
	b.ReportMetric(float64((cpuTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/spread")
}

// sale holds one sale of b.N pieces, and returns how many reservations were
// answered in a second, and how many pieces were sold that were not there.
func (m *market) sale(b *testing.B, name string, skus int) (perSecond float64, oversold int64) {
	b.Helper()
	each := max(int64(b.N/skus)*19/20, 1)
	stock := make([]inventory.Stock, skus)
	for i := range stock {
		stock[i] = inventory.Stock{SKU: fmt.Sprintf("%s%d-%d", name, b.N, i), OnHand: each}
	}
	m.deliver(b, stock)
	conns := make([]*nats.Conn, saleConns)
	for i := range conns {
		conns[i] = m.n.Connect(b)
	}
	var next, sold atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for c := range saleClients {
		all.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				saga, sku := fmt.Sprintf("%s%d-%d", name, b.N, i), stock[i%int64(skus)].SKU
				answer := m.reserve(b, conns[c%saleConns], saga, sku)
				switch {
				case strings.Contains(answer, protocol.SuffixOK):
					sold.Add(1)
				case !strings.Contains(answer, inventory.ReasonOutOfStock):
					b.Errorf("answered %s", answer)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(b.N) / time.Since(begin).Seconds(), max(sold.Load()-each*int64(skus), 0)
}

func (m *market) reserve(b *testing.B, nc *nats.Conn, saga, sku string) string {
	b.Helper()
	body := fmt.Appendf(nil, `{"type":"ReserveInventory","saga_id":%q,"step":1,"items":[{"sku":%q,"quantity":1}]}`, saga, sku)
	answer, err := nc.Request(m.subject, body, patience)
	if err != nil {
		b.Error(err)
		return ""
	}
	return string(answer.Data)
}

// cpuTime is the processor time that this process has used: server, service and
// clients. Unlike the rate, it hardly depends on what else the machine does.
func cpuTime(b testing.TB) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
