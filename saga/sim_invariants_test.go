package saga_test

import (
	"bytes"
	"encoding/json"
	"slices"

	"amends/saga"
)

// The invariants are named I1 to I13. Those about the journal (I7, I9) stand with
// it in sim_journal_test.go, those about the fence (I5, I10, I11) with the
// participants, and that of refusals in sim_outside_test.go.

// mayCommand is asked before every command: its owner must have journaled what
// it acts on, and the command must be due.
func (w *world) mayCommand(o *owner, e saga.Send) {
	r := &w.record
	n := len(o.journal)
	step := &o.state.Steps[e.Step-1]
	switch {
	case n == 0 || n > len(r.events) || o.journal[n-1] != r.events[n-1]:
		w.violate("I9 single writer", "step %d is commanded by an owner whose journal is not the journal", e.Step)
	case !r.begun[directionOf(e.Mode, step.Reversal)][e.Step]:
		w.violate("I5 no orphan", "step %d is commanded before the journal says so", e.Step)
	case step.Due > o.now():
		w.violate("I6 waits", "step %d is commanded %d µs too early", e.Step, step.Due-o.now())
	}
}

// auditEffect is asked after every change of a ledger.
func (w *world) auditEffect(p *participant, step int) {
	l := &w.ledger
	if p.done > 1 {
		w.violate("I2 money", "step %d was done %d times", step, p.done)
	}
	if p.undone > p.done {
		w.violate("I12 refund bounded", "step %d was done %d times and undone %d times", step, p.done, p.undone)
	}
	if l.refunded > l.charged {
		w.violate("I12 refund bounded", "%d charged and %d refunded", l.charged, l.refunded)
	}
	for sku := range l.onHand {
		if l.reserved[sku] < 0 || l.reserved[sku] > l.onHand[sku] {
			w.violate("I1 stock", "SKU %d: %d on hand, %d reserved", sku, l.onHand[sku], l.reserved[sku])
		}
	}
}

// tellClient hears what the client is told: only what the journal says, and of
// what is final the same for ever. An owner that was frozen may tell what is past;
// what is told has a number, so it is passed over.
func (w *world) tellClient(o *owner, phase saga.Phase) {
	if w.tell {
		w.log("the client is told %s", phase)
	}
	n := len(o.journal)
	if o.state.Phase != phase || n > len(w.record.events) || o.journal[n-1] != w.record.events[n-1] {
		w.violate("I8 no early answer", "the client is told %s, the journal says %s", phase, w.record.state.Phase)
	}
	if n < w.toldOf {
		return
	}
	w.toldOf = n
	if final := w.told == saga.Completed || w.told == saga.Killed; final && w.told != phase {
		w.violate("I8 one outcome", "the client is told %s after %s", phase, w.told)
	}
	w.told = phase
}

// audit looks at a saga when nothing can happen any more.
func (w *world) audit() {
	s := &w.record.state
	killed := slices.ContainsFunc(w.record.events, func(e *saga.Event) bool { return e.Type == saga.KillRequested })
	switch {
	case s.Phase.Live() || s.Phase == "" || w.told != s.Phase:
		w.violate("I6 ends", "it is %q, nothing will happen any more, and the client was told %q", s.Phase, w.told)
	case w.ended > w.lastFault.Add(w.variant.patience):
		w.violate("I6 ends", "it took %d s after the last fault", (w.ended-w.lastFault)/saga.Instant(second))
	case w.inbox.present:
		w.violate("I6 ends", "it is %s, and still in the inbox", s.Phase)
	case (s.Phase == saga.Killed) != killed:
		w.violate("I8 one outcome", "it is %s, and that somebody has killed it is %v", s.Phase, killed)
	}
	for _, e := range w.promised {
		if !slices.Contains(w.record.events, e) {
			w.violate("I13 promised", "the result of step %d was answered, and is not in the journal", e.Step)
		}
	}
	w.replay()
	for i := range s.Steps {
		w.auditStep(s, i)
	}
	w.auditLedger(s.Phase)
}

// auditStep compares what the journal says of a step with what stands.
func (w *world) auditStep(s *saga.State, i int) {
	p := &w.participants[i]
	if p.byHand || s.Phase == saga.Killed {
		return // people have answered for it
	}
	standing := p.done - p.undone
	least, most := 0, 0
	switch s.Steps[i].Status {
	case saga.StepCompleted:
		least, most = 1, 1
	case saga.StepCompensationFailed, saga.StepUnknown, saga.StepRunning, saga.StepWaiting, saga.StepQuerying, saga.StepCompensating:
		most = 1
	}
	if standing < least || standing > most {
		w.violate("I4 effects", "step %d is %s in a saga that is %s, and stands %d times", i+1, s.Steps[i].Status, s.Phase, standing)
	}
	if s.Phase == saga.Aborted && standing != 0 {
		w.violate("I4 abort", "the saga is ABORTED and step %d stands", i+1)
	}
	if s.Phase == saga.Completed && standing != 1 {
		w.violate("I3 order", "the saga is COMPLETED and step %d stands %d times", i+1, standing)
	}
}

// auditLedger adds everything up: all of it, or nothing.
func (w *world) auditLedger(phase saga.Phase) {
	if phase == saga.Stuck || phase == saga.Killed {
		return
	}
	var want ledger
	for i := range w.record.def.Steps {
		if w.participants[i].byHand {
			return
		}
		if phase == saga.Completed {
			want.book(i+1, w.participants[i].amount)
		}
	}
	l := &w.ledger
	switch {
	case l.reserved != want.reserved:
		w.violate("I1 stock", "the saga is %s, reserved are %v, should be %v", phase, l.reserved, want.reserved)
	case l.charged-l.refunded != want.charged:
		w.violate("I2 money", "the saga is %s, charged are %d, should be %d", phase, l.charged-l.refunded, want.charged)
	case l.labels-l.cancelled != want.labels:
		w.violate("I3 order", "the saga is %s, labels are %d, should be %d", phase, l.labels-l.cancelled, want.labels)
	}
}

// sameState is reflect.DeepEqual, but fast.
func sameState(a, b *saga.State) bool {
	if a.Phase != b.Phase || a.Seq != b.Seq || a.Frozen != b.Frozen || a.Code != b.Code || a.Reason != b.Reason ||
		a.Began != b.Began || a.Deadline != b.Deadline || !slices.EqualFunc(a.Steps, b.Steps, sameStep) ||
		!slices.Equal(a.Order, b.Order) || !slices.Equal(a.Incidents, b.Incidents) {
		return false
	}
	return a.Start.SagaID == b.Start.SagaID && a.Start.OrderID == b.Start.OrderID && sameFields(a.Start.Request, b.Start.Request)
}

func sameStep(x, y saga.StepState) bool {
	if !sameFields(x.Kept, y.Kept) || !sameFields(x.Late, y.Late) {
		return false
	}
	return x.Status == y.Status && x.Attempt == y.Attempt && x.Due == y.Due && x.Since == y.Since && x.Absent == y.Absent &&
		x.Attempts == y.Attempts && x.Compensations == y.Compensations && x.Before == y.Before && x.LastError == y.LastError &&
		x.RequestID == y.RequestID && x.Taken == y.Taken && x.Regretted == y.Regretted && x.Reversal == y.Reversal
}

func sameFields(a, b map[string]json.RawMessage) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if !bytes.Equal(value, b[name]) {
			return false
		}
	}
	return true
}
