package worker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

// awaiting is where a result is awaited: it keeps what comes, and answers as a
// test wants.
type awaiting struct {
	*testing.T
	came chan string
}

const accepted = `{"type":"callback_accepted","saga_id":"s","step":2,"effect":"taken"}`

// await listens for results. The n-th is answered by answers[n-1], those beyond by
// the last one; "" is no answer.
func (s *stage) await(subject string, answers ...string) *awaiting {
	s.Helper()
	a := &awaiting{T: s.T, came: make(chan string, 1000)}
	var mu sync.Mutex
	n := 0
	client := s.nats.Connect(s)
	_, err := client.Subscribe(subject, func(m *nats.Msg) {
		mu.Lock()
		answer := answers[min(n, len(answers)-1)]
		n++
		mu.Unlock()
		a.came <- string(m.Data)
		if answer != "" {
			_ = m.Respond([]byte(answer)) // a sender that is gone sends again
		}
	})
	if err == nil {
		err = client.Flush()
	}
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// next is the next result.
func (a *awaiting) next() string {
	a.Helper()
	select {
	case result := <-a.came:
		return result
	case <-soon(a).Done():
		a.Fatal("no result came")
		return ""
	}
}

// refusal is an error as the orchestrator answers it.
func refusal(code protocol.Code) string {
	body, err := json.Marshal(&protocol.Error{Code: code, Message: "no"})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// TestDeferred: the sender is told at once that the command was taken in, and the
// result later; in between the same answer comes again (S4-09, S4-11).
func TestDeferred(t *testing.T) {
	s := newStage(t)
	s.vault.later = true
	results := s.await(request.Callback, accepted)
	pending := s.want(tillRequest, request, "RequestPayment_pending", `"request_id":"rq"`)
	if again := s.ask(tillRequest, request); again != pending {
		t.Errorf("again: %s", again)
	}
	other := request
	other.Amount = "2"
	s.want(tillRequest, other, "RequestPayment_error", "idempotency_conflict")
	if told := s.query(2); told.Outcome != protocol.OutcomePending {
		t.Errorf("told %+v", told)
	}
	s.vault.decide()
	result := results.next()
	if !strings.HasPrefix(result, `{"type":"RequestPayment_ok","saga_id":"s","step":2`) {
		t.Errorf("the result is %s", result)
	}
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	if again := s.ask(tillRequest, request); again != result {
		t.Errorf("after the result: %s", again)
	}
	if told := s.query(2); string(told.Reply) != result {
		t.Errorf("told %+v", told)
	}
	if s.writes() != 3 || len(results.came) != 0 || s.record("s.2").Promise != nil {
		t.Errorf("%d writes, want 3: taken in, decided, told; %d more results", s.writes(), len(results.came))
	}
}

// TestResultIsSentUntilItIsTaken: an acknowledgement that is lost, technical, or
// of another step is none; a refusal for good is.
func TestResultIsSentUntilItIsTaken(t *testing.T) {
	const ofOther = `{"type":"callback_accepted","saga_id":"s","step":3,"effect":"taken"}`
	for name, test := range map[string]struct {
		answers []string
		sent    int
		refused bool
	}{
		"at once":      {[]string{accepted}, 1, false},
		"at the fifth": {[]string{refusal(protocol.CodeUnavailable), "nonsense", ofOther, refusal("from_the_future"), accepted}, 5, false},
		"refused":      {[]string{refusal(protocol.CodeInternal), refusal(protocol.CodeTokenRefused)}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			results := s.await(request.Callback, test.answers...)
			s.want(tillRequest, request, "RequestPayment_pending", "")
			first := results.next()
			for range test.sent - 1 {
				if again := results.next(); again != first {
					t.Errorf("the result is %s, and then %s", first, again)
				}
			}
			s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
			if len(results.came) != 0 || s.log.count("refused for good") > 0 != test.refused {
				t.Errorf("%d more results; the log: %q", len(results.came), s.log.lines)
			}
		})
	}
}

// TestNobodyAwaitsTheResultYet: the orchestrator may be away for long.
func TestNobodyAwaitsTheResultYet(t *testing.T) {
	s := newStage(t)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	s.eventually("it is decided", func() bool { return s.record("s.2").Action != nil })
	s.log.waitFor(t, "cannot be done yet")
	if results := s.await(request.Callback, accepted); !strings.Contains(results.next(), "_ok") {
		t.Error("another result")
	}
}

// TestAPanicCostsOneAttempt: an outside that panics while nobody waits for it takes
// the process with it no more than one that panics while somebody does.
func TestAPanicCostsOneAttempt(t *testing.T) {
	s := newStage(t)
	var once sync.Once
	s.vault.set(nil, func(call string) error {
		if strings.HasPrefix(call, "submit") {
			once.Do(func() { panic("boom") })
		}
		return nil
	})
	results := s.await(request.Callback, accepted)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	if !strings.Contains(results.next(), "_ok") {
		t.Error("another result")
	}
	if s.log.count("what is owed panicked: boom") != 1 {
		t.Errorf("the log: %q", s.log.lines)
	}
}

// TestAddressInTheHeader: a command that has no field for it says in a header
// where its result is awaited; nothing but an address of results is taken.
func TestAddressInTheHeader(t *testing.T) {
	s := newStage(t)
	byHeader := request
	byHeader.UserID = "header"
	body, err := json.Marshal(byHeader)
	if err != nil {
		t.Fatal(err)
	}
	send := func(address string) string {
		t.Helper()
		m := nats.NewMsg(tillRequest)
		m.Data = body
		m.Header.Set(protocol.HeaderCallback, address)
		answer, err := s.client.RequestMsgWithContext(soon(t), m)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer.Data)
	}
	for _, wrong := range []string{
		"till.charge", "checkout.callback.s.2", "checkout.callback.s.2.a.b", "checkout.callback.>", "checkout.callback.*.2.x",
		"checkout.callback.s.2." + strings.Repeat("x", protocol.MaxCallbackBytes),
	} {
		if got := send(wrong); !strings.Contains(got, `"invalid_field"`) || !strings.Contains(got, protocol.HeaderCallback) {
			t.Errorf("%s: got %s", wrong, got)
		}
	}
	if s.writes() != 0 {
		t.Error("something was stored")
	}
	results := s.await("checkout.callback.s.2.other", accepted)
	if got := send("checkout.callback.s.2.other"); !strings.Contains(got, "_pending") {
		t.Errorf("got %s", got)
	}
	results.next()
}

// TestRestartWhilePending: what is open is found again, whatever else is in the
// bucket, and nobody is told twice for want of a memory.
func TestRestartWhilePending(t *testing.T) {
	for name, stop := range map[string]func(s *stage){
		"stopped": func(s *stage) {
			if err := s.till.Stop(soon(s)); err != nil {
				s.Fatal(err)
			}
		},
		"killed": func(s *stage) { s.link.Close() },
		"the server, too": func(s *stage) {
			s.link.Close()
			s.nats.Stop()
			s.nats.Start(s)
			s.client = s.nats.Connect(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.vault.later = true
			const sagas = 20
			ask := func(n int, typ string) {
				t.Helper()
				cmd := request
				cmd.SagaID = fmt.Sprintf("s%d", n)
				cmd.Callback = fmt.Sprintf("checkout.callback.s%d.2.token", n)
				s.want(tillRequest, cmd, typ, "")
			}
			for n := range sagas {
				ask(n, "RequestPayment_pending")
			}
			stop(s)
			told := make(chan string, 1000)
			if _, err := s.nats.Connect(t).Subscribe(protocol.SubjectCallbacks, func(m *nats.Msg) {
				var r protocol.Reply
				if err := json.Unmarshal(m.Data, &r); err != nil {
					t.Error(err)
				}
				ack, err := json.Marshal(protocol.CallbackAccepted{
					Type: protocol.TypeCallbackAccepted, SagaID: r.SagaID, Step: r.Step, Effect: protocol.CallbackTaken,
				})
				if err != nil {
					t.Error(err)
				}
				told <- r.SagaID
				_ = m.Respond(ack) // else it comes again
			}); err != nil {
				t.Fatal(err)
			}
			s.vault.decide()
			s.open(nil)
			s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
			heard := map[string]int{}
			for range len(told) {
				heard[<-told]++
			}
			if len(heard) != sagas {
				t.Errorf("the results of %d sagas came, want %d: %v", len(heard), sagas, heard)
			}
			for n := range sagas {
				ask(n, "RequestPayment_ok")
			}
		})
	}
}

// TestReplicasSettleOnce: with several replicas there is one decision, stored in
// one write.
func TestReplicasSettleOnce(t *testing.T) {
	s := newStage(t)
	s.open(nil)
	s.open(nil)
	results := s.await(protocol.SubjectCallbacks, accepted)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	results.next()
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	if s.writes() != 3 {
		t.Errorf("%d writes, want 3", s.writes())
	}
}

// TestPendingIsCompensated: a compensation of what was taken in is accepted; an
// approval that comes later never takes effect, is undone outside, and nobody is
// told of it (F6, D21).
func TestPendingIsCompensated(t *testing.T) {
	s := newStage(t)
	s.vault.later = true
	results := s.await(request.Callback, accepted)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	s.eventually("it is at the vault", func() bool { return s.vault.heard("submit") > 0 })
	s.want(tillRefund, refundStep, "RefundPayment_ok", "")
	s.vault.decide() // and the vault approves it
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	if s.vault.has("s.2.do") || s.vault.heard("withdraw") == 0 {
		t.Errorf("the vault still has it; it heard: %s", s.vault.said())
	}
	s.want(tillRequest, request, "RequestPayment_failed", worker.ReasonCompensated)
	reversal := refundStep
	reversal.Reversal = true
	s.want(tillRefund, reversal, "RefundPayment_ok", "")
	if len(results.came) != 0 {
		t.Errorf("somebody was told: %s", results.next())
	}
}

// TestUndoneBeforeItIsTold: whoever undoes a step does not wait for its result.
func TestUndoneBeforeItIsTold(t *testing.T) {
	s := newStage(t)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	s.eventually("it is decided", func() bool { return s.record("s.2").Action != nil })
	s.want(tillRefund, refundStep, "RefundPayment_ok", "")
	if m := s.record("s.2"); m.Promise != nil || m.Effect.Steps[2] != "back" {
		t.Errorf("there is %+v", m)
	}
}

// TestErrandComesBeforeItsRecord: the work queue knows of a record before it is
// written, and does not forget it meanwhile.
func TestErrandComesBeforeItsRecord(t *testing.T) {
	s := newStage(t)
	results := s.await(request.Callback, accepted)
	if err := s.client.Publish(protocol.PromiseSubject(tillBucket, "s.2"), nil); err != nil {
		t.Fatal(err)
	}
	s.eventually("the errand was tried", func() bool { return s.consumed() > 1 })
	if s.owed() != 1 {
		t.Fatal("the errand was dropped")
	}
	s.want(tillRequest, request, "RequestPayment_pending", "")
	results.next()
}

// TestErrandsEndWithTheService: nothing of a service that has attended to what it
// owes goes on when it has stopped.
func TestErrandsEndWithTheService(t *testing.T) {
	s := newStage(t)
	results := s.await(protocol.SubjectCallbacks, accepted)
	s.want(tillRequest, request, "RequestPayment_pending", "")
	results.next()
	cfg := s.nats.Config(t)
	run := func() {
		till, err := newTill(cfg, s.vault)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(till.Start(soon(t)), till.Stop(soon(t))); err != nil {
			t.Fatal(err)
		}
	}
	run() // the connection starts what stays
	before := goleak.IgnoreCurrent()
	run()
	goleak.VerifyNone(t, before)
}
