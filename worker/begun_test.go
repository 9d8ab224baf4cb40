package worker_test

import (
	"strings"
	"sync"
	"testing"

	"amends/protocol"
	"amends/worker"
)

// TestBegunIsStoredBeforeAnybodyIsAsked: at the moment in which the outside hears
// of a command for the first time, the participant cannot forget it any more (D6,
// D24). Then one more write has verdict and row.
func TestBegunIsStoredBeforeAnybodyIsAsked(t *testing.T) {
	s := newStage(t)
	var then worker.Memory[coins]
	s.vault.set(func(string) error { then = s.record("s.2"); return nil }, nil)
	got := s.want(tillCharge, chargeStep, "ChargePayment_ok", `"receipt":"s.2.do"`)
	if then.Promise == nil || then.Action != nil || then.Effect.Steps[2] != "begun" {
		t.Errorf("when the vault was asked there was %+v", then)
	}
	now := s.record("s.2")
	if now.Promise != nil || now.Action == nil || string(now.Action.Reply) != got || now.Effect.Steps[2] != "taken" {
		t.Errorf("in the end there is %+v", now)
	}
	if again := s.ask(tillCharge, chargeStep); again != got {
		t.Errorf("again: got %s", again)
	}
	if s.vault.said() != "submit s.2.do" || s.writes() != 2 || s.owed() != 0 {
		t.Errorf("the vault heard: %s; %d writes, %d owed", s.vault.said(), s.writes(), s.owed())
	}
}

// TestNoAnswerIsNoVerdict: a time-out says nothing about what was done. The next
// attempt looks for it first, and asks for it only if there is nothing (D9).
func TestNoAnswerIsNoVerdict(t *testing.T) {
	away := func(string) error { return errAway }
	for name, test := range map[string]struct {
		before, after func(string) error
		heard         string
	}{
		"it was done":     {nil, away, "submit s.2.do, find s.2.do"},
		"it was not done": {away, nil, "submit s.2.do, find s.2.do, submit s.2.do"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.vault.set(test.before, test.after)
			s.want(tillCharge, chargeStep, "ChargePayment_error", `"retryable":true`)
			s.vault.set(nil, nil)
			s.want(tillCharge, chargeStep, "ChargePayment_ok", "s.2.do")
			if s.vault.said() != test.heard {
				t.Errorf("the vault heard: %s, want %s", s.vault.said(), test.heard)
			}
		})
	}
}

// TestQueryFindsWhatWasDone: the question for an outcome looks outside, too, and
// never asks for anything to be done (D9).
func TestQueryFindsWhatWasDone(t *testing.T) {
	s := newStage(t)
	s.vault.set(func(string) error { return errAway }, nil)
	s.want(tillCharge, chargeStep, "ChargePayment_error", "unavailable")
	s.vault.set(nil, nil)
	if told := s.query(2); told.Outcome != protocol.OutcomeNone {
		t.Errorf("of what never was done is told %+v", told)
	}
	s.vault.set(nil, func(call string) error {
		if strings.HasPrefix(call, "submit") {
			return errAway
		}
		return nil
	})
	s.want(tillCharge, chargeStep, "ChargePayment_error", "unavailable")
	s.vault.set(nil, nil)
	told := s.query(2)
	if told.Outcome != protocol.OutcomeKnown || !strings.Contains(string(told.Reply), "ChargePayment_ok") {
		t.Errorf("of what was done is told %+v", told)
	}
	if again := s.ask(tillCharge, chargeStep); again != string(told.Reply) {
		t.Errorf("the question told %s, the command %s", told.Reply, again)
	}
	if n := s.vault.heard("submit"); n != 2 {
		t.Errorf("it was submitted %d times", n)
	}
}

// TestNotDecidedYet: an outside that has taken a command in is asked again.
func TestNotDecidedYet(t *testing.T) {
	s := newStage(t)
	s.vault.later = true
	s.want(tillCharge, chargeStep, "ChargePayment_error", "in_progress")
	if told := s.query(2); told.Outcome != protocol.OutcomePending {
		t.Errorf("told %+v", told)
	}
	s.want(tillCharge, chargeStep, "ChargePayment_error", `"retry_after_ms"`)
	s.vault.decide()
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "s.2.do")
}

// TestCompensationBeforeTheOutcome: a compensation of what is not decided is
// accepted at once, the action is declined for ever, and the outside is told until
// it has listened (F6).
func TestCompensationBeforeTheOutcome(t *testing.T) {
	away := func(string) error { return errAway }
	for name, test := range map[string]struct{ before, after func(string) error }{
		"it was done":     {nil, away},
		"it was not done": {away, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.vault.set(test.before, test.after)
			s.want(tillCharge, chargeStep, "ChargePayment_error", "unavailable")
			undone := s.want(tillRefund, refundStep, "RefundPayment_ok", "")
			no := s.want(tillCharge, chargeStep, "ChargePayment_failed", worker.ReasonCompensated)
			s.eventually("the vault was asked twice", func() bool { return s.vault.heard("withdraw") >= 2 })
			s.vault.set(nil, nil)
			s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
			if s.vault.has("s.2.do") {
				t.Error("the vault still has it")
			}
			m := s.record("s.2")
			if m.Promise != nil || m.Action.Accepted || !m.Compensation.Accepted || m.Effect.Steps[2] != "back" {
				t.Errorf("there is %+v", m)
			}
			if again := s.ask(tillCharge, chargeStep); again != no {
				t.Errorf("the action again: %s", again)
			}
			if again := s.ask(tillRefund, refundStep); again != undone {
				t.Errorf("the compensation again: %s", again)
			}
			if told := s.query(2); string(told.Reply) != no {
				t.Errorf("told %+v", told)
			}
		})
	}
}

// TestCompensationIsAskedForUntilItIsDone: what undoes a step is begun and decided
// like the step itself.
func TestCompensationIsAskedForUntilItIsDone(t *testing.T) {
	s := newStage(t)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	s.vault.set(nil, func(string) error { return errAway })
	s.want(tillRefund, refundStep, "RefundPayment_error", `"retryable":true`)
	reversal := refundStep
	reversal.Reversal = true
	s.want(tillRefund, reversal, "RefundPayment_error", "unavailable") // another one is on its way
	s.vault.set(nil, nil)
	s.want(tillRefund, refundStep, "RefundPayment_ok", "")
	s.want(tillRefund, reversal, "RefundPayment_ok", "")
	if m := s.record("s.2"); m.Effect.Steps[2] != "back" || m.Promise != nil || !m.Action.Accepted {
		t.Errorf("there is %+v", m)
	}
	if n := s.vault.heard("submit s.2.undo"); n != 1 {
		t.Errorf("it was submitted %d times", n)
	}
}

// TestTwoReplicasBeginOnce: of many attempts at once on two replicas, one verdict
// comes, whatever the outside is asked meanwhile.
func TestTwoReplicasBeginOnce(t *testing.T) {
	s := newStage(t)
	s.open(nil)
	const attempts = 40
	answers := make([]string, attempts)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = s.ask(tillCharge, chargeStep) })
	}
	all.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, "ChargePayment_ok") {
			t.Fatalf("got %s and %s", answers[0], a)
		}
	}
	if s.writes() != 2 {
		t.Errorf("%d writes, want 2: what was begun, and the verdict", s.writes())
	}
}

func TestAGuardedBookConsultsNobody(t *testing.T) {
	s := newStage(t)
	book := worker.NewGuardedBook[coins]("GUARDED", "", nil).Consult(s.vault)
	if _, err := worker.New(s.nats.Config(t), "guarded", book); err == nil {
		t.Error("made a service that decides in two ways")
	}
}
