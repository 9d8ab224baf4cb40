package chaos_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxTold bounds how many faults of one test are told.
const maxTold = 10

// conclude ends the load and holds what its clients were told against what is
// stored: every order has come to an end, the end that its client was told, and
// the audit finds nothing.
func conclude(t *testing.T, s *site, l *load) {
	t.Helper()
	begin := time.Now()
	l.end()
	orders, tries := l.orders(), 0
	heads := lastHeads(t, s.connect())
	slowest := &order{}
	var faults []string
	for _, o := range orders {
		faults = append(faults, o.check(heads[o.id].phase)...)
		tries += o.tries
		if o.took > slowest.took {
			slowest = o
		}
	}
	for n, fault := range faults {
		if n == maxTold {
			t.Errorf("… and %d more", len(faults)-maxTold)
			break
		}
		t.Error(fault)
	}
	t.Logf("%d checkouts, %d requests; the slowest, %s, took %v; all ended %v after the load",
		len(orders), tries, slowest.id, slowest.took.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	audit(t, s)
}

// audit has the program prove that nothing was charged twice, oversold, lost or
// forgotten.
func audit(t *testing.T, s *site) {
	t.Helper()
	printed, code := output(t, "audit", "--nats", s.url)
	if code != 0 {
		t.Errorf("the audit exits with %d:\n%s", code, printed)
	}
}

// lastHeads waits until every saga has ended, or it is too late, and returns what
// is stored then.
func lastHeads(t *testing.T, nc *nats.Conn) map[string]head {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	for {
		open, heads := 0, readHeads(t, nc)
		for _, h := range heads {
			if !isEnd(h.phase) {
				open++
			}
		}
		if open == 0 || ctx.Err() != nil {
			return heads
		}
		wait(ctx, relief)
	}
}

// head is what the headers of a record say.
type head struct{ phase, owner string }

// readHeads reads the headers of all records, by saga.
func readHeads(t *testing.T, nc *nats.Conn) map[string]head {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	heads := make(map[string]head)
	prefix := protocol.BucketSubject(protocol.BucketSagas, "")
	records, left := openRecords(ctx, t, nc)
	defer records.Stop()
	for left > 0 {
		m, err := records.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatalf("reading the records: %v", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		left = meta.NumPending
		h := m.Headers()
		heads[strings.TrimPrefix(m.Subject(), prefix)] = head{h.Get(protocol.HeaderPhase), h.Get(protocol.HeaderOwner)}
	}
	return heads
}

// openRecords opens the headers of all records, and tells how many there are.
func openRecords(ctx context.Context, t *testing.T, nc *nats.Conn) (jetstream.MessagesContext, uint64) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(ctx, protocol.BucketStream(protocol.BucketSagas), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubjects(protocol.BucketSagas)}, HeadersOnly: true,
	})
	if err != nil {
		t.Fatalf("opening the records: %v", err)
	}
	left := consumer.CachedInfo().NumPending
	records, err := consumer.Messages()
	if err != nil {
		t.Fatalf("opening the records: %v", err)
	}
	return records, left
}
