package saga_test

import (
	"slices"

	"amends/saga"
)

// outside is somebody who adds to the record without owning the saga: a gateway
// that has the act of a person, or a result that was promised for later. It loads
// the record, asks the core, appends by compare-and-set, keeping owner and epoch,
// and loads again on a conflict. Whoever asked is answered only then.
type outside struct {
	event *saga.Event
	place place
	sent  bool // a write was not acknowledged
	write *write

	promise *promise // of a result: its sender repeats it until it is answered
}

// ask lets somebody act after a while.
func (w *world) ask(e saga.Event, at place, within saga.Duration) {
	x := &outside{event: &e, place: at}
	w.push(happening{at: w.after(nap, at, 0, within), what: intends, outside: x})
}

// load looks at the record and decides what is to be written.
func (x *outside) load(w *world) {
	r := &w.record
	if r.revision == 0 {
		x.again(w, second) // nobody knows the saga yet
		return
	}
	if x.sent && slices.Contains(r.events, x.event) {
		x.stored(w)
		return
	}
	if x.event.At == 0 {
		x.event.At = w.now
		if w.strikes(clockSkewed, x.place) {
			x.event.At = w.now.Add(w.plan.draw(nap, x.place, -hour, hour))
			w.disturbed(w.now.Add(2 * hour))
		}
	}
	next, _ := saga.Next(r.def, r.state, *x.event)
	if refused := saga.Refusal(r.def, &r.state, x.event); x.isAct() && (refused == "") != (next.Seq > r.state.Seq) {
		w.violate("I8 exact refusal", "%s is refused as %q, and goes from %d to %d", x.event.Type, refused, r.state.Seq, next.Seq)
	}
	if next.Seq == r.state.Seq {
		x.refused(w)
		return
	}
	def := r.def
	if x.event.Type == saga.Migrated {
		def = x.event.Definition
	}
	events := append(r.events[:len(r.events):len(r.events)], x.event)
	x.write = &write{expect: r.revision, owner: r.owner, epoch: r.epoch, event: x.event, events: events, state: next, def: def}
	w.push(happening{at: w.after(latency, x.place, 1, 20*ms), what: appends, outside: x})
}

func (x *outside) isAct() bool { return x.event.Via == "" }

func (x *outside) again(w *world, after saga.Duration) {
	w.push(happening{at: w.now.Add(after), what: intends, outside: x})
}

func (x *outside) append(w *world) {
	switch w.send(x.write, x.place) {
	case stored:
		x.stored(w)
	case refused:
		x.again(w, ms)
	case unknown:
		x.sent = true
		x.again(w, writeTimeout)
	}
}

// stored wakes the saga and answers whoever asked.
func (x *outside) stored(w *world) {
	w.disturbed(w.now)
	x.byHand(w)
	if w.strikes(gatewayDies, x.place) {
		w.push(happening{at: w.now.Add(reconcileEvery), what: reconciled})
		w.disturbed(w.now.Add(reconcileEvery))
		return
	}
	if x.promise != nil {
		w.promised = append(w.promised, x.event)
	}
	w.putIn()
	if !w.strikes(nudgeLost, x.place) {
		w.push(happening{at: w.after(latency, x.place, 1, 20*ms), what: nudged, owner: w.record.owner})
	}
	x.answered(w)
}

// refused tells whoever asked that the record stays as it is.
func (x *outside) refused(w *world) {
	if w.tell {
		w.log("  %s of step %d changes nothing", x.event.Type, x.event.Step)
	}
	x.answered(w)
}

// answered ends the sender's repetitions.
func (x *outside) answered(w *world) {
	if x.promise != nil {
		x.promise.kept = true
	}
}

// byHand makes true what a person says of a step: what stands of it is for the
// person to answer. An action that will not be done, and can be undone, is none of
// that: the saga undoes it.
func (x *outside) byHand(w *world) {
	e := x.event
	if e.Type != saga.StepResolved {
		return
	}
	undone := e.As == saga.Skipped && x.write.state.Steps[e.Step-1].Status != saga.StepSkipped
	if !undone || w.record.def.Step(e.Step).Compensation.Type == "" {
		w.participants[e.Step-1].byHand = true
	}
}

// interfere is called wherever somebody could put in a word.
func (w *world) interfere(at place) {
	if w.strikes(rival, at) {
		w.push(happening{at: w.after(nap, at, 0, 3*second), what: delivered, forced: true})
	}
	if o := w.healthy(); o != nil && w.strikes(deadlineSkewed, at) {
		w.push(happening{at: w.now, what: overdue, owner: o.id, forced: true})
	}
	act := func(k kind, e saga.Event) {
		if w.strikes(k, at) {
			e.By, e.Reason = "ann", "because"
			w.ask(e, at, 5*second)
		}
	}
	act(cancelAsked, saga.Event{Type: saga.CancelRequested})
	act(killAsked, saga.Event{Type: saga.KillRequested})
	act(retryAsked, saga.Event{Type: saga.RetryRequested})
	act(migrationAsked, saga.Event{Type: saga.Migrated, Definition: w.variant.version(at)})
	step := min(max(at.step, 1), len(w.variant.kept))
	act(resolvedDone, saga.Event{Type: saga.StepResolved, Step: step, As: saga.ByHand, Fields: w.variant.kept[step-1]})
	act(resolvedSkip, saga.Event{Type: saga.StepResolved, Step: step, As: saga.Skipped})
}
