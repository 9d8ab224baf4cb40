package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// patience is how long a test waits for something that must happen.
const patience = 60 * time.Second

// shop is a NATS server with the records of sagas, written as an orchestrator
// writes them.
type shop struct {
	testing.TB
	server  *workertest.NATS
	connect func() *nats.Conn
	nc      *nats.Conn
	js      jetstream.JetStream
	writer  *store.Writer
	sagas   *store.Bucket
	lives   []*life
}

func newShop(t testing.TB) *shop {
	t.Helper()
	server := workertest.Server(t)
	s := openShop(t, func() *nats.Conn { return server.Connect(t) })
	s.server = server
	return s
}

// openShop is a shop on a server that is there.
func openShop(t testing.TB, connect func() *nats.Conn) *shop {
	t.Helper()
	s := &shop{TB: t, connect: connect, nc: connect()}
	var err error
	s.js, err = jetstream.New(s.nc)
	s.must(err)
	s.writer, err = store.NewWriter(s.nc, 0)
	s.must(err)
	t.Cleanup(func() { _ = s.writer.Close() })
	s.sagas, err = store.Open(t.Context(), s.writer, store.Config{Name: protocol.BucketSagas})
	s.must(err)
	for _, def := range shapes() {
		s.define(def)
	}
	return s
}

// define stores a definition.
func (s *shop) define(def *saga.Definition) {
	s.Helper()
	definitions, err := store.Open(s.Context(), s.writer, store.Config{Name: protocol.BucketDefinitions})
	s.must(err)
	text, err := json.Marshal(def)
	s.must(err)
	s.put(definitions, store.Write{Key: protocol.DefinitionKey(def.Name, def.Hash()), Value: text})
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shop) put(b *store.Bucket, w store.Write) uint64 {
	s.Helper()
	revision, err := b.Put(s.Context(), w)
	s.must(err)
	return revision
}

// record is the record of a life as it is now.
func (l *life) record() *journal.Record {
	r := journal.Record{SagaID: l.id, Definition: l.def.Name, Phase: l.state.Phase, Owner: "test", Epoch: 1}
	for n := range l.events {
		raw, tip, err := saga.Seal(n+1, r.Tip, &l.events[n])
		if err != nil {
			panic(err) // a slip in the test
		}
		r.Events, r.Tip, r.Persisted = append(r.Events, raw), tip, append(r.Persisted, l.events[n].At+1)
	}
	return &r
}

// write stores the record of a life as it is now, until that is certain.
func (s *shop) write(l *life) {
	s.Helper()
	if !slices.Contains(s.lives, l) {
		s.lives = append(s.lives, l)
	}
	r := l.record()
	s.eventually("a record is stored", func() bool {
		_, err := s.sagas.Put(s.Context(), store.Write{Key: l.id, Value: r.Encode(), Any: true, Header: r.Header(l.def, &l.state)})
		if !errors.Is(err, store.ErrUnknown) && !errors.Is(err, store.ErrUnavailable) {
			s.must(err)
		}
		return err == nil
	})
}

// service starts the role on a connection of its own.
func (s *shop) service(change ...func(*Service)) *Service {
	s.Helper()
	svc := s.build(s.connect(), change...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(svc.Start(ctx))
	s.Cleanup(func() { s.stop(svc) })
	return svc
}

func (s *shop) build(nc *nats.Conn, change ...func(*Service)) *Service {
	s.Helper()
	w, err := store.NewWriter(nc, 0)
	s.must(err)
	s.Cleanup(func() { _ = w.Close() })
	svc, err := New(Config{Conn: nc, Writer: w, Log: zerolog.Nop()})
	s.must(err)
	svc.pace.gather, svc.pace.young = time.Millisecond, time.Millisecond
	svc.pace.ackWait, svc.pace.later = 300*time.Millisecond, 50*time.Millisecond
	for _, c := range change {
		c(svc)
	}
	return svc
}

func (s *shop) stop(svc *Service) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := svc.Stop(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		s.Error(err)
	}
}

// eventually waits until a condition holds.
func (s *shop) eventually(what string, holds func() bool) {
	s.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late.C:
			s.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// caughtUp waits until every record was handled by a consumer.
func (s *shop) caughtUp(durable string) {
	s.Helper()
	s.eventually("all records are handled", func() bool { return s.hasHandled(durable, 1) })
}

// hasHandled reports whether a consumer has had at least so many records handled,
// and nothing is left.
func (s *shop) hasHandled(durable string, records uint64) bool {
	stream, err := s.js.Stream(s.Context(), protocol.BucketStream(protocol.BucketSagas))
	if err != nil {
		return false
	}
	c, err := stream.Consumer(s.Context(), durable)
	if err != nil {
		return false
	}
	info := c.CachedInfo()
	// A consumer learns of what was stored a moment later, and has nothing pending
	// until then.
	return info.Delivered.Stream >= stream.CachedInfo().State.LastSeq && info.NumPending == 0 && info.NumAckPending == 0 && info.Delivered.Consumer >= records
}

// told reads the stream: what it holds of each order, in its order.
func (s *shop) told() map[string][]string {
	s.Helper()
	told := make(map[string][]string)
	stream, err := s.js.Stream(s.Context(), protocol.StreamOrders)
	s.must(err)
	if stream.CachedInfo().State.Msgs == 0 {
		return told
	}
	c, err := s.js.OrderedConsumer(s.Context(), protocol.StreamOrders, jetstream.OrderedConsumerConfig{})
	s.must(err)
	messages, err := c.Messages()
	s.must(err)
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(patience))
		s.must(err)
		order := strings.Split(m.Subject(), ".")[1]
		told[order] = append(told[order], m.Headers().Get(jetstream.MsgIDHeader)+" "+m.Subject()+" "+string(m.Data()))
		meta, err := m.Metadata()
		s.must(err)
		if meta.NumPending == 0 {
			return told
		}
	}
}

// expected is what follows from all journals, by nothing but the pure function.
func (s *shop) expected() map[string][]string {
	s.Helper()
	expected := make(map[string][]string)
	for _, l := range s.lives {
		facts, _ := Tell(l.def, l.events)
		for _, f := range facts {
			body, err := json.Marshal(f.Body)
			s.must(err)
			order := "o" + l.id
			expected[order] = append(expected[order], fmt.Sprintf("%s.%d.%s order.%s.%s %s", l.id, f.Seq, f.Name, order, f.Name, body))
		}
	}
	return expected
}

// isTold holds the stream against the journals: for every order the same events in
// the same order, each once, and no others.
func (s *shop) isTold() {
	s.Helper()
	told, expected := s.told(), s.expected()
	for order, want := range expected {
		if !slices.Equal(told[order], want) {
			s.Errorf("order %s\ngot  %s\nwant %s", order, strings.Join(told[order], "\n     "), strings.Join(want, "\n     "))
		}
	}
	if len(told) != len(expected) {
		s.Errorf("the stream has %d orders, the journals %d", len(told), len(expected))
	}
}
