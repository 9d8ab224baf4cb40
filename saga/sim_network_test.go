package saga_test

import "amends/saga"

// transmit takes a command to its participant.
func (w *world) transmit(m message) {
	p := &w.participants[m.step-1]
	if w.strikes(workerAbsent, m.place) {
		p.absentUntil = w.now.Add(w.plan.draw(nap, m.place, 1, 10*second))
	}
	if w.tell {
		w.log("  owner %d sends %v", m.owner, m.place)
	}
	if p.absentUntil > w.now {
		w.lastFault = p.absentUntil
		m.absent = true
		w.push(happening{at: w.now.Add(ms), what: answered, owner: m.owner, message: m})
		return
	}
	if w.strikes(commandTampered, m.place) {
		other := m
		other.hash = tampered
		w.deliver(commanded, other, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	if w.strikes(commandTwice, m.place) {
		w.deliver(commanded, m, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	switch {
	case w.strikes(commandLost, m.place):
	case w.strikes(commandLate, m.place):
		w.deliver(commanded, m, w.plan.draw(lateness, m.place, second, longest))
	default:
		w.deliver(commanded, m, w.plan.draw(latency, m.place, 1, 20*ms))
	}
}

// answer takes a participant's answer back to the owner that asked.
func (w *world) answer(m *message) {
	if w.strikes(replyTwice, m.place) {
		w.deliver(answered, *m, w.plan.draw(lateness, m.place, 1, 10*second))
	}
	if w.strikes(replyStray, m.place) {
		w.deliver(answered, w.stray(*m), w.plan.draw(lateness, m.place, 1, 10*second))
	}
	switch {
	case w.strikes(replyLost, m.place):
	case w.strikes(replyLate, m.place):
		w.deliver(answered, *m, w.plan.draw(lateness, m.place, second, longest))
	default:
		w.deliver(answered, *m, w.plan.draw(latency, m.place, 1, 20*ms))
	}
}

// stray makes an answer one to a command that nobody has sent or will send.
func (w *world) stray(m message) message {
	switch dice := w.plan.roll(w.plan.point(detour, m.place)); dice % 4 {
	case 0:
		m.attempt = 0
	case 1:
		m.attempt = 1_000
	case 2:
		m.step = 0
	default:
		m.step = len(w.def.Steps) + 1
	}
	m.verdict = saga.Accepted
	return m
}

func (w *world) deliver(what what, m message, after saga.Duration) {
	w.push(happening{at: w.now.Add(after), what: what, owner: m.owner, message: m})
}

// event is what an owner makes of an answer.
func (w *world) event(m *message) saga.Event {
	e := saga.Event{
		Type: saga.AnswerType(m.verdict, m.undo), At: w.now, Step: m.step, Attempt: m.attempt,
		Code: m.code, Final: m.final, RetryAfter: m.retryAfter,
	}
	switch {
	case m.absent:
		e.Type, e.Compensating = saga.WorkerAbsent, m.undo
	case e.Type == saga.StepAccepted:
		e.Fields = w.variant.kept[min(max(m.step, 1), len(w.def.Steps))-1]
	}
	return e
}
