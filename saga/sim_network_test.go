package saga_test

import "amends/saga"

// transmit takes a command to its participant.
func (w *world) transmit(m message) {
	p := &w.participants[m.step-1]
	if w.strikes(workerAbsent, m.place) {
		p.absentUntil = w.after(nap, m.place, 1, 10*second)
		if w.plan.roll(w.plan.point(detour, m.place))%8 == 0 {
			p.absentUntil = p.absentUntil.Add(90 * second) // long enough to call a person
		}
	}
	if w.tell {
		w.log("  owner %d sends %v", m.owner, m.place)
	}
	if p.absentUntil > w.now {
		w.disturbed(p.absentUntil)
		m.says = absent
		w.push(happening{at: w.now.Add(ms), what: answered, owner: m.owner, message: m})
		return
	}
	if w.strikes(commandTampered, m.place) {
		other := m
		other.hash = tampered
		w.carry(commanded, other, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	if w.strikes(commandTwice, m.place) {
		w.carry(commanded, m, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	switch {
	case w.strikes(commandLost, m.place):
	case w.strikes(commandLate, m.place):
		w.carry(commanded, m, w.plan.draw(lateness, m.place, second, longest))
	default:
		w.carry(commanded, m, w.plan.draw(latency, m.place, 1, 20*ms))
	}
}

// answer takes a participant's answer back to the owner that asked.
func (w *world) answer(m *message) {
	if w.strikes(replyTwice, m.place) {
		w.carry(answered, *m, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	if w.strikes(replyStray, m.place) {
		w.carry(answered, w.stray(*m), w.plan.draw(lateness, m.place, 1, 10*second))
	}
	switch {
	case w.strikes(replyLost, m.place):
	case w.strikes(replyLate, m.place):
		w.carry(answered, *m, w.plan.draw(lateness, m.place, second, longest))
	default:
		w.carry(answered, *m, w.plan.draw(latency, m.place, 1, 20*ms))
	}
}

// stray makes an answer one to a command that nobody has sent or will send.
func (w *world) stray(m message) message {
	switch dice := w.plan.roll(w.plan.point(detour, m.place)); {
	case m.mode == saga.Ask || dice%4 == 0:
		m.attempt = 0
	case dice%4 == 1:
		m.attempt = 1_000
	case dice%4 == 2:
		m.step = 0
	default:
		m.step = maxSteps + 1
	}
	m.says = yes
	return m
}

func (w *world) carry(what what, m message, after saga.Duration) {
	w.push(happening{at: w.now.Add(after), what: what, owner: m.owner, message: m})
}

// event is what an owner makes of an answer.
func (o *owner) event(m *message) saga.Event {
	e := saga.Event{At: o.now(), Step: m.step, Attempt: m.attempt, Code: m.code, Final: m.final, RetryAfter: m.retryAfter}
	if m.mode == saga.Ask {
		e.Via = saga.ViaQuery
	}
	switch m.says {
	case yes:
		e.Type = saga.AnswerType(saga.Accepted, m.mode)
	case no:
		e.Type = saga.AnswerType(saga.Declined, m.mode)
	case later:
		e.Type = saga.StepTaken
	case never:
		e.Type, e.Via = saga.StepNotFound, ""
	case trouble:
		e.Type, e.Via = saga.AnswerType(saga.Unavailable, m.mode), ""
	case absent:
		e.Type, e.Mode, e.Via = saga.WorkerAbsent, m.mode, ""
	}
	if e.Type == saga.StepAccepted {
		kept := o.w.variant.kept
		e.Fields = kept[min(max(m.step, 1), len(kept))-1]
	}
	return e
}
