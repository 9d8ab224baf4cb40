package saga_test

import (
	"slices"

	"amends/saga"
)

// owner is the model of the shell: a cache of the record, a mailbox, timers, and
// what is going on about each step. It keeps the contract of saga/doc.go: journal
// by compare-and-set, then act; a write that was not acknowledged is unknown and
// read back; whoever loses a compare-and-set reloads, and dies unless the record is
// still its own and somebody has only added to it.
type owner struct {
	w       *world
	id      int
	alive   bool
	message int           // of the inbox
	skew    saga.Duration // of its clock

	stalled bool         // what arrives waits in the mailbox
	busy    saga.Instant // until then

	def      *saga.Definition
	state    saga.State
	journal  []*saga.Event
	revision int
	epoch    int

	going   [maxSteps]going // about each step
	token   int             // of the last timer
	expiry  int             // the timer of the deadline that counts
	rested  int             // the timer of leaving that counts
	writing *write          // nil if none
}

// now is what the owner's clock says.
func (o *owner) now() saga.Instant { return o.w.now.Add(o.skew) }

// jump sets the clock of the owner, by up to an hour either way.
func (o *owner) jump(k kind) {
	if o.w.strikes(k, o.place()) {
		o.skew = o.w.plan.draw(nap, o.place(), -hour, hour)
		o.w.disturbed(o.w.now.Add(2 * hour)) // so long may a wait be that it plans
	}
}

// begin starts a new saga, or takes it over.
func (o *owner) begin() {
	if o.w.record.revision == 0 {
		start := o.w.start
		o.def = o.w.variant.def
		o.receive(saga.Event{Type: saga.Started, At: o.now(), Start: &start})
		return
	}
	o.load()
	switch {
	case o.w.broken != nil:
	case o.w.strikes(diesWhileReplaying, o.place()):
		o.die()
	case o.state.Phase.Live():
		o.claim()
	default:
		o.perform(o.state.Pending(o.now()))
	}
}

// load replays the journal.
func (o *owner) load() {
	r := &o.w.record
	o.journal, o.revision, o.epoch = r.events, r.revision, r.epoch
	o.def, o.state = o.w.replay()
}

// claim raises the epoch, before anything else is done.
func (o *owner) claim() {
	o.write(&write{expect: o.revision, owner: o.id, epoch: o.epoch + 1})
}

// place is the first operation in progress.
func (o *owner) place() place {
	if o.state.Phase == "" {
		return place{}
	}
	for i := range o.state.Steps {
		if step := &o.state.Steps[i]; inProgress(step) {
			return place{i + 1, o.state.Mode(i + 1), step.Attempt}
		}
	}
	return place{}
}

// die ends the owner. The inbox message is not acknowledged, so another one
// comes.
func (o *owner) die() {
	o.alive = false
	o.w.again(o)
}

// freeze stops the owner as SIGSTOP does; it goes on where it was. When that
// takes long, the inbox gives the saga to another owner.
func (o *owner) freeze(what what) {
	o.stall(what, o.w.plan.draw(nap, o.place(), second/10, 15*second))
	o.w.again(o)
}

// stall lets nothing reach the owner until it goes on with what it was doing.
func (o *owner) stall(next what, d saga.Duration) {
	o.stalled, o.busy = true, o.w.now.Add(d)
	o.w.push(happening{at: o.busy, what: next, owner: o.id})
}

// happen is the mailbox.
func (o *owner) happen(h *happening) {
	if h.what >= resumedWrite {
		o.stalled = false
	}
	switch h.what {
	case nudged:
		o.refresh()
	case answered:
		o.receive(o.event(&h.message))
		o.w.interfere(h.message.place)
	case timedOut:
		o.giveUpAttempt(h)
	case woken:
		o.wake(h)
	case overdue:
		o.expire(h)
	case lingered:
		if h.token == o.rested {
			o.leave()
		}
	case resumedWrite:
		o.commit()
	case resumedAct:
		o.act()
	case readBack:
		o.readBack()
	case leaves:
		o.acknowledge()
	case checks:
		o.check()
	}
}

// receive is the heart of the shell.
func (o *owner) receive(e saga.Event) {
	next, effects := saga.Next(o.def, o.state, e)
	if next.Seq == o.state.Seq {
		if effects != nil {
			o.perform(effects)
		}
		return
	}
	events := append(o.journal[:len(o.journal):len(o.journal)], &e)
	o.write(&write{expect: o.revision, owner: o.id, epoch: max(o.epoch, 1), event: &e, events: events, state: next, def: o.def})
}

// write is about to be done; the owner may die or freeze before.
func (o *owner) write(x *write) {
	o.writing = x
	o.rested++ // it has something to do
	switch at := o.place(); {
	case o.w.strikes(diesBeforeWrite, at):
		o.die()
	case o.w.strikes(freezesBeforeWrite, at):
		o.freeze(resumedWrite)
	default:
		o.commit()
	}
}

// commit tries the write that is to be done.
func (o *owner) commit() {
	switch o.w.send(o.writing, o.place()) {
	case stored:
		o.committed()
	case refused:
		o.conflict()
	case unknown:
		o.stall(readBack, writeTimeout)
	}
}

// readBack learns what became of a write that nobody acknowledged.
func (o *owner) readBack() {
	r, x := &o.w.record, o.writing
	switch {
	case r.revision == o.revision:
		o.commit() // not there: once more, with the same condition
	case r.owner == o.id && r.epoch == x.epoch && (x.event == nil || slices.Contains(r.events, x.event)):
		o.epoch = x.epoch // it is, and others may have added to it since
		o.adopt()
		o.wrote()
	default:
		o.conflict()
	}
}

// conflict reloads. If the record is still the owner's own, somebody has only
// added to it: what the owner wanted to write is put to the core again. Otherwise
// the saga has another owner.
func (o *owner) conflict() {
	r, x := &o.w.record, o.writing
	switch {
	case x.event == nil && r.epoch == o.epoch: // nobody has claimed it in the meantime
		o.load()
		o.claim()
	case x.event != nil && r.owner == o.id && r.epoch == o.epoch:
		o.writing = nil
		o.adopt()
		if o.act(); o.alive && !o.stalled && o.writing == nil {
			o.receive(*x.event)
		}
	default:
		o.die()
	}
}

// refresh adds to the owner's journal what others have added to the record.
func (o *owner) refresh() {
	r := &o.w.record
	switch {
	case r.revision == o.revision:
	case r.owner == o.id && r.epoch == o.epoch:
		o.adopt()
		o.act()
	default:
		o.die()
	}
}

// adopt goes on from what is in the record now.
func (o *owner) adopt() {
	r, n := &o.w.record, len(o.journal)
	if n > len(r.events) || n > 0 && r.events[n-1] != o.journal[n-1] {
		o.w.violate("I9 single writer", "the journal no longer begins with what its owner has written")
		return
	}
	for _, e := range r.events[n:] {
		o.state, _ = saga.Next(o.def, o.state, *e)
		if e.Type == saga.Migrated {
			o.def = e.Definition
		}
	}
	o.w.adopted += len(r.events) - n
	o.journal, o.revision = r.events, r.revision
}

func (o *owner) committed() {
	x := o.writing
	if o.revision, o.epoch = o.w.record.revision, x.epoch; x.event != nil {
		o.state, o.journal = x.state, x.events
	}
	o.wrote()
}

// wrote goes on after a write is known to be in the journal.
func (o *owner) wrote() {
	claimed := o.writing.event == nil
	o.writing = nil
	switch at := o.place(); {
	case o.w.strikes(diesAfterWrite, at):
		o.die()
	case o.w.strikes(freezesAfterWrite, at):
		o.freeze(resumedAct)
	case claimed && o.state.Phase.Live() && o.w.strikes(poisoned, at):
		o.receive(saga.Event{Type: saga.Quarantined, At: o.now(), Message: "no owner survived it"})
	default:
		o.act()
	}
}
