package orchestrator

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"amends/protocol"
	"amends/saga"
)

// S0-05, S0-13: the three steps in order, then the terminal message.
func TestACheckoutCompletes(t *testing.T) {
	s := newStage(t)
	s.prices(s.orchestrator("one"))
	out := s.start("c1", 5000)
	if out.Type != protocol.TypeCheckoutComplete || out.Status != "COMPLETED" || out.OrderID == "" {
		t.Errorf("answered %+v", out)
	}
	if got := strings.Join(s.commands(), " "); got != "c1.1.do c1.2.do c1.3.do" {
		t.Errorf("commands %s", got)
	}
}

// S0-18, S0-19: what was done before the declined step is undone, in reverse,
// and the declined step is not.
func TestADeclineIsCompensatedInReverse(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCreateShipment, declined)
	s.prices(s.orchestrator("one"))
	out := s.start("c1", 5000)
	if out.Type != protocol.TypeCheckoutFailed || out.Status != "ABORTED" || out.Reason != "Shipping failed: no" {
		t.Errorf("answered %+v", out)
	}
	if got := strings.Join(s.commands(), " "); got != "c1.1.do c1.2.do c1.3.do c1.2.undo c1.1.undo" {
		t.Errorf("commands %s", got)
	}
}

// The journal has five times for every attempt: four in the event, the fifth
// beside it.
func TestEveryAttemptIsTimed(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.start("c1", 5000)
	id, err := protocol.ParseSagaID("c1")
	s.must(err)
	j, _, err := o.records.load(t.Context(), id)
	s.must(err)
	for n, e := range j.Sequence {
		if e.Type == saga.Started {
			continue
		}
		if e.Times == nil || e.Times.Queued == 0 || e.Times.Sent < e.Times.Queued || e.At < e.Times.Sent {
			t.Errorf("event %d has times %+v, at %d", n+1, e.Times, e.At)
		}
	}
	// The last one is the time of the record itself.
	if len(j.Persisted) != len(j.Sequence) {
		t.Errorf("%d of %d events have the time when they were stored", len(j.Persisted), len(j.Sequence))
	}
}

// S4-18: a missing worker is waited for, visibly, and costs no attempt.
func TestAMissingWorkerIsWaitedFor(t *testing.T) {
	s := newStage(t)
	s.away(protocol.SubjectCharge)
	s.prices(s.orchestrator("one"))
	if out := s.start("c1", 0); out.Type != protocol.TypeCheckoutAccepted {
		t.Errorf("answered %+v", out)
	}
	s.eventually("the status says what is waited for", func() bool {
		return strings.Contains(s.status("c1").WaitingFor, "a worker of payment on payment.charge")
	})
	s.listen(protocol.SubjectCharge)
	s.ends("c1", "COMPLETED")
	if attempts := s.status("c1").Steps[1].Attempts; attempts != 1 {
		t.Errorf("%d attempts were counted", attempts)
	}
}

// An answer without payment_id is no yes.
func TestAnAnswerThatLacksAFieldIsNoYes(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCharge, func(c protocol.Command) string { return ok(c, "") })
	s.prices(s.orchestrator("one", func(c *Config) { impatient(c.Definitions["checkout"]) }))
	out := s.start("c1", 15000)
	if out.Status != "ABORTED" || !strings.Contains(out.Reason, "malformed_reply") {
		t.Errorf("answered %+v", out)
	}
	if !slices.Contains(s.commands(), "c1.2.undo") {
		t.Errorf("the charge may have happened and was not undone: %v", s.commands())
	}
}

// impatient makes a definition give up soon.
func impatient(def *saga.Definition) {
	for n := range def.Steps {
		for _, op := range []*saga.Operation{&def.Steps[n].Action, &def.Steps[n].Compensation} {
			op.Retry = saga.Retry{Attempts: 2, Initial: saga.Millisecond, Max: saga.Millisecond}
			op.Timeout = 100 * saga.Millisecond
		}
	}
}

// D9, D10: no answer is unknown, not failed: the step itself is undone, too.
func TestSilenceIsUnknown(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCharge, func(protocol.Command) string { return "" })
	s.prices(s.orchestrator("one", func(c *Config) { impatient(c.Definitions["checkout"]) }))
	out := s.start("c1", 15000)
	if out.Status != "ABORTED" {
		t.Errorf("answered %+v", out)
	}
	if got := strings.Join(s.commands(), " "); got != "c1.1.do c1.2.do c1.2.do c1.2.undo c1.1.undo" {
		t.Errorf("commands %s", got)
	}
}

// X5: a compensation that fails for good leaves the saga STUCK, never ABORTED,
// and the others are undone all the same.
func TestAFailedCompensationIsStuck(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectCreateShipment, declined)
	s.answer(protocol.SubjectRefund, declined)
	s.prices(s.orchestrator("one"))
	out := s.start("c1", 15000)
	if out.Type != protocol.TypeCheckoutFailed || out.Status != "STUCK" {
		t.Errorf("answered %+v", out)
	}
	status := s.status("c1")
	if len(status.Incidents) == 0 || status.Reason != "Shipping failed: no" {
		t.Errorf("status %+v", status)
	}
	if commands := s.commands(); commands[len(commands)-1] != "c1.1.undo" {
		t.Errorf("commands %v", commands)
	}
}

// A7: same id, same content: the same saga, also while it runs; other content is
// a conflict.
func TestARepeatedStartIsTheSameSaga(t *testing.T) {
	s := newStage(t)
	s.away(protocol.SubjectCharge)
	s.prices(s.orchestrator("one"))
	s.start("c1", 0)
	if out := s.start("c1", 0); out.Type != protocol.TypeCheckoutAccepted {
		t.Errorf("while it runs: %+v", out)
	}
	other := `{"saga_id":"c1","user_id":"u43","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`
	var refusal protocol.Error
	s.ask(protocol.SubjectStart, other, &refusal)
	if refusal.Code != protocol.CodeSagaIDConflict {
		t.Errorf("other content while it runs: %+v", refusal)
	}
	s.listen(protocol.SubjectCharge)
	s.ends("c1", "COMPLETED")
	if out := s.start("c1", 5000); out.Type != protocol.TypeCheckoutComplete {
		t.Errorf("after the end: %+v", out)
	}
	s.ask(protocol.SubjectStart, other, &refusal)
	if refusal.Code != protocol.CodeSagaIDConflict {
		t.Errorf("other content after the end: %+v", refusal)
	}
	if got := strings.Join(s.commands(), " "); got != "c1.1.do c1.2.do c1.3.do" {
		t.Errorf("commands %s", got)
	}
}

// X7: the client that waits gets its answer as soon as the saga ends, also from
// a repeated start.
func TestARepeatedStartWaitsForTheEnd(t *testing.T) {
	s := newStage(t)
	s.away(protocol.SubjectCharge)
	s.prices(s.orchestrator("one"))
	s.start("c1", 0)
	answered := make(chan protocol.Outcome, 1)
	go func() {
		m, err := s.client.Request(protocol.SubjectStart, []byte(`{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St","wait_ms":15000}`), patience)
		var out protocol.Outcome
		if err == nil {
			_ = json.Unmarshal(m.Data, &out)
		}
		answered <- out
	}()
	s.listen(protocol.SubjectCharge)
	if out := <-answered; out.Type != protocol.TypeCheckoutComplete {
		t.Errorf("answered %+v", out)
	}
}

// D22, A2: a product without a price cannot be charged for; nothing is left
// standing.
func TestAProductWithoutAPriceIsNotCharged(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	o.prices.mu.Lock()
	o.prices.products["other"] = o.prices.products["abc123"]
	delete(o.prices.products, "abc123")
	o.prices.mu.Unlock()
	out := s.start("c1", 5000)
	if out.Status != "ABORTED" || !strings.HasPrefix(out.Reason, "ChargePayment needs amount") {
		t.Errorf("answered %+v", out)
	}
	if got := strings.Join(s.commands(), " "); got != "c1.1.do c1.1.undo" {
		t.Errorf("commands %s", got)
	}
}
