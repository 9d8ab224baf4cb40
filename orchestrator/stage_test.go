package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"amends/definitions"
	"amends/protocol"
	"amends/store"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// stage is a server with fake workers on it, and a client.
type stage struct {
	testing.TB
	server *workertest.NATS
	client *nats.Conn

	mu      sync.Mutex
	answers map[string]func(protocol.Command) string // by subject; the fields of the reply
	seen    []string                                 // idempotency keys, in the order of arrival
	subs    map[string]*nats.Subscription
}

// newStage starts a server with a worker on each subject of the checkout, which
// accepts everything.
func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{TB: t, server: workertest.Server(t), answers: make(map[string]func(protocol.Command) string), subs: make(map[string]*nats.Subscription)}
	s.client = s.server.Connect(t)
	for subject, fields := range map[string]string{
		protocol.SubjectReserve: `"reservations":[]`, protocol.SubjectRelease: "",
		protocol.SubjectCharge: `"payment_id":"p1","transaction_id":"t1"`, protocol.SubjectRefund: "",
		protocol.SubjectCreateShipment: `"shipment_id":"s1","tracking_number":"1Z"`, protocol.SubjectCancelShipment: "",
	} {
		s.answer(subject, func(c protocol.Command) string { return ok(c, fields) })
		s.listen(subject)
	}
	return s
}

func ok(c protocol.Command, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"type":"%s_ok","saga_id":"%s","step":%d%s}`, c.Type, c.SagaID, c.Step, fields)
}

func declined(c protocol.Command) string {
	return fmt.Sprintf(`{"type":"%s_failed","saga_id":"%s","step":%d,"error":"no","decline_code":"NO"}`, c.Type, c.SagaID, c.Step)
}

// answer sets what the worker on a subject says; "" is silence.
func (s *stage) answer(subject string, say func(protocol.Command) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[subject] = say
}

func (s *stage) listen(subject string) {
	s.Helper()
	sub, err := s.client.Subscribe(subject, func(m *nats.Msg) {
		var c protocol.Command
		if err := json.Unmarshal(m.Data, &c); err != nil {
			s.Errorf("a command that is no JSON: %s", m.Data)
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, m.Header.Get(protocol.HeaderKey))
		say := s.answers[subject]
		s.mu.Unlock()
		if text := say(c); text != "" {
			_ = m.Respond([]byte(text))
		}
	})
	s.must(err)
	s.must(s.client.Flush())
	s.subs[subject] = sub
}

// away takes the worker of a subject off the server.
func (s *stage) away(subject string) {
	s.Helper()
	s.must(s.subs[subject].Unsubscribe())
	s.must(s.client.Flush())
}

// commands returns the idempotency keys of all commands so far.
func (s *stage) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// orchestrator starts one more orchestrator, with a connection of its own.
func (s *stage) orchestrator(name string, change ...func(*Config)) *Orchestrator {
	s.Helper()
	nc := s.server.Connect(s.TB)
	w, err := store.NewWriter(nc, 0)
	s.must(err)
	defs, err := definitions.Shipped()
	s.must(err)
	cfg := Config{Conn: nc, Writer: w, Definitions: defs, Name: name, AckWait: 500 * time.Millisecond, Log: zerolog.New(newDiary(s.TB)).Level(zerolog.WarnLevel)}
	for _, c := range change {
		c(&cfg)
	}
	o, err := New(cfg)
	s.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(o.Start(ctx))
	s.Cleanup(func() { s.stop(o) })
	return o
}

// diary is the log of a test, as long as it runs: an orchestrator that was cut off
// may have a last word after that.
type diary struct {
	tb testing.TB

	mu    sync.Mutex
	ended bool
}

func newDiary(tb testing.TB) *diary {
	d := &diary{tb: tb}
	tb.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = true
	})
	return d
}

func (d *diary) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended {
		d.tb.Log(string(line))
	}
	return len(line), nil
}

func (s *stage) stop(o *Orchestrator) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = o.Stop(ctx)
}

// kill cuts an orchestrator off, as the end of its process would.
func (s *stage) kill(o *Orchestrator) {
	o.cfg.Conn.Close()
	s.stop(o)
}

// prices puts a price list into the catalogue.
func (s *stage) prices(o *Orchestrator) {
	o.prices.mu.Lock()
	defer o.prices.mu.Unlock()
	o.prices.products["abc123"] = protocol.Money{Minor: 10000, Currency: "USD"}
}

// start asks for a checkout and returns the answer.
func (s *stage) start(sagaID string, waitMS int) protocol.Outcome {
	s.Helper()
	var out protocol.Outcome
	s.ask(protocol.SubjectStart, fmt.Sprintf(`{"saga_id":"%s","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St","wait_ms":%d}`, sagaID, waitMS), &out)
	return out
}

func (s *stage) status(sagaID string) protocol.Status {
	s.Helper()
	var out protocol.Status
	s.ask(protocol.SubjectStatus, fmt.Sprintf(`{"saga_id":"%s"}`, sagaID), &out)
	return out
}

func (s *stage) ask(subject, body string, out any) {
	s.Helper()
	m, err := s.client.Request(subject, []byte(body), patience)
	s.must(err)
	s.must(json.Unmarshal(m.Data, out))
}

// eventually waits until a condition holds.
func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			s.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

func (s *stage) ends(sagaID, status string) {
	s.Helper()
	s.eventually(sagaID+" is "+status, func() bool { return s.status(sagaID).Status == status })
}
