package worker_test

import (
	"strings"
	"sync"
	"testing"

	"amends/protocol"
	"amends/worker"
)

// TestGuest: a command that acts on the row of an earlier step keeps its fence
// there, so that both change in one write; a compensation that does not know where
// finds it.
func TestGuest(t *testing.T) {
	s := newStage(t)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	before := s.writes()
	got := s.want(tillCapture, captureOf(4, 2), "CapturePayment_ok", "s.4.do")
	if n := s.writes() - before; n != 3 {
		t.Errorf("%d writes, want 3: where it is, what was begun, the verdict", n)
	}
	m := s.record("s.2")
	if guest := m.Guests[4]; guest.Action == nil || string(guest.Action.Reply) != got || m.Effect.Steps[4] != "taken" || m.Effect.Steps[2] != "taken" {
		t.Errorf("the host has %+v", m)
	}
	if own := s.record("s.4"); own.Host != 2 || own.Fence != (worker.Fence{}) || own.Effect != nil {
		t.Errorf("its own record has %+v", own)
	}
	before = s.writes()
	if again := s.ask(tillCapture, captureOf(4, 2)); again != got || s.writes() != before {
		t.Errorf("again: %s, %d writes", again, s.writes()-before)
	}
	if told := s.query(4); string(told.Reply) != got {
		t.Errorf("told %+v", told)
	}
	s.want(tillCapture, captureOf(4, 1), "CapturePayment_error", "idempotency_conflict")
	undone := s.want(tillRefund, refundOf(4, 0), "RefundPayment_ok", "")
	if again := s.ask(tillRefund, refundOf(4, 0)); again != undone {
		t.Errorf("undone again: %s", again)
	}
	if m := s.record("s.2"); m.Effect.Steps[4] != "back" || m.Effect.Steps[2] != "taken" {
		t.Errorf("the row is %+v", m.Effect)
	}
}

// TestGuestUndoneFirst: the tombstone of a guest keeps it away, wherever it is.
func TestGuestUndoneFirst(t *testing.T) {
	s := newStage(t)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	s.want(tillRefund, refundOf(4, 0), "RefundPayment_ok", "")
	s.want(tillCapture, captureOf(4, 2), "CapturePayment_failed", worker.ReasonCompensated)
	if m := s.record("s.2"); len(m.Guests) != 0 || len(m.Effect.Steps) != 1 {
		t.Errorf("the host has %+v", m)
	}
}

// TestGuestKilledOnItsWay: between the pointer and what it points to.
func TestGuestKilledOnItsWay(t *testing.T) {
	for name, undoFirst := range map[string]bool{"then it comes again": false, "then it is undone": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
			s.put("s.4", worker.Memory[coins]{SagaID: "s", Step: 4, Host: 2})
			if told := s.query(4); told.Outcome != protocol.OutcomeNone {
				t.Errorf("told %+v", told)
			}
			if undoFirst {
				s.want(tillRefund, refundOf(4, 0), "RefundPayment_ok", "")
				s.want(tillCapture, captureOf(4, 2), "CapturePayment_failed", worker.ReasonCompensated)
				return
			}
			s.want(tillCapture, captureOf(4, 2), "CapturePayment_ok", "")
		})
	}
}

// TestGuestOfNobody: a command that names no earlier step of its saga, or one that
// has no row, is declined for good by its ledger; one that names a later step makes
// no sense.
func TestGuestOfNobody(t *testing.T) {
	s := newStage(t)
	s.want(tillCapture, captureOf(4, 5), "error", `"field":"step"`)
	s.want(tillRefund, refundOf(4, 60), "error", `"field":"step"`)
	for step, host := range map[int]int{4: 3, 5: 5, 7: 0} {
		no := s.want(tillCapture, captureOf(step, host), "CapturePayment_failed", "nothing_there")
		if again := s.ask(tillCapture, captureOf(step, host)); again != no {
			t.Errorf("again: %s", again)
		}
		s.want(tillRefund, refundOf(step, 0), "RefundPayment_ok", "")
	}
	if s.vault.said() != "" {
		t.Errorf("the vault heard: %s", s.vault.said())
	}
}

// TestHostIsNoGuest: a record that has guests does not move away from them.
func TestHostIsNoGuest(t *testing.T) {
	s := newStage(t)
	no := s.want(tillCapture, captureOf(4, 3), "CapturePayment_failed", "nothing_there")
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	s.want(tillCapture, captureOf(3, 2), "CapturePayment_failed", "nothing_there")
	if again := s.ask(tillCapture, captureOf(4, 3)); again != no {
		t.Errorf("the guest is forgotten: %s", again)
	}
}

// TestGuestsAtOnce: captures of one row by many steps on two replicas do not lose
// each other.
func TestGuestsAtOnce(t *testing.T) {
	s := newStage(t)
	s.open(nil)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	var all sync.WaitGroup
	for step := 3; step < 13; step++ {
		for range 2 {
			all.Go(func() {
				if got := s.ask(tillCapture, captureOf(step, 2)); !strings.Contains(got, "_ok") {
					t.Errorf("step %d: %s", step, got)
				}
			})
		}
	}
	all.Wait()
	m := s.record("s.2")
	if len(m.Guests) != 10 || len(m.Effect.Steps) != 11 {
		t.Errorf("the host has %d guests and %+v", len(m.Guests), m.Effect)
	}
}

// TestUndoOfAPart: a compensation that names the row of another step takes a part
// of it back, with a key of its own, and once.
func TestUndoOfAPart(t *testing.T) {
	s := newStage(t)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	s.want(tillCapture, captureOf(4, 2), "CapturePayment_ok", "")
	for host, where := range map[int]int{2: 7, 4: 8} { // 4 is a guest itself
		undone := s.want(tillRefund, refundOf(where, host), "RefundPayment_ok", "")
		if again := s.ask(tillRefund, refundOf(where, host)); again != undone {
			t.Errorf("again: %s", again)
		}
		reversal := refundOf(where, host)
		reversal.Reversal = true
		s.want(tillRefund, reversal, "RefundPayment_ok", "")
		if m := s.record("s.2"); m.Effect.Steps[where] != "back" || m.Guests[where].Reversal == nil {
			t.Errorf("the host has %+v", m)
		}
	}
	if n := s.vault.heard("submit s.7.undo"); n != 1 {
		t.Errorf("it was submitted %d times", n)
	}
	s.want(tillRefund, refundOf(9, 3), "RefundPayment_failed", "nothing_there")
}

// TestGuestIsWithdrawn: what a guest has begun is undone outside like anything
// else, and leaves the row of its host alone.
func TestGuestIsWithdrawn(t *testing.T) {
	s := newStage(t)
	s.want(tillCharge, chargeStep, "ChargePayment_ok", "")
	s.vault.set(nil, func(string) error { return errAway })
	s.want(tillCapture, captureOf(4, 2), "CapturePayment_error", "unavailable")
	s.vault.set(nil, nil)
	s.want(tillRefund, refundOf(4, 0), "RefundPayment_ok", "")
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	m := s.record("s.2")
	if m.Guests[4].Promise != nil || m.Effect.Steps[4] != "back" || m.Effect.Steps[2] != "taken" || s.vault.has("s.4.do") {
		t.Errorf("the host has %+v", m)
	}
}
