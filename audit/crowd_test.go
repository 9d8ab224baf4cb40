package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A crowd is any number of ended sagas, as a real system has left them: testdata
// has all messages of one that was COMPLETED and of one that was ABORTED, byte by
// byte, and each saga of the crowd is a copy under ids of its own.

// sample is one message of the testdata.
type sample struct {
	Stream  string          `json:"stream"`
	Subject string          `json:"subject"`
	Header  nats.Header     `json:"header"`
	Value   json.RawMessage `json:"value"`
}

func samples(t testing.TB, name string) (all []sample) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".jsonl")
	must(t, err)
	for line := range bytes.Lines(text) {
		var s sample
		must(t, json.Unmarshal(line, &s))
		all = append(all, s)
	}
	return all
}

// model is the messages of one saga, and the ids to be replaced in them.
type model struct {
	samples []sample
	saga    string
	order   string
}

func modelOf(t testing.TB, name string) model {
	t.Helper()
	m := model{samples: samples(t, name)}
	m.saga = strings.TrimPrefix(m.samples[0].Subject, protocol.BucketSubject(protocol.BucketSagas, ""))
	m.order = m.samples[0].Header.Get(protocol.HeaderOrder)
	return m
}

// copy makes the messages of another saga.
func (m *model) copy(n int) []*nats.Msg {
	sagaID, orderID := fmt.Sprintf("crowd-%016x", n), fmt.Sprintf("o%016x", n)
	replace := strings.NewReplacer(m.saga, sagaID, m.order, orderID).Replace
	all := make([]*nats.Msg, 0, len(m.samples))
	for _, s := range m.samples {
		msg := &nats.Msg{Subject: replace(s.Subject), Data: []byte(replace(string(s.Value))), Header: nats.Header{}}
		for name, values := range s.Header {
			msg.Header[name] = []string{replace(values[0])}
		}
		if s.Stream == protocol.BucketStream(protocol.BucketSagas) {
			msg.Data = chainAnew(msg.Data)
		}
		all = append(all, msg)
	}
	return all
}

// chainAnew puts the hashes right in a record whose events were changed.
func chainAnew(record []byte) []byte {
	const list = `"events":[`
	at := bytes.Index(record, []byte(list)) + len(list)
	var events []json.RawMessage
	if err := json.Unmarshal(record[at-1:len(record)-1], &events); err != nil {
		panic(err)
	}
	set := func(text []byte, field, hash string) { copy(text[bytes.Index(text, []byte(field))+len(field):], hash) }
	chained, hash := slices.Clone(record[:at]), ""
	for i, e := range events {
		if i > 0 {
			set(e, `"prev":"`, hash)
			chained = append(chained, ',')
		}
		chained = append(chained, e...)
		sum := sha256.Sum256(e)
		hash = hex.EncodeToString(sum[:16])
	}
	set(chained, `"tip":"`, hash)
	return append(chained, "]}"...)
}

// crowd fills a server with ended sagas, one of ten of them ABORTED, as if all had
// been told of.
func (s *system) crowd(sagas int) {
	s.t.Helper()
	must(s.t, store.EnsureStream(s.ctx, s.js, jetstream.StreamConfig{
		Name: protocol.StreamOrders, Subjects: []string{protocol.OrderSubjects}, Duplicates: time.Second, AllowDirect: true,
	}))
	_, err := s.js.CreateConsumer(s.ctx, protocol.BucketStream(protocol.BucketSagas), jetstream.ConsumerConfig{
		Durable: protocol.ConsumerOrders, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	must(s.t, err)
	for _, shared := range samples(s.t, "shared") {
		_, err := s.js.PublishMsg(s.ctx, &nats.Msg{Subject: shared.Subject, Data: shared.Value})
		must(s.t, err)
	}
	completed, aborted := modelOf(s.t, "completed"), modelOf(s.t, "aborted")
	var writing sync.WaitGroup
	for worker := range writers {
		writing.Go(func() {
			js, err := jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(2000))
			must(s.t, err)
			for n := worker; n < sagas; n += writers {
				m := &completed
				if n%10 == 9 {
					m = &aborted
				}
				s.publish(js, m.copy(n))
			}
			<-js.PublishAsyncComplete()
		})
	}
	writing.Wait()
}

const writers = 4

// publish sends messages on.
func (s *system) publish(js jetstream.JetStream, messages []*nats.Msg) {
	for _, m := range messages {
		if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(time.Minute)); err != nil {
			panic(err)
		}
	}
}

// foundInCrowd finds the definition with which the crowd began.
func foundInCrowd(t testing.TB) audit.Find {
	for _, shared := range samples(t, "shared") {
		if shared.Stream == protocol.BucketStream(protocol.BucketDefinitions) {
			var def saga.Definition
			must(t, json.Unmarshal(shared.Value, &def))
			return func(_, hash string) (*saga.Definition, error) {
				if hash != def.Hash() {
					return nil, errors.New("not loaded")
				}
				return &def, nil
			}
		}
	}
	t.Fatal("no definition in testdata")
	return nil
}

// TestCrowd audits ended sagas as a real system has left them: nothing is wrong,
// and none of them has to be looked at again.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const sagas = 2000
	s := newSystem(t, 0, append(allBuckets, protocol.BucketDefinitions)...)
	s.crowd(sagas)
	looks := int32(0)
	find := foundInCrowd(t)
	r, err := audit.Run(s.ctx, s.nc, audit.Terms{Find: func(name, hash string) (*saga.Definition, error) {
		atomic.AddInt32(&looks, 1)
		return find(name, hash)
	}})
	must(t, err)
	if want := (audit.Outcomes{Total: sagas, Completed: sagas * 9 / 10, Aborted: sagas / 10}); !r.OK() || r.Sagas != want || looks != sagas {
		t.Errorf("sagas %+v, %d looks, found %+v", r.Sagas, looks, r.Findings[:min(len(r.Findings), 3)])
	}
	if want := (audit.Counts{Reservations: sagas, Charges: sagas, Shipments: sagas * 9 / 10}); r.Effects != want {
		t.Errorf("effects %+v, want %+v", r.Effects, want)
	}
}

// TestFillAStore leaves a crowd in a folder, for `amends nats --data FOLDER` and an
// audit by the command. AMENDS_AUDIT_STORE is the folder, AMENDS_AUDIT_SAGAS says of
// how many.
func TestFillAStore(t *testing.T) {
	folder := os.Getenv("AMENDS_AUDIT_STORE")
	sagas, err := strconv.Atoi(cmp.Or(os.Getenv("AMENDS_AUDIT_SAGAS"), "0"))
	if folder == "" || err != nil || sagas == 0 {
		t.Skip("AMENDS_AUDIT_STORE and AMENDS_AUDIT_SAGAS are not set")
	}
	s := newServerIn(t, folder)
	s.ctx = t.Context()
	s.open(0, append(allBuckets, protocol.BucketDefinitions)...)
	s.crowd(sagas)
}

// BenchmarkAudit audits a crowd. AMENDS_AUDIT_SAGAS says of how many; a million
// need 12 GB below TMPDIR.
func BenchmarkAudit(b *testing.B) {
	sagas, err := strconv.Atoi(cmp.Or(os.Getenv("AMENDS_AUDIT_SAGAS"), "20000"))
	must(b, err)
	s := newSystem(b, 0, append(allBuckets, protocol.BucketDefinitions)...)
	began := time.Now()
	s.crowd(sagas)
	b.Logf("%d sagas written in %s", sagas, time.Since(began))
	find := foundInCrowd(b)
	b.ReportAllocs()
	for b.Loop() {
		r, err := audit.Run(context.Background(), s.nc, audit.Terms{Find: find})
		must(b, err)
		if !r.OK() || r.Sagas.Total != sagas {
			b.Fatalf("found %+v", r.Findings[:min(len(r.Findings), 3)])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(sagas), "ns/saga")
}
