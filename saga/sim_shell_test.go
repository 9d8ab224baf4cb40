package saga_test

import "amends/saga"

// owner is the model of the shell (orchestrator/instance.go): a cache of the
// record, a mailbox, a timer. It keeps the contract of saga/doc.go: journal by
// compare-and-set, then act; a write that was not acknowledged is unknown and
// read back; whoever loses a compare-and-set dies.
type owner struct {
	w     *world
	id    int
	alive bool

	stalled bool         // what arrives waits in the mailbox
	busy    saga.Instant // until then

	state    saga.State
	journal  []*saga.Event
	revision int
	token    int // of the timer that counts

	writing *write // nil if none
	effects []saga.Effect
}

// takeOver lets an owner begin: with a new saga, or with what the journal holds.
func (w *world) takeOver(h *happening) {
	if w.acked {
		return
	}
	if o := w.healthy(); o != nil && !o.stalled && !h.forced {
		return // somebody is at work and says so
	}
	o := &owner{w: w, id: len(w.owners), alive: true}
	w.owners = append(w.owners, o)
	if w.tell {
		w.log("owner %d begins at revision %d", o.id, w.record.revision)
	}
	if w.record.revision == 0 {
		start := w.start
		o.receive(saga.Event{Type: saga.Started, At: w.now, Start: &start})
		return
	}
	o.recover(h.claims || !h.forced)
}

// recover replays the journal and goes on.
func (o *owner) recover(claims bool) {
	w := o.w
	o.journal, o.revision = w.record.events, w.record.revision
	o.state = w.replay()
	if w.broken != nil {
		return
	}
	if w.strikes(diesWhileReplaying, o.place()) {
		o.die()
		return
	}
	if claims {
		claim := write{expect: o.revision, writer: o.id}
		w.put(&claim)
		o.revision++
	}
	o.armDeadline()
	if o.state.Phase.Live() && w.strikes(poisoned, o.place()) {
		o.receive(saga.Event{Type: saga.Quarantined, At: w.now, Message: "no owner survived it"})
		return
	}
	o.act(o.state.Pending(w.now))
}

// place is the operation in progress.
func (o *owner) place() place {
	return place{o.state.Cursor, o.state.Phase == saga.Compensating, o.state.Attempt}
}

// die ends the owner. The inbox message is not acknowledged, so another one
// comes.
func (o *owner) die() {
	o.alive = false
	o.w.push(happening{at: o.w.now.Add(ackWait), what: redelivered})
}

// freeze stops the owner as SIGSTOP does; it goes on where it was. When that
// takes long, the inbox gives the saga to another owner.
func (o *owner) freeze(what what) {
	o.stall(what, o.w.plan.draw(nap, o.place(), second/10, 15*second))
	o.w.push(happening{at: o.w.now.Add(ackWait), what: redelivered})
}

// stall lets nothing reach the owner until it goes on with what it was doing.
func (o *owner) stall(next what, d saga.Duration) {
	o.stalled, o.busy = true, o.w.now.Add(d)
	o.w.push(happening{at: o.busy, what: next, owner: o.id})
}

// reach is the mailbox.
func (w *world) reach(o *owner, h *happening) {
	m := &h.message
	if h.what >= resumedWrite {
		o.stalled = false
	}
	switch h.what {
	case answered:
		o.receive(w.event(m))
		w.interfere(o.place())
	case timedOut:
		if h.token == o.token || w.strikes(timerStale, m.place) {
			o.receive(saga.Event{Type: saga.AnswerType(saga.TimedOut, m.undo), At: w.now, Step: m.step, Attempt: m.attempt})
		}
	case woken:
		if h.token == o.token || h.forced {
			o.act(o.state.Pending(w.now))
		}
	case overdue:
		o.receive(saga.Event{Type: saga.DeadlinePassed, At: w.now})
	case resumedWrite:
		o.commit()
	case resumedAct:
		o.act(o.effects)
	case readBack:
		o.readBack()
	}
}

// receive is the heart of the shell.
func (o *owner) receive(e saga.Event) {
	next, effects := saga.Next(o.w.def, o.state, e)
	if next.Seq == o.state.Seq {
		o.act(effects) // nothing to journal
		return
	}
	events := append(o.journal[:len(o.journal):len(o.journal)], &e)
	o.writing = &write{expect: o.revision, event: &e, events: events, state: next, writer: o.id}
	o.effects = effects
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
		o.die()
	case unknown:
		o.stall(readBack, writeTimeout)
	}
}

// readBack learns what became of a write that nobody acknowledged.
func (o *owner) readBack() {
	r := &o.w.record
	switch {
	case r.revision == o.revision:
		o.commit() // not there: once more, with the same condition
	case r.writer == o.id && r.events[len(r.events)-1] == o.writing.event:
		o.committed()
	default:
		o.die()
	}
}

func (o *owner) committed() {
	o.state, o.journal, o.revision, o.writing = o.writing.state, o.writing.events, o.w.record.revision, nil
	if o.state.Seq == 1 {
		o.armDeadline()
	}
	switch at := o.place(); {
	case o.w.strikes(diesAfterWrite, at):
		o.die()
	case o.w.strikes(freezesAfterWrite, at):
		o.freeze(resumedAct)
	default:
		o.act(o.effects)
	}
}

func (o *owner) armDeadline() {
	if o.state.Deadline > 0 && o.state.Phase == saga.Running {
		o.w.push(happening{at: max(o.state.Deadline, o.w.now), what: overdue, owner: o.id})
	}
}

// act performs effects, and may die between one thing and the next.
func (o *owner) act(effects []saga.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case saga.Send:
			o.command(e)
		case saga.Wait:
			o.wait(e.Until)
		case saga.Finish:
			o.w.tellClient(e.Phase)
			o.finish()
		case saga.Park:
			o.w.tellClient(saga.Stuck)
			o.finish()
		}
	}
}

func (o *owner) wait(until saga.Instant) {
	o.token++
	h := happening{at: max(until, o.w.now), what: woken, owner: o.id, token: o.token}
	o.w.push(h)
	if o.w.strikes(wakeTwice, o.place()) {
		h.forced = true
		o.w.push(h)
	}
}

// finish lets go of the saga: nobody will take it over any more.
func (o *owner) finish() {
	if o.w.strikes(diesWhileActing, o.place()) {
		o.die()
		return
	}
	o.alive, o.w.acked = false, true
}
