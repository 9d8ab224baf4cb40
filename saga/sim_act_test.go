package saga_test

import "amends/saga"

// What an owner does besides writing: it performs effects, and leaves a saga that
// only waits.

// going is what is going on about a step: an attempt that was sent, or a wait.
type going struct {
	token  int // of its timer; 0 is nothing
	send   bool
	effect saga.Send
	until  saga.Instant
}

// act performs what the state wants done.
func (o *owner) act() {
	o.jump(clockJumps)
	o.perform(o.state.Pending(o.now()))
}

// perform carries effects out that are not going on already, and may die between
// one and the next.
func (o *owner) perform(effects []saga.Effect) {
	o.drop()
	for _, effect := range effects {
		switch e := effect.(type) {
		case saga.Send:
			if g := &o.going[e.Step-1]; g.token != 0 && g.send && g.effect == e {
				continue // it is under way
			}
			o.command(e)
		case saga.Wait:
			o.wait(e)
		case saga.Finish:
			o.w.tellClient(o, e.Phase)
			o.leave()
		case saga.Park:
			o.w.tellClient(o, saga.Stuck)
			o.leave()
		}
		if !o.alive || o.stalled || o.writing != nil {
			return
		}
	}
	o.armDeadline()
	o.rest()
}

// drop forgets what is going on about steps that are no longer in progress.
func (o *owner) drop() {
	for i := range o.going {
		if i >= len(o.state.Steps) || !o.state.Phase.Live() || !inProgress(&o.state.Steps[i]) {
			o.going[i] = going{}
		}
	}
}

func (o *owner) wait(e saga.Wait) {
	g := &o.going[e.Step-1]
	if g.token != 0 && !g.send && g.until == e.Until {
		return
	}
	o.token++
	*g = going{token: o.token, until: e.Until}
	h := happening{at: o.w.now.Add(max(0, saga.Duration(e.Until-o.now()))), what: woken, owner: o.id, token: o.token}
	h.message.step = e.Step
	o.w.push(h)
	if o.w.strikes(wakeTwice, o.place()) {
		o.w.push(h)
	}
}

// wake goes on with a step whose wait is over. One that was waiting for its result
// has waited in vain.
func (o *owner) wake(h *happening) {
	number := h.message.step
	g := &o.going[number-1]
	if g.token != h.token {
		return
	}
	*g = going{}
	step := &o.state.Steps[number-1]
	if step.Status == saga.StepWaiting && step.Due <= o.now() {
		o.receive(saga.Event{Type: saga.StepTimedOut, At: o.now(), Step: number, Attempt: step.Attempt})
		return
	}
	o.perform(o.state.Pending(o.now()))
}

// giveUpAttempt is called when the time of an attempt is over.
func (o *owner) giveUpAttempt(h *happening) {
	m := &h.message
	g := &o.going[m.step-1]
	if g.token != h.token && !o.w.strikes(timerStale, m.place) {
		return
	}
	if g.token == h.token {
		*g = going{}
	}
	before := o.state.Seq
	o.receive(saga.Event{Type: saga.AnswerType(saga.TimedOut, m.mode), At: o.now(), Step: m.step, Attempt: m.attempt})
	if o.alive && !o.stalled && o.writing == nil && o.state.Seq == before {
		o.perform(o.state.Pending(o.now()))
	}
}

func (o *owner) armDeadline() {
	if at := o.state.Expires(o.def); at > 0 {
		o.token++
		o.expiry = o.token
		o.w.push(happening{at: o.w.now.Add(max(0, saga.Duration(at-o.now()))), what: overdue, owner: o.id, token: o.token})
	}
}

func (o *owner) expire(h *happening) {
	at := o.state.Expires(o.def)
	switch {
	case h.forced, h.token == o.expiry && at > 0 && at <= o.now():
		o.receive(saga.Event{Type: saga.DeadlinePassed, At: o.now()})
	case h.token == o.expiry:
		o.armDeadline()
	}
}

// rest lets go of a saga that only waits, when nothing has come for a while.
func (o *owner) rest() {
	o.rested++
	if _, ok := o.nextWake(); ok && o.state.Idle(o.now()) {
		o.token++
		o.rested = o.token
		o.w.push(happening{at: o.w.now.Add(second), what: lingered, owner: o.id, token: o.token})
	}
}

// nextWake is the earliest of all that is waited for. It is not ok if something is
// under way, or so near that leaving does not pay.
func (o *owner) nextWake() (at saga.Instant, ok bool) {
	at = o.state.Expires(o.def)
	for i := range o.going {
		g := &o.going[i]
		switch {
		case g.token == 0:
		case g.send:
			return 0, false
		case at == 0 || g.until < at:
			at = g.until
		}
	}
	return at, at > o.now().Add(2*second)
}

// leave gives the saga up: the durable timer is set first, then the message is
// acknowledged. An owner that has lost the saga must not do that: it would take the
// message from the next one, who would be replaced for it, and so on for ever.
func (o *owner) leave() {
	if o.w.record.revision != o.revision {
		o.refresh()
		return
	}
	if o.state.Phase.Live() {
		at, ok := o.nextWake()
		if !ok {
			return
		}
		switch here := o.place(); {
		case o.w.strikes(timerLost, here):
			o.stall(resumedAct, writeTimeout)
			return
		case o.w.strikes(timerUnheard, here):
			o.w.setTimer(at)
			o.stall(resumedAct, writeTimeout)
			return
		}
		o.w.setTimer(at)
	}
	if o.w.record.epoch != o.epoch {
		o.w.violate("I9 single writer", "owner %d of epoch %d leaves, and takes the message from that of epoch %d", o.id, o.epoch, o.w.record.epoch)
	}
	switch at := o.place(); {
	case o.w.strikes(diesWhileActing, at):
		o.die()
	case o.w.strikes(freezesBeforeAck, at):
		o.freeze(leaves)
	default:
		o.stall(leaves, o.w.plan.draw(latency, at, 1, 20*ms))
	}
}

func (o *owner) acknowledge() {
	at := o.place()
	if o.w.strikes(ackLost, at) {
		o.w.again(o)
	} else {
		o.w.acknowledge(o.message)
	}
	if o.w.strikes(diesAfterAck, at) {
		o.alive = false
		o.w.push(happening{at: o.w.now.Add(reconcileEvery), what: reconciled})
		o.w.disturbed(o.w.now.Add(reconcileEvery))
		return
	}
	o.stall(checks, o.w.plan.draw(latency, at, 1, 20*ms))
}

// check puts the saga back if somebody has added to the record while it was being
// left.
func (o *owner) check() {
	o.alive = false
	o.w.slept++
	if o.w.tell {
		o.w.log("owner %d leaves", o.id)
	}
	if o.w.record.revision != o.revision {
		o.w.putIn()
	}
}
