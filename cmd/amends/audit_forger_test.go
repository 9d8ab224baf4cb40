package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"amends/embedded"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// soundStore makes a system, lets the sagas of the corruptions run in it, stops
// it, and returns the folder of its store.
func soundStore(t *testing.T) string {
	t.Helper()
	s := newAudited(t)
	b := newBank(t, s.nc.ConnectedUrl())
	const address = "123 Main St"
	s.play("done", way{"checkout", "u42", address, "", protocol.StatusCompleted})
	s.play("gone", way{"checkout", "u42", "undeliverable", "", protocol.StatusAborted})
	s.play("sold", way{"cart", "u42", address, "", protocol.StatusCompleted})
	s.play("lost", way{"hasty", "u972", address, "", protocol.StatusAborted})
	s.play("halted", way{"checkout", "u951", "undeliverable", "", protocol.StatusStuck})
	s.play("open", way{"bank", "u42", address, "", protocol.StatusPending})
	b.waits("open")
	s.untilTold()
	s.isClean()
	if err := s.app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.data
}

// untilTold waits until all that is to be told of orders was told.
func (s *audited) untilTold() {
	s.Helper()
	js, err := jetstream.New(s.nc)
	if err != nil {
		s.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		consumer, err := js.Consumer(s.Context(), protocol.BucketStream(protocol.BucketSagas), protocol.ConsumerOrders)
		if err != nil {
			s.Fatal(err)
		}
		if info := consumer.CachedInfo(); info.NumPending == 0 && info.NumAckPending == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-s.Context().Done():
			s.Fatal("not all was told of orders")
		}
	}
}

// forger changes what is stored, as nobody should.
type forger struct {
	*testing.T
	js jetstream.JetStream
}

// object is a stored JSON object.
type object = map[string]any

// newForger starts a server on a copy of a store, and nothing else.
func newForger(t *testing.T, data string) *forger {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "nats")
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	server, err := embedded.StartServer(embedded.ServerConfig{
		Data: copied, Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("NATS_URL", server.URL())
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	f := &forger{T: t}
	f.js, err = jetstream.New(nc)
	f.must(err)
	return f
}

func (f *forger) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *forger) stream(name string) jetstream.Stream {
	f.Helper()
	stream, err := f.js.Stream(f.Context(), name)
	f.must(err)
	return stream
}

func (f *forger) get(bucket, key string) ([]byte, nats.Header) {
	f.Helper()
	m, err := f.stream(protocol.BucketStream(bucket)).GetLastMsgForSubject(f.Context(), protocol.BucketSubject(bucket, key))
	f.must(err)
	return m.Data, m.Header
}

func (f *forger) put(bucket, key string, value []byte, header nats.Header) {
	f.Helper()
	for name := range header {
		if strings.HasPrefix(name, "Nats-") { // conditions of the write that was
			header.Del(name)
		}
	}
	_, err := f.js.PublishMsg(f.Context(), &nats.Msg{Subject: protocol.BucketSubject(bucket, key), Data: value, Header: header})
	f.must(err)
}

// erase removes a value without a trace.
func (f *forger) erase(bucket, key string) {
	f.Helper()
	f.purge(protocol.BucketStream(bucket), protocol.BucketSubject(bucket, key))
}

func (f *forger) purge(stream, subject string) {
	f.Helper()
	f.must(f.stream(stream).Purge(f.Context(), jetstream.WithPurgeSubject(subject)))
}

// edit changes a value.
func (f *forger) edit(bucket, key string, change func(row object)) {
	f.Helper()
	f.copy(bucket, key, key, change)
}

// effect changes what a participant has done about a step.
func (f *forger) effect(bucket, key string, change func(effect object)) {
	f.Helper()
	f.edit(bucket, key, func(row object) { change(row["effect"].(object)) })
}

// copy stores a changed value under another key.
func (f *forger) copy(bucket, from, to string, change func(row object)) {
	f.Helper()
	value, header := f.get(bucket, from)
	var row object
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	f.must(decoder.Decode(&row))
	change(row)
	changed, err := json.Marshal(row)
	f.must(err)
	f.put(bucket, to, changed, header)
}

// record changes the events of a record, and nothing that holds them together.
func (f *forger) record(id string, change func([]json.RawMessage) []json.RawMessage) {
	f.Helper()
	f.rewrite(id, func(r map[string]json.RawMessage) {
		var events []json.RawMessage
		f.must(json.Unmarshal(r["events"], &events))
		r["events"] = f.encode(change(events))
	})
}

// reseal changes the events of a record, and makes the chain anew: somebody who
// knows how it is made.
func (f *forger) reseal(id string, change func([]saga.Event) []saga.Event) {
	f.Helper()
	f.rewrite(id, func(r map[string]json.RawMessage) {
		var raws []json.RawMessage
		var tip string
		f.must(json.Unmarshal(r["events"], &raws))
		f.must(json.Unmarshal(r["tip"], &tip))
		events, err := saga.Unseal(raws, tip)
		f.must(err)
		raws, tip = nil, saga.Genesis
		for _, e := range change(events) {
			var raw []byte
			raw, tip, err = saga.Seal(len(raws)+1, tip, &e)
			f.must(err)
			raws = append(raws, raw)
		}
		r["events"], r["tip"] = f.encode(raws), f.encode(tip)
	})
}

func (f *forger) rewrite(id string, change func(map[string]json.RawMessage)) {
	f.Helper()
	value, header := f.get(protocol.BucketSagas, id)
	var r map[string]json.RawMessage
	f.must(json.Unmarshal(value, &r))
	change(r)
	f.put(protocol.BucketSagas, id, f.encode(r), header)
}

func (f *forger) encode(value any) json.RawMessage {
	f.Helper()
	raw, err := json.Marshal(value)
	f.must(err)
	return raw
}

// subject is where a domain event of a saga is stored.
func (f *forger) subject(id, event string) string {
	f.Helper()
	_, header := f.get(protocol.BucketSagas, id)
	return protocol.SubjectOrderEvent(header.Get(protocol.HeaderOrder), event)
}

func (f *forger) untell(id, event string) {
	f.Helper()
	f.purge(protocol.StreamOrders, f.subject(id, event))
}

// tell stores a domain event once more.
func (f *forger) tell(id, event string, seq int) {
	f.Helper()
	f.tellAs(id, seq, event, f.subject(id, event))
}

// tellAs stores a domain event on any subject. The server must have forgotten that
// it had the same one before.
func (f *forger) tellAs(id string, seq int, event, subject string) {
	f.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ack, err := f.js.PublishMsg(f.Context(), nats.NewMsg(subject), jetstream.WithMsgID(protocol.EventID(id, seq, event)))
		f.must(err)
		if !ack.Duplicate {
			return
		}
		<-tick.C
	}
}

// allow lets a stream keep more than one message per subject.
func (f *forger) allow(stream string, history int64) {
	f.Helper()
	cfg := f.stream(stream).CachedInfo().Config
	cfg.MaxMsgsPerSubject = history
	_, err := f.js.UpdateStream(f.Context(), cfg)
	f.must(err)
}
