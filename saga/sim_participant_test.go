package saga_test

import (
	"amends/saga"
	"amends/worker"
)

// participant is a worker of one step: the real fence (worker.Rule) on a memory
// that is stored together with the effect, and a trivial ledger behind it.
type participant struct {
	memory      worker.Memory[int]
	absentUntil saga.Instant
	amount      int
	done        int // how often the effect was made
	undone      int // how often it was taken back
	said        [2]*worker.Verdict
	bodies      [2][]byte // the first command of each direction
}

// ledger is the business behind the participants: goods, money and labels.
type ledger struct {
	onHand, reserved  [2]int // by SKU
	charged, refunded int
	labels, cancelled int
}

// open gives every participant its part: goods, money and labels in turn. There
// is exactly as much stock as one saga needs.
func (w *world) open() {
	w.ledger = ledger{}
	for i := range w.participants {
		p := &w.participants[i]
		*p = participant{amount: 1 + i*7%5, bodies: [2][]byte{p.bodies[0][:0], p.bodies[1][:0]}}
		if i%3 == 0 && i < len(w.def.Steps) {
			w.ledger.onHand[i/3] = p.amount
		}
	}
}

// work lets a participant carry out a command: fence, ledger and verdict in one
// write, and the answer only then.
func (w *world) work(m *message) {
	p := &w.participants[m.step-1]
	w.interfere(m.place)
	if m.hash == tampered {
		w.tempt(p, m)
		return
	}
	switch {
	case w.strikes(workerDiesFirst, m.place):
		return
	case w.strikes(workerBusy, m.place):
		m.verdict, m.code, m.retryAfter = saga.Unavailable, "busy", retryAfter*saga.Duration(m.attempt%2)
		w.answer(m)
		return
	case w.strikes(workerHopeless, m.place):
		m.verdict, m.code, m.final = saga.Unavailable, "hopeless", true
		w.answer(m)
		return
	}
	verdict := w.rule(p, m)
	switch {
	case w.broken != nil, w.strikes(workerDiesLast, m.place):
		return
	case w.strikes(workerUnsure, m.place):
		m.verdict, m.code = saga.Unavailable, "unsure"
	case verdict.Accepted:
		m.verdict = saga.Accepted
	default:
		m.verdict, m.code = saga.Declined, "no"
	}
	w.answer(m)
}

const tampered = "other content"

// tempt sends a known command with other content: the fence must refuse it. Of
// an unknown one the participant could not tell.
func (w *world) tempt(p *participant, m *message) {
	known := p.memory.Action
	if m.undo {
		known = p.memory.Compensation
	}
	if known == nil {
		return
	}
	ruling := worker.Rule(&p.memory, m.undo, m.hash)
	w.rulings[ruling]++
	if ruling != worker.Conflict {
		w.violate("I10 idempotent", "a known command with other content gets ruling %d", ruling)
	}
}

// rule asks the fence and does what it says.
func (w *world) rule(p *participant, m *message) *worker.Verdict {
	verdict := &worker.Verdict{Hash: m.hash, At: int64(w.now)}
	ruling := worker.Rule(&p.memory, m.undo, m.hash)
	w.rulings[ruling]++
	switch ruling {
	case worker.Decide:
		verdict.Accepted = w.decide(p, m)
		w.remember(p, m.undo, verdict)
	case worker.Repeat:
		verdict = p.memory.Action
		if m.undo {
			verdict = p.memory.Compensation
		}
	case worker.NothingToUndo:
		verdict.Accepted = true
		w.remember(p, m.undo, verdict)
	case worker.TooLate: // declined, now and for ever
	default:
		w.violate("I10 idempotent", "the saga's own command gets ruling %d", ruling)
		return verdict
	}
	if said := p.said[direction(m.undo)]; said != nil && said.Accepted != verdict.Accepted {
		w.violate("I10 idempotent", "%v was accepted %v, and now %v", m.place, said.Accepted, verdict.Accepted)
	}
	p.said[direction(m.undo)] = verdict
	if w.tell {
		w.log("    participant %d hears %v, accepts: %v", m.step, m.place, verdict.Accepted)
	}
	return verdict
}

func (w *world) remember(p *participant, undo bool, verdict *worker.Verdict) {
	if undo {
		p.memory.Compensation = verdict
	} else {
		p.memory.Action = verdict
	}
}

// decide is the ledger's verdict.
func (w *world) decide(p *participant, m *message) bool {
	at := place{step: m.step, undo: m.undo} // the business knows of no attempts
	switch {
	case !w.record.begun[direction(m.undo)][m.step]:
		w.violate("I5 no orphan", "%v has an effect that the journal knows nothing of", m.place)
	case m.undo && w.strikes(undoRefused, at), !m.undo && w.strikes(actionDeclined, at):
		return false
	case m.undo:
		p.undone++
		w.ledger.book(m.step, -p.amount)
	default:
		if p.memory.Compensation != nil {
			w.violate("I11 tombstone", "step %d was done after it was undone", m.step)
		}
		p.done++
		w.ledger.book(m.step, p.amount)
	}
	w.auditEffect(p, m.step)
	return true
}

// book changes the ledger of a step; a negative amount takes an effect back.
func (l *ledger) book(step, amount int) {
	switch role := (step - 1) % 3; {
	case role == 0:
		l.reserved[(step-1)/3] += amount
	case role == 1 && amount > 0:
		l.charged += amount
	case role == 1:
		l.refunded -= amount
	case amount > 0:
		l.labels++
	default:
		l.cancelled++
	}
}
