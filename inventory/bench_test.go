package inventory_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// BenchmarkFlashSale measures reservations of one line by 256 clients over a real
// server on TCP: of one hot SKU and of a thousand, with the disk synced every
// 100 ms and after every write, with one value after the other and in batches, by
// one replica and by two. Put TMPDIR on the disk that is meant.
func BenchmarkFlashSale(b *testing.B) {
	for _, durability := range []struct {
		name  string
		every time.Duration
	}{{"interval", 100 * time.Millisecond}, {"disk", 0}} {
		for _, writes := range []struct {
			name string
			from int
		}{{"singles", 0}, {"batches", 16}} {
			for _, replicas := range []int{1, 2} {
				for _, skus := range []int{1, 1000} {
					name := fmt.Sprintf("%s/%s/replicas=%d/skus=%d", durability.name, writes.name, replicas, skus)
					b.Run(name, func(b *testing.B) {
						benchmarkSale(b, workertest.SyncedServer(b, durability.every), writes.from, replicas, skus)
					})
				}
			}
		}
	}
}

const saleClients = 256

func benchmarkSale(b *testing.B, n *workertest.NATS, groupFrom, replicas, skus int) {
	stock := make([]inventory.Stock, skus)
	for i := range stock {
		stock[i] = inventory.Stock{SKU: fmt.Sprintf("sku%d", i), OnHand: 1e9}
	}
	load(b, n.Config(b), stock...)
	for range replicas {
		start(b, n.ConfigGrouped(b, groupFrom))
	}
	conns := make([]*nats.Conn, 8)
	for i := range conns {
		conns[i] = n.Connect(b)
	}
	var next atomic.Int64
	b.SetParallelism(saleClients / runtime.GOMAXPROCS(0))
	used := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		client := conns[next.Add(1)%int64(len(conns))]
		for pb.Next() {
			i := next.Add(1)
			body := fmt.Appendf(nil, `{"type":"ReserveInventory","saga_id":"s%d","step":1,"items":[{"sku":"sku%d","quantity":1}]}`, i, i%int64(skus))
			m, err := client.Request(protocol.SubjectReserve, body, patience)
			if err != nil || !strings.HasPrefix(string(m.Data), `{"type":"ReserveInventory_ok"`) {
				b.Errorf("%v: %s", err, answerOf(m))
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reservations/s")
	b.ReportMetric(float64((cpuTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
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

func answerOf(m *nats.Msg) string {
	if m == nil {
		return "no answer"
	}
	return string(m.Data)
}
