package order

import (
	"encoding/json"
	"flag"
	"fmt"
	"testing"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

var orders = flag.Int("orders", 100_000, "orders that BenchmarkList looks through")

// BenchmarkCatchUp has a role that was away catch up on finished sagas, 8 events
// each, without and with a sync of every write:
//
//	go test ./order -run '^$' -bench CatchUp -benchtime 10000x
func BenchmarkCatchUp(b *testing.B) {
	for name, always := range map[string]bool{"interval": false, "disk": true} {
		b.Run(name, func(b *testing.B) {
			s := benchShop(b, always)
			s.finished(b.N)
			b.ResetTimer()
			s.service()
			s.eventually("all are told", func() bool { return s.hasHandled(protocol.ConsumerOrders, uint64(b.N)) })
			b.StopTimer()
			b.ReportMetric(8*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			s.countEvents(8 * b.N)
		})
	}
}

// BenchmarkOnceMore has all of it delivered once more: there is nothing to write.
func BenchmarkOnceMore(b *testing.B) {
	s := benchShop(b, false)
	s.finished(b.N)
	s.service()
	s.eventually("all are told", func() bool { return s.hasHandled(protocol.ConsumerOrders, uint64(b.N)) })
	b.ResetTimer()
	s.must(s.js.DeleteConsumer(b.Context(), protocol.BucketStream(protocol.BucketSagas), protocol.ConsumerOrders))
	s.eventually("all were looked at", func() bool { return s.hasHandled(protocol.ConsumerOrders, uint64(b.N)) })
	b.StopTimer()
	s.countEvents(8 * b.N)
}

// BenchmarkList asks for orders while there are a number of them:
//
//	go test ./order -run '^$' -bench List -benchtime 20x -orders 1000000
func BenchmarkList(b *testing.B) {
	s := benchShop(b, false)
	s.service()
	s.headers(*orders)
	for name, body := range map[string]string{
		"newest":      `{}`,
		"newest 1000": `{"limit":1000}`,
		"common":      `{"status":"CREATED"}`,
		"rare":        `{"status":"RARE"}`,
		"customer":    `{"user_id":"u77"}`,
		"nobody":      `{"user_id":"nobody"}`,
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if len(s.ids(body)) == 0 && name != "nobody" {
					b.Fatal("nothing is listed")
				}
			}
		})
	}
}

// benchShop is a shop on a server that syncs every write, or none.
func benchShop(b *testing.B, always bool) *shop {
	b.Helper()
	n, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: b.TempDir(), NoLog: true, NoSigs: true,
		SyncAlways: always, SyncInterval: 100 * time.Millisecond,
	})
	if err != nil {
		b.Fatal(err)
	}
	n.Start()
	if !n.ReadyForConnections(patience) {
		b.Fatal("the server does not come up")
	}
	b.Cleanup(func() { n.Shutdown(); n.WaitForShutdown() })
	return openShop(b, func() *nats.Conn {
		nc, err := nats.Connect(n.ClientURL(), nats.ReconnectBufSize(-1))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(nc.Close)
		return nc
	})
}

// finished writes the records of finished checkouts.
func (s *shop) finished(count int) {
	s.Helper()
	l := grown("checkout", "x", accepted(1, replies["ReserveInventory"]), accepted(2, replies["ChargePayment"]), accepted(3, replies["CreateShipment"]))
	places := make(chan struct{}, 1000)
	done := func(_ uint64, err error) {
		if err != nil {
			s.Error(err)
		}
		<-places
	}
	for n := range count {
		l.id = fmt.Sprintf("s%07d", n)
		l.events[0].Start.SagaID, l.events[0].Start.OrderID = l.id, "o"+l.id
		r := l.record()
		places <- struct{}{}
		s.sagas.Submit(&store.Write{Key: l.id, Value: r.Encode(), Header: r.Header(l.def, &l.state)}, done)
	}
	for range cap(places) {
		places <- struct{}{}
	}
}

// headers writes records of orders that are only listed: ten of each customer, one
// in ten thousand in a rare state.
func (s *shop) headers(count int) {
	s.Helper()
	l := grown("checkout", "x")
	r := l.record()
	places := make(chan struct{}, 1000)
	customers, err := store.Open(s.Context(), s.writer, store.Config{Name: protocol.BucketOrders})
	s.must(err)
	done := func(_ uint64, err error) {
		if err != nil {
			s.Error(err)
		}
		<-places
	}
	for n := range count {
		id, user := fmt.Sprintf("s%07d", n), fmt.Sprintf("u%d", n%(count/10))
		h := r.Header(l.def, &l.state)
		h.Set(protocol.HeaderStarted, fmt.Sprint(1_700_000_000_000_000+n))
		h.Set(protocol.HeaderOrder, "o"+id)
		h.Set(protocol.HeaderUser, user)
		if n%10_000 == 7 {
			h.Set(protocol.HeaderStatus, "RARE")
		}
		places <- struct{}{}
		s.sagas.Submit(&store.Write{Key: id, Header: h}, done)
		row, err := json.Marshal(entry{OrderID: "o" + id, PlacedAt: l.events[0].At})
		s.must(err)
		places <- struct{}{}
		customers.Submit(&store.Write{Key: user + "." + id, Value: row}, done)
	}
	for range cap(places) {
		places <- struct{}{}
	}
}

// countEvents holds the number of events in the stream.
func (s *shop) countEvents(want int) {
	s.Helper()
	stream, err := s.js.Stream(s.Context(), protocol.StreamOrders)
	s.must(err)
	if got := stream.CachedInfo().State.Msgs; got != uint64(want) {
		s.Errorf("the stream has %d events, want %d", got, want)
	}
}
