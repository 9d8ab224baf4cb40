package saga_test

import (
	"bytes"
	"encoding/json"

	"amends/saga"
)

// The invariants are named I1 to I12. Those about the
// journal (I7, I9) stand with it in sim_journal_test.go, those about the fence
// (I5, I10, I11) with the participants.

// mayCommand is asked before every command: its owner must have journaled what
// it acts on, and the command must be due.
func (w *world) mayCommand(o *owner, e saga.Send) {
	r := &w.record
	n := len(o.journal)
	switch {
	case n == 0 || n > len(r.events) || o.journal[n-1] != r.events[n-1]:
		w.violate("I9 single writer", "step %d is commanded by an owner whose journal is not the journal", e.Step)
	case !r.begun[direction(e.Compensating)][e.Step]:
		w.violate("I5 no orphan", "step %d is commanded before the journal says so", e.Step)
	case o.state.Due > w.now:
		w.violate("I6 waits", "step %d is commanded %d µs too early", e.Step, o.state.Due-w.now)
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

// tellClient hears what the client is told: only what the journal says, and the
// same for ever.
func (w *world) tellClient(phase saga.Phase) {
	if w.tell {
		w.log("the client is told %s", phase)
	}
	if w.record.state.Phase != phase {
		w.violate("I8 no early answer", "the client is told %s, the journal says %s", phase, w.record.state.Phase)
	}
	if w.told != "" && w.told != phase {
		w.violate("I8 one outcome", "the client is told %s after %s", phase, w.told)
	}
	w.told = phase
}

// audit looks at a saga when nothing can happen any more.
func (w *world) audit() {
	s := &w.record.state
	switch {
	case s.Phase.Live() || s.Phase == "" || w.told != s.Phase:
		w.violate("I6 ends", "it is %q, nothing will happen any more, and the client was told %q", s.Phase, w.told)
	case w.ended > w.lastFault.Add(w.variant.patience):
		w.violate("I6 ends", "it took %d s after the last fault", (w.ended-w.lastFault)/saga.Instant(second))
	case s.Phase == saga.Stuck && !w.record.history.alarmed:
		w.violate("I6 visible", "it is STUCK without a reason")
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
	standing := p.done - p.undone
	least, most := 0, 0
	switch s.Steps[i].Status {
	case saga.StepCompleted:
		least, most = 1, 1
	case saga.StepCompensationFailed, saga.StepUnknown, saga.StepRunning, saga.StepCompensating:
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
	if status := s.Steps[i].Status; s.Phase.Terminal() && (status == saga.StepUnknown || status == saga.StepRunning) {
		w.violate("I11 unknown", "the saga is %s and step %d is %s", s.Phase, i+1, status)
	}
}

// auditLedger adds everything up: all of it, or nothing.
func (w *world) auditLedger(phase saga.Phase) {
	if phase == saga.Stuck {
		return
	}
	var want ledger
	for i := range w.def.Steps {
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
	if a.Phase != b.Phase || a.Seq != b.Seq || a.Cursor != b.Cursor || a.Attempt != b.Attempt || a.Due != b.Due ||
		a.Since != b.Since || a.Absent != b.Absent || a.Code != b.Code || a.Reason != b.Reason || a.Incident != b.Incident ||
		a.Began != b.Began || a.Deadline != b.Deadline || len(a.Steps) != len(b.Steps) {
		return false
	}
	for i := range a.Steps {
		x, y := &a.Steps[i], &b.Steps[i]
		if x.Status != y.Status || x.Attempts != y.Attempts || x.Compensations != y.Compensations ||
			x.LastError != y.LastError || !sameFields(x.Kept, y.Kept) {
			return false
		}
	}
	return a.Start.SagaID == b.Start.SagaID && a.Start.OrderID == b.Start.OrderID && sameFields(a.Start.Request, b.Start.Request)
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
