package chaos_test

import (
"slices"
"cmp"
"encoding/json"
	"context"
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
	nc := s.connect()
	phases := storedPhases(t, nc)
	var faults []string
	for _, o := range orders {
		faults = append(faults, o.check(phases[o.id])...)
		tries += o.tries
		delete(phases, o.id)
	}
	for id, phase := range phases {
		if phase != protocol.StatusCompleted && phase != protocol.StatusAborted {
			faults = append(faults, "saga "+id+" was left in phase "+phase)
		}
	}
	for n, fault := range faults {
		if n == maxTold {
			t.Errorf("… and %d more", len(faults)-maxTold)
			break
		}
		t.Error(fault)
	}
	t.Logf("%d checkouts, %d requests; they ended %v after the load", len(orders), tries, time.Since(begin).Round(time.Millisecond))
	slices.SortFunc(orders, func(a, b *order) int { return cmp.Compare(b.took, a.took) })
	for _, o := range orders[:3] {
		m, err := nc.Request("$JS.API.STREAM.MSG.GET.KV_SAGAS", []byte(`{"last_by_subj":"$KV.SAGAS.`+o.id+`"}`), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Message struct{ Data []byte } }
		json.Unmarshal(m.Data, &r)
		t.Logf("SLOW %s %v tries %d %v refusals %v\n%s", o.id, o.took, o.tries, o.end, o.refusals, r.Message.Data)
	}
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

// storedPhases reads the phase of every saga from the headers of its record.
func storedPhases(t *testing.T, nc *nats.Conn) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	bucket := protocol.BucketSagas
	consumer, err := js.OrderedConsumer(ctx, protocol.BucketStream(bucket), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubjects(bucket)}, HeadersOnly: true,
	})
	if err != nil {
		t.Fatalf("reading the records: %v", err)
	}
	phases := make(map[string]string)
	for left := consumer.CachedInfo().NumPending; left > 0; {
		m, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatalf("reading the records: %v", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		left = meta.NumPending
		phases[m.Subject()[len(protocol.BucketSubject(bucket, "")):]] = m.Headers().Get(protocol.HeaderPhase)
	}
	return phases
}
