package saga_test

import "amends/saga"

// inbox is the one message that says that the saga wants an owner. Whoever holds
// it does not acknowledge it before the saga can do without one.
type inbox struct {
	present bool
	number  int    // of the message
	holder  *owner // nil until it is delivered
}

// putIn puts the saga into the inbox, if it is not there.
func (w *world) putIn() {
	if w.inbox.present {
		return
	}
	w.inbox = inbox{present: true, number: w.inbox.number + 1}
	w.push(happening{at: w.after(latency, place{}, 1, 20*ms), what: delivered, owner: -1})
}

// again gives the message to another owner when this one has not been heard of
// for so long.
func (w *world) again(o *owner) {
	w.push(happening{at: w.now.Add(ackWait), what: delivered, owner: o.id})
}

// deliver gives the saga to an owner.
func (w *world) deliver(h *happening) {
	holder := w.inbox.holder
	switch {
	case !w.inbox.present:
		return
	case h.forced: // while the holder lives: the server has not heard of it in time
	case holder != nil && (holder.id != h.owner || holder.alive && !holder.stalled):
		return // it was delivered again since, or its holder says that it is at work
	}
	o := &owner{w: w, id: len(w.owners), alive: true, message: w.inbox.number}
	w.owners = append(w.owners, o)
	w.inbox.holder = o
	o.jump(clockSkewed)
	if w.tell {
		w.log("owner %d begins at revision %d", o.id, w.record.revision)
	}
	o.begin()
}

// acknowledge takes a message out of the inbox, whoever holds it by now.
func (w *world) acknowledge(number int) {
	if w.inbox.number == number {
		w.inbox.present, w.inbox.holder = false, nil
	}
}

// setTimer replaces the durable timer of the saga.
func (w *world) setTimer(at saga.Instant) {
	w.timer++
	if w.tell {
		w.log("  timer %d is set for %.3f s", w.timer, float64(at-epoch)/float64(second))
	}
	h := happening{at: max(at, w.now), what: fired, token: w.timer}
	if w.strikes(timerLate, place{}) {
		h.at = h.at.Add(w.plan.draw(lateness, place{}, second, 30*second))
		w.disturbed(h.at)
	}
	w.push(h)
	if w.strikes(timerTwice, place{}) {
		h.at, h.forced = h.at.Add(w.plan.draw(lateness, place{}, 1, 30*second)), true
		w.push(h)
	}
}

// fire is a nudge and nothing else: the saga is put into the inbox. When it is
// there already, whoever holds it may be about to leave, so the timer goes off
// again until it is heard.
func (w *world) fire(h *happening) {
	if h.token != w.timer && !h.forced && !w.strikes(timerStray, place{}) {
		return
	}
	if !w.record.state.Phase.Live() {
		return
	}
	if w.tell {
		w.log("  timer %d goes off, and the saga is in the inbox: %v", h.token, w.inbox.present)
	}
	if w.inbox.present && !h.forced {
		h.at = w.now.Add(timerRetry)
		w.push(*h)
		return
	}
	w.putIn()
}

// reconcile puts a saga back that is nowhere and has something to do, or whose end
// (or incident) nobody has made known.
func (w *world) reconcile() {
	if phase := w.record.state.Phase; phase.Live() || phase != w.told {
		w.putIn()
	}
}
