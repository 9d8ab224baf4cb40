package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// system is a real server whose buckets a test writes by hand.
type system struct {
	t       testing.TB
	ctx     context.Context
	nc      *nats.Conn
	js      jetstream.JetStream
	buckets map[string]*store.Bucket
}

// newServer starts a server without any stream.
func newServer(t testing.TB) *system { return newServerIn(t, t.TempDir()) }

// newServerIn starts one that stores in a folder.
func newServerIn(t testing.TB, folder string) *system {
	t.Helper()
	ns, err := server.NewServer(&server.Options{JetStream: true, StoreDir: folder, DontListen: true, NoSigs: true, NoLog: true})
	must(t, err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not become ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(ns), nats.ReconnectBufSize(-1))
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return &system{t: t, ctx: ctx, nc: nc, js: js, buckets: map[string]*store.Bucket{}}
}

// newSystem starts a server with an inbox, the given buckets and retention.
func newSystem(t testing.TB, retention time.Duration, buckets ...string) *system {
	s := newServer(t)
	s.open(retention, buckets...)
	return s
}

// open makes an inbox, and buckets.
func (s *system) open(retention time.Duration, buckets ...string) {
	s.t.Helper()
	w, err := store.NewWriter(s.nc, 0)
	must(s.t, err)
	s.t.Cleanup(func() { _ = w.Close() })
	for _, name := range buckets {
		cfg := store.Config{Name: name}
		if name == protocol.BucketSagas {
			cfg.Metadata = map[string]string{"amends.retention": retention.String()}
		}
		s.buckets[name], err = store.Open(s.ctx, w, cfg)
		must(s.t, err)
	}
	must(s.t, store.EnsureStream(s.ctx, s.js, jetstream.StreamConfig{
		Name: protocol.StreamInbox, Subjects: []string{protocol.InboxSubjects}, Retention: jetstream.WorkQueuePolicy,
	}))
}

var allBuckets = []string{protocol.BucketSagas, protocol.BucketInventory, protocol.BucketPayments, protocol.BucketShipments}

// put stores a value, whatever was there before.
func (s *system) put(bucket, key string, value []byte, header nats.Header) {
	s.t.Helper()
	b := s.buckets[bucket]
	before, err := b.Get(s.ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.t.Fatal(err)
	}
	_, err = b.Put(s.ctx, store.Write{Key: key, Value: value, Revision: before.Revision, Header: header})
	must(s.t, err)
}

// putSaga stores the record of a saga, and its start in the inbox while it is
// open.
func (s *system) putSaga(w *world) {
	s.t.Helper()
	s.putRecord(w, w.record())
	if w.state.Phase.Live() {
		s.queue(w.id)
	}
}

func (s *system) putRecord(w *world, value []byte) {
	s.t.Helper()
	s.put(protocol.BucketSagas, w.id, value, nats.Header{protocol.HeaderPhase: {string(w.state.Phase)}})
}

func (s *system) putRows(w *world) {
	s.t.Helper()
	for place, row := range w.rows {
		bucket, key, _ := strings.Cut(place, " ")
		if s.buckets[bucket] != nil {
			s.put(bucket, key, encode(row), nil)
		}
	}
}

// putAll stores sagas with all their effects.
func (s *system) putAll(worlds ...*world) {
	s.t.Helper()
	for _, w := range worlds {
		s.putSaga(w)
		s.putRows(w)
	}
}

func (s *system) putStock(sku string, onHand int64) {
	s.t.Helper()
	s.put(protocol.BucketInventory, "stock."+sku, encode(doc{"sku": sku, "on_hand": onHand}), nil)
}

// delete leaves what `nats kv del` leaves.
func (s *system) delete(bucket, key string) {
	s.t.Helper()
	s.put(bucket, key, nil, nats.Header{"KV-Operation": {"DEL"}})
}

func (s *system) queue(id string) {
	s.t.Helper()
	_, err := s.js.Publish(s.ctx, "saga.run."+id, []byte("{}"))
	must(s.t, err)
}

// unqueue is what an acknowledgement does to an inbox message.
func (s *system) unqueue(id string) {
	s.t.Helper()
	inbox, err := s.js.Stream(s.ctx, protocol.StreamInbox)
	must(s.t, err)
	must(s.t, inbox.Purge(s.ctx, jetstream.WithPurgeSubject("saga.run."+id)))
}

// play runs a saga as an orchestrator and its participants do: journal, act,
// journal.
func (s *system) play(id string, fates ...fate) {
	w := begin(id)
	s.queue(id)
	s.putRecord(w, w.record())
	for _, f := range fates {
		step := w.state.Active()[0]
		if w.state.Phase == saga.Compensating || f == accept || f == lost {
			s.act(w, f, step)
		}
		w.command(f)
		s.putRecord(w, w.record())
	}
	s.unqueue(id)
}

// act stores what the participant of a step does, before the journal learns of
// it.
func (s *system) act(w *world, f fate, step int) {
	if f != accept && f != lost {
		return
	}
	w.work(w.state.Phase == saga.Compensating, step)
	if row := w.rows[w.key(step)]; row != nil {
		bucket, key, _ := strings.Cut(w.key(step), " ")
		s.put(bucket, key, encode(row), nil)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
