package order

import (
	"cmp"

	"amends/protocol"
	"amends/saga"
)

// Fact is one domain event of an order.
type Fact struct {
	Seq  int // number of the event of the journal that it follows from, from 1
	At   saga.Instant
	Name string // protocol.EventPaymentCharged; no two facts of one Seq share it
	Body any    // becomes a JSON object
}

// Note is a line for the log that follows from an event of the journal (S1-10).
type Note struct {
	Seq   int
	Text  string
	Cause string // of a failure
}

// Tell says which domain events follow from the journal of a saga, in their order.
// def is the definition that the saga began with. The journal only grows, and so
// does what is told: what was told of its beginning is the beginning of what is
// told of all of it.
func Tell(def *saga.Definition, events []saga.Event) ([]Fact, []Note) {
	t := teller{def: def, believed: make(map[int]belief)}
	for i := range events {
		t.seq, t.at = i+1, events[i].At
		t.hear(&events[i])
	}
	return t.facts, t.notes
}

// teller knows what has been told of a saga so far.
type teller struct {
	def   *saga.Definition
	state saga.State
	seq   int          // of the event that is being heard
	at    saga.Instant // when it happened
	terms terms

	believed  map[int]belief // by step: what whoever listens believes
	back      bool           // the saga has turned back
	refunded  bool           // money that was taken was given back
	cancelled bool
	by        string // who wanted the saga undone

	facts []Fact
	notes []Note
}

// belief is what has been told of a step. It decides how the end of a
// compensation is told: a charge that nobody has heard of is not told as
// refunded.
type belief int

const (
	nothing belief = iota
	wasDone
	hasFailed
	wasUndone
)

// hear tells what follows from the next event of the journal. It does not look at
// what the event is so much as at what it changes: however a step came to be
// done (by an answer, a question, a callback, or by hand), it is told the same.
func (t *teller) hear(e *saga.Event) {
	before := t.state
	after, _ := saga.Next(t.def, before, *e)
	if after.Seq == before.Seq {
		return // it changed nothing
	}
	if e.Type == saga.Migrated {
		t.def = e.Definition
	}
	t.state = after
	t.back = t.back || after.Phase == saga.Compensating || after.Phase == saga.Aborted
	if e.Type == saga.Started {
		t.accepted(e)
	}
	if 1 <= e.Step && e.Step <= len(before.Steps) {
		t.hearStep(e, &before, &after)
	}
	t.hearSaga(e, &before, &after)
	t.noteBeginnings(&before, &after)
}

// say adds a fact.
func (t *teller) say(name string, body any) {
	t.facts = append(t.facts, Fact{Seq: t.seq, At: t.at, Name: name, Body: body})
}

func (t *teller) note(text, cause string) {
	t.notes = append(t.notes, Note{Seq: t.seq, Text: text, Cause: cause})
}

func (t *teller) accepted(e *saga.Event) {
	t.terms = termsOf(e.Start)
	fact := t.fact(e)
	fact.Items, fact.Amount, fact.Currency = t.terms.items, t.terms.amount, t.terms.currency
	t.say(protocol.EventOrderAccepted, fact)
}

// hearStep tells what has become of the step that an event is about.
func (t *teller) hearStep(e *saga.Event, before, after *saga.State) {
	was, is := &before.Steps[e.Step-1], &after.Steps[e.Step-1]
	turned := func(to saga.StepStatus) bool { return is.Status == to && was.Status != to }
	switch {
	case len(after.Order) > len(before.Order) || is.Regretted && !was.Regretted:
		t.done(e)
	case turned(saga.StepFailed):
		t.failed(e)
	case turned(saga.StepCompensated):
		t.undone(e, is)
	}
	if e.Type == saga.StepResolved && is.Status == saga.StepFailed {
		t.by = e.By
	}
}

// done tells that a step was done. When the saga has turned back already it will
// be undone again; document 001 has no words for that, so they are not used: the
// order is not paid by a charge that comes too late.
func (t *teller) done(e *saga.Event) {
	m := t.moment(e, e.Fields)
	if !t.back {
		for _, w := range m.words.done001 {
			t.say(w.name, w.body(&m))
		}
	}
	t.say(m.words.done, m.fact())
	t.believed[e.Step] = wasDone
}

// failed tells that a step was certainly not done: it was declined, or a person
// has decided so.
func (t *teller) failed(e *saga.Event) {
	m := t.moment(e, e.Fields)
	m.cause = "skipped"
	if e.Type == saga.StepDeclined {
		m.cause = cmp.Or(e.Code, "declined")
		for _, w := range m.words.declined001 {
			t.say(w.name, w.body(&m))
		}
	}
	t.say(m.words.failed, m.fact())
	t.believed[e.Step] = hasFailed
}

// undone tells that nothing stands any more of a step. Of one whose outcome never
// became known it is told that it was not done: that is so from now on.
func (t *teller) undone(e *saga.Event, step *saga.StepState) {
	fields := step.Kept
	if step.Regretted {
		fields = step.Late
	}
	m := t.moment(e, fields)
	switch t.believed[e.Step] {
	case wasDone:
		t.say(m.words.undone, m.fact())
		t.refunded = t.refunded || m.words.takesMoney
		t.believed[e.Step] = wasUndone
	case nothing:
		m.cause = cmp.Or(t.state.Code, "unknown")
		t.say(m.words.failed, m.fact())
		t.believed[e.Step] = hasFailed
	case hasFailed, wasUndone: // it was told already
	}
}

// hearSaga tells what has become of the order as a whole.
func (t *teller) hearSaga(e *saga.Event, before, after *saga.State) {
	if e.Type == saga.CancelRequested {
		t.by = cmp.Or(e.By, protocol.CancelledByUnknown)
	}
	at := timestamp(e.At)
	if cause := failure(e, before, after); cause != "" {
		t.say(protocol.Event001OrderFulfillmentFailed, protocol.OrderFulfillmentFailedEvent{
			OrderID: t.orderID(), ErrorMessage: cause, FailedAt: at,
		})
		t.note("Failed to fulfill order", cause)
	}
	switch {
	case after.Phase == before.Phase:
	case after.Phase == saga.Completed:
		t.say(protocol.EventOrderCompleted, t.fact(e))
		t.note("Order fulfilled successfully", "")
	case after.Phase == saga.Aborted && !t.cancelled:
		t.cancelled = true
		t.say(protocol.Event001OrderCancelled, protocol.OrderCancelledEvent{
			OrderID: t.orderID(), CancelledBy: cmp.Or(t.by, protocol.CancelledBySystem), Reason: after.Reason,
			RefundIssued: t.refunded, CancelledAt: at,
		})
		t.note("Order cancelled: "+after.Reason, "")
	}
}

// failure says what has gone wrong, if it is more than a refusal of the business
// or a change of mind (S1-09); "" otherwise.
func failure(e *saga.Event, before, after *saga.State) string {
	switch {
	case after.Phase == saga.Stuck && before.Phase != saga.Stuck:
		return trouble(after)
	case after.Phase == saga.Killed && before.Phase != saga.Killed:
		return "killed: " + e.Reason
	case before.Phase != saga.Running || after.Phase == saga.Running:
		return ""
	}
	switch e.Type {
	case saga.DeadlinePassed, saga.StepUnavailable, saga.StepTimedOut, saga.StepTaken, saga.StepNotFound, saga.StepNotTold:
		return after.Reason
	}
	return ""
}

// trouble is why a saga needs a person, as far as it was noticed last.
func trouble(s *saga.State) string {
	if len(s.Incidents) == 0 {
		return "a person is needed"
	}
	return s.Incidents[len(s.Incidents)-1].Cause
}

// noteBeginnings tells the log which steps begin for the first time (S1-10).
func (t *teller) noteBeginnings(before, after *saga.State) {
	for i := range after.Steps {
		begun := i < len(before.Steps) && before.Steps[i].Status != saga.StepPending
		if after.Steps[i].Status == saga.StepRunning && !begun {
			if text := vocabularyOf(t.def.Step(i + 1)).begins; text != "" {
				t.note(text, "")
			}
		}
	}
}

func (t *teller) orderID() string { return t.state.Start.OrderID }

// fact is the body of an event about the order as a whole.
func (t *teller) fact(e *saga.Event) protocol.OrderFact {
	return protocol.OrderFact{
		SagaID: t.state.Start.SagaID, OrderID: t.orderID(), Definition: t.state.Start.Definition,
		UserID: t.terms.userID, Timestamp: timestamp(e.At),
	}
}
