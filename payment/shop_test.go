package payment_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/payment"
	"amends/payment/simulated"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

// shop is a payment service on a server, and somebody who sends it commands, as an
// orchestrator does.
type shop struct {
	*testing.T
	nats    *workertest.NATS
	client  *nats.Conn
	wrap    func(payment.Gateway) payment.Gateway // nil for the bank as it is
	service *worker.Service
	link    *nats.Conn // of the service

	mu      sync.Mutex
	results map[string][]string // by the callback on which they came
}

func newShop(t *testing.T, wrap func(payment.Gateway) payment.Gateway) *shop {
	s := &shop{T: t, nats: workertest.Server(t), wrap: wrap, results: map[string][]string{}}
	s.client = s.nats.Connect(t)
	s.service, s.link = s.open()
	return s
}

// open starts one more replica of the service.
func (s *shop) open() (*worker.Service, *nats.Conn) {
	s.Helper()
	cfg := s.nats.Config(s)
	var g payment.Gateway = simulated.New(simulated.Config{Writer: cfg.Writer, Silence: 20 * time.Millisecond})
	if s.wrap != nil {
		g = s.wrap(g)
	}
	service, err := payment.New(cfg, g)
	if err != nil {
		s.Fatal(err)
	}
	if err := service.Start(s.soon()); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = service.Stop(s.soon()) })
	return service, cfg.Conn
}

func (s *shop) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// try sends a command once and returns its answer.
func (s *shop) try(subject, body string) string {
	s.Helper()
	m, err := s.client.RequestWithContext(s.soon(), subject, []byte(body))
	if err != nil {
		s.Fatalf("%s: %v", subject, err)
	}
	return string(m.Data)
}

// verdict sends a command until it is accepted, declined or taken in.
func (s *shop) verdict(subject, body string) string {
	s.Helper()
	for until := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		m, err := s.client.Request(subject, []byte(body), time.Second)
		if err == nil && !strings.Contains(string(m.Data), `"retryable":true`) {
			return string(m.Data)
		}
		if time.Now().After(until) {
			s.Fatalf("%s %s: no verdict", subject, body)
		}
	}
}

// brief is an answer without what every answer has: its suffix, its error, and the
// code of a decline.
func brief(answer string) string {
	var a struct {
		Type        string `json:"type"`
		Error       string `json:"error"`
		DeclineCode string `json:"decline_code"`
		Outcome     string `json:"outcome"`
		Code        string `json:"code"`
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		return answer
	}
	_, suffix, _ := strings.Cut(a.Type, "_")
	return strings.Join(strings.Fields(suffix+" "+a.Code+" "+a.Error+" "+a.DeclineCode+" "+a.Outcome), " ")
}

// row is what payment.get tells of a step.
func (s *shop) row(saga string, step string) (row payment.Payment, found bool) {
	s.Helper()
	got := s.try(protocol.SubjectPayment, `{"saga_id":"`+saga+`","step":`+step+`}`)
	if err := json.Unmarshal([]byte(got), &row); err != nil {
		s.Fatal(err)
	}
	return row, strings.HasPrefix(got, `{"type":"payment"`)
}

// awaitResults keeps what is sent to all callbacks, and acknowledges it.
func (s *shop) awaitResults() {
	s.Helper()
	client := s.nats.Connect(s)
	_, err := client.Subscribe(protocol.SubjectCallbacks, func(m *nats.Msg) {
		var r protocol.Reply
		if err := json.Unmarshal(m.Data, &r); err != nil {
			s.Error(err)
		}
		ack, err := json.Marshal(protocol.CallbackAccepted{
			Type: protocol.TypeCallbackAccepted, SagaID: r.SagaID, Step: r.Step, Effect: protocol.CallbackTaken,
		})
		if err != nil {
			s.Error(err)
		}
		s.mu.Lock()
		s.results[m.Subject] = append(s.results[m.Subject], string(m.Data))
		s.mu.Unlock()
		_ = m.Respond(ack) // a service that is gone sends it again
	})
	if err == nil {
		err = client.Flush()
	}
	if err != nil {
		s.Fatal(err)
	}
}

// result waits for what comes on a callback.
func (s *shop) result(callback string) string {
	s.Helper()
	var result string
	s.eventually("a result on "+callback, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if came := s.results[callback]; len(came) > 0 {
			result = came[0]
		}
		return result != ""
	})
	return result
}

// told is everything that came on callbacks.
func (s *shop) told() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.results)
}

// owed is how many records the service has to attend to by itself.
func (s *shop) owed() uint64 {
	s.Helper()
	js, err := jetstream.New(s.client)
	if err != nil {
		s.Fatal(err)
	}
	stream, err := js.Stream(s.soon(), protocol.PromiseStream(protocol.BucketPayments))
	if err != nil {
		s.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

func (s *shop) eventually(what string, is func() bool) {
	s.Helper()
	for until := time.Now().Add(patience); !is(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(until) {
			s.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// Commands as an orchestrator writes them.
func chargeBy(saga, user string) string {
	return `{"type":"ChargePayment","saga_id":"` + saga + `","step":2,"user_id":"` + user + `","amount":249.99,"currency":"USD"}`
}

func requestBy(saga, user string) string {
	return `{"type":"RequestPayment","saga_id":"` + saga + `","step":2,"user_id":"` + user +
		`","amount":249.99,"currency":"USD","callback":"` + callbackOf(saga) + `"}`
}

func callbackOf(saga string) string { return "checkout.callback." + saga + ".2.token" }

func authorizeBy(saga, user string) string {
	return `{"type":"AuthorizePayment","saga_id":"` + saga + `","step":2,"user_id":"` + user + `","amount":249.99,"currency":"USD"}`
}

func captureOf(saga, step, amount string) string {
	if amount != "" {
		amount = `,"currency":"USD","amount":` + amount
	}
	return `{"type":"CapturePayment","saga_id":"` + saga + `","step":` + step + `,"authorization_id":"a-` + saga + `-2"` + amount + `}`
}

// refundOf undoes a step; more are further fields, such as an amount.
func refundOf(saga, step, more string) string {
	return `{"type":"RefundPayment","saga_id":"` + saga + `","step":` + step + `,"compensating":true` + more + `}`
}

func voidOf(saga string) string {
	return `{"type":"VoidPayment","saga_id":"` + saga + `","step":2,"compensating":true}`
}

func queryOf(saga, step string) string {
	return `{"type":"QueryStep","saga_id":"` + saga + `","step":` + step + `}`
}
