package worker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Subjects of the till, a participant whose every decision is made outside.
const (
	tillCharge  = "till.charge"
	tillRequest = "till.request"
	tillRefund  = "till.refund"
	tillCapture = "till.capture"
	tillQuery   = "till.query"
	tillBucket  = "TILL"
)

// coins is the row of a till: what its steps have come to.
type coins struct {
	Steps map[int]string `json:"steps"` // begun, taken, refunding, back
}

// with is the row after one more change, which the row before does not notice.
func (c *coins) with(step int, state string) *coins {
	after := coins{Steps: map[int]string{}}
	if c != nil {
		for k, v := range c.Steps {
			after.Steps[k] = v
		}
	}
	after.Steps[step] = state
	if state == "" {
		delete(after.Steps, step)
	}
	return &after
}

func newTill(cfg worker.Config, v *vault) (*worker.Service, error) {
	begin := func(cmd worker.Command, row *coins) *coins { return row.with(cmd.Header().Step, "begun") }
	book := worker.NewBook[coins](tillBucket).Consult(v)
	return worker.New(cfg, "till", book,
		worker.Handle(tillCharge, book, worker.Rules[protocol.ChargePayment, coins]{
			Decide: func(cmd protocol.ChargePayment, row *coins, _ int64) (worker.Decision[coins], error) {
				return worker.Begin(begin(cmd, row)), nil
			}}),
		worker.Handle(tillRequest, book, worker.Rules[protocol.RequestPayment, coins]{
			Decide: func(cmd protocol.RequestPayment, row *coins, _ int64) (worker.Decision[coins], error) {
				later := worker.Later{RequestID: "rq", Callback: cmd.Callback}
				if cmd.UserID == "header" {
					later.Callback = ""
				}
				return worker.Defer(begin(cmd, row), later), nil
			}}),
		worker.Handle(tillRefund, book, worker.Rules[protocol.RefundPayment, coins]{
			Compensating: true,
			Decide: func(cmd protocol.RefundPayment, row *coins, _ int64) (worker.Decision[coins], error) {
				if row == nil {
					return worker.Decline[coins](nil, &protocol.Failure{Error: "nothing_there"}), nil
				}
				return worker.Begin(row.with(cmd.Step, "refunding")), nil
			},
			Host: func(cmd protocol.RefundPayment) int { return hostOf(cmd.PaymentID) },
		}),
		worker.Handle(tillCapture, book, worker.Rules[protocol.CapturePayment, coins]{
			Decide: func(cmd protocol.CapturePayment, row *coins, _ int64) (worker.Decision[coins], error) {
				if row == nil {
					return worker.Decline[coins](nil, &protocol.Failure{Error: "nothing_there"}), nil
				}
				return worker.Begin(begin(cmd, row)), nil
			},
			Host: func(cmd protocol.CapturePayment) int { return hostOf(cmd.AuthorizationID) },
		}),
		worker.QueryStep(tillQuery, book),
	)
}

// hostOf reads the id "step-2".
func hostOf(id string) (step int) {
	if _, err := fmt.Sscanf(id, "step-%d", &step); err != nil {
		return 0
	}
	return step
}

// stage is a till on a server, with somebody who sends commands to it.
type stage struct {
	*testing.T
	nats   *workertest.NATS
	vault  *vault
	client *nats.Conn
	log    *logbook
	till   *worker.Service
	link   *nats.Conn // of the till
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, nats: workertest.Server(t), vault: newVault(), log: newLogbook()}
	s.client = s.nats.Connect(t)
	s.till, s.link = s.open(nil)
	return s
}

// open starts one more replica of the till; change may change its configuration.
func (s *stage) open(change func(*worker.Config)) (*worker.Service, *nats.Conn) {
	s.Helper()
	cfg := s.nats.Config(s)
	cfg.Log = cfg.Log.Output(s.log).Level(0)
	if change != nil {
		change(&cfg)
	}
	till, err := newTill(cfg, s.vault)
	if err != nil {
		s.Fatal(err)
	}
	if err := till.Start(soon(s)); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = till.Stop(soon(s)) })
	return till, cfg.Conn
}

func ofStep(typ string, step int) protocol.Command {
	return protocol.Command{Type: typ, SagaID: "s", Step: step, Compensating: typ == protocol.TypeRefundPayment}
}

var (
	chargeStep = protocol.ChargePayment{Command: ofStep(protocol.TypeChargePayment, 2), UserID: "u42", Amount: "1", Currency: "USD"}
	refundStep = protocol.RefundPayment{Command: ofStep(protocol.TypeRefundPayment, 2)}
	request    = protocol.RequestPayment{
		Command: ofStep(protocol.TypeRequestPayment, 2), UserID: "u42", Amount: "1", Currency: "USD",
		Callback: "checkout.callback.s.2.token",
	}
)

func captureOf(step, host int) protocol.CapturePayment {
	return protocol.CapturePayment{
		Command: ofStep(protocol.TypeCapturePayment, step), AuthorizationID: fmt.Sprintf("step-%d", host),
	}
}

func refundOf(step, host int) protocol.RefundPayment {
	cmd := protocol.RefundPayment{Command: ofStep(protocol.TypeRefundPayment, step)}
	if host != 0 {
		cmd.PaymentID = fmt.Sprintf("step-%d", host)
	}
	return cmd
}

// ask sends a message once and returns the answer.
func (s *stage) ask(subject string, message any) string {
	s.Helper()
	m, err := s.client.RequestWithContext(soon(s), subject, encoded(s, message))
	if err != nil {
		s.Fatalf("%s: %v", subject, err)
	}
	return string(m.Data)
}

func encoded(t testing.TB, message any) []byte {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// want asks and fails the test unless the answer is of that type and holds that
// text.
func (s *stage) want(subject string, message any, typ, text string) string {
	s.Helper()
	got := s.ask(subject, message)
	if !strings.HasPrefix(got, `{"type":"`+typ+`"`) || !strings.Contains(got, text) {
		s.Fatalf("%s: got %s, want %s with %q", subject, got, typ, text)
	}
	return got
}

// query asks what became of the action of a step.
func (s *stage) query(step int) protocol.QueryStepOK {
	s.Helper()
	q := protocol.QueryStep{Command: protocol.Command{Type: protocol.TypeQueryStep, SagaID: "s", Step: step}}
	var told protocol.QueryStepOK
	if err := json.Unmarshal([]byte(s.ask(tillQuery, q)), &told); err != nil {
		s.Fatal(err)
	}
	return told
}

func (s *stage) js() jetstream.JetStream {
	s.Helper()
	js, err := jetstream.New(s.client)
	if err != nil {
		s.Fatal(err)
	}
	return js
}

func (s *stage) bucket() jetstream.KeyValue {
	s.Helper()
	kv, err := s.js().KeyValue(soon(s), tillBucket)
	if err != nil {
		s.Fatal(err)
	}
	return kv
}

// record is what is stored under a key.
func (s *stage) record(key string) (m worker.Memory[coins]) {
	s.Helper()
	e, err := s.bucket().Get(soon(s), key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return m
	}
	if err != nil {
		s.Fatal(err)
	}
	if err := json.Unmarshal(e.Value(), &m); err != nil {
		s.Fatal(err)
	}
	return m
}

// put writes a record as a till would have that was killed right afterwards.
func (s *stage) put(key string, m worker.Memory[coins]) {
	s.Helper()
	if _, err := s.bucket().Create(soon(s), key, encoded(s, m)); err != nil {
		s.Fatal(err)
	}
}

// writes is how much was ever written to the bucket.
func (s *stage) writes() uint64 {
	s.Helper()
	return s.stream(protocol.BucketStream(tillBucket)).State.LastSeq
}

// owed is how many records are in the work queue.
func (s *stage) owed() uint64 {
	s.Helper()
	return s.stream(protocol.PromiseStream(tillBucket)).State.Msgs
}

// consumed is how often an errand was given to a replica.
func (s *stage) consumed() uint64 {
	s.Helper()
	c, err := s.js().Consumer(soon(s), protocol.PromiseStream(tillBucket), protocol.ConsumerPromises)
	if err != nil {
		s.Fatal(err)
	}
	return c.CachedInfo().Delivered.Consumer
}

func (s *stage) stream(name string) *jetstream.StreamInfo {
	s.Helper()
	stream, err := s.js().Stream(soon(s), name)
	if err != nil {
		s.Fatal(err)
	}
	return stream.CachedInfo()
}

// eventually waits until something is so that nobody signals.
func (s *stage) eventually(what string, is func() bool) {
	s.Helper()
	for until := time.Now().Add(patience); !is(); {
		if time.Now().After(until) {
			s.Fatalf("waited %s in vain until %s; the vault heard: %s", patience, what, s.vault.said())
		}
		<-time.After(2 * time.Millisecond)
	}
}
