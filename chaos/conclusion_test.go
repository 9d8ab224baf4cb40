package chaos_test

import (
	"context"
	"slices"
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
	orders, heads := l.orders(), lastHeads(t, s.connect(), l.orders())
	var faults []string
	var requests int
	var slowest time.Duration
	for _, o := range orders {
		faults = append(faults, o.check(heads[o.id].phase)...)
		tries, took := o.effort()
		requests, slowest = requests+tries, max(slowest, took)
	}
	for n, fault := range faults {
		if n == maxTold {
			t.Errorf("… and %d more", len(faults)-maxTold)
			break
		}
		t.Error(fault)
	}
	t.Logf("%d checkouts, %d requests; the slowest took %v; all had ended %v after the load",
		len(orders), requests, slowest.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	nc := s.connect()
	eventually(t, "the inbox is empty, as all its sagas have ended", lastWait, func() bool {
		return queued(t, nc) == 0
	})
	audit(t, s)
}

// queued is how many messages the inbox holds.
func queued(t *testing.T, nc *nats.Conn) uint64 {
	t.Helper()
	return streamState(t, nc, protocol.StreamInbox).Msgs
}

// audit has the program prove that nothing was charged twice, oversold, lost or
// forgotten. What a service of the test has done stands in none of our buckets: it
// is named as being elsewhere.
func audit(t *testing.T, s *site, elsewhere ...string) {
	t.Helper()
	args := []string{"audit", "--nats", s.url}
	for _, service := range elsewhere {
		args = append(args, "--elsewhere", service)
	}
	printed, code := output(t, args...)
	if code != 0 || !strings.Contains(printed, "OK: nothing charged twice") {
		t.Errorf("the audit exits with %d:\n%s", code, printed)
	}
}

// lastHeads waits until every order has ended, or it is too late, and returns
// what is stored then.
func lastHeads(t *testing.T, nc *nats.Conn, orders []*order) map[string]head {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lastWait)
	defer cancel()
	for {
		heads := readHeads(t, nc)
		open := slices.ContainsFunc(orders, func(o *order) bool { return !isEnd(heads[o.id].phase) })
		if !open || ctx.Err() != nil {
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
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer := openRecords(ctx, t, js)
	// A server allows 1,000 consumers: a test that looks every few milliseconds has
	// made as many before they end by themselves.
	defer func() { _ = js.DeleteConsumer(ctx, recordsStream, consumer.CachedInfo().Name) }()
	left := consumer.CachedInfo().NumPending
	records, err := consumer.Messages()
	if err != nil {
		t.Fatalf("opening the records: %v", err)
	}
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

var recordsStream = protocol.BucketStream(protocol.BucketSagas)

// openRecords opens the headers of all records.
func openRecords(ctx context.Context, t *testing.T, js jetstream.JetStream) jetstream.Consumer {
	t.Helper()
	consumer, err := js.OrderedConsumer(ctx, recordsStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubjects(protocol.BucketSagas)}, HeadersOnly: true,
	})
	if err != nil {
		t.Fatalf("opening the records: %v", err)
	}
	return consumer
}
