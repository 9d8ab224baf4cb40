package saga_test

import (
	"amends/saga"
	"amends/worker"
)

// participant is a worker of one step: the real fence (worker.Rule) on a memory
// that is stored together with the effect, and a trivial ledger behind it. Where
// results come later, somebody behind it makes up its mind: see
// sim_provider_test.go.
type participant struct {
	memory      worker.Memory[int]
	reversed    *worker.Verdict // on the second compensation, which has a key of its own
	absentUntil saga.Instant
	amount      int
	done        int // how often the effect was made
	undone      int // how often it was taken back
	said        [directions]*worker.Verdict
	bodies      [directions][]byte // the first command of each direction
	provider    provider
	byHand      bool // a person has settled the step: what stands is what the person says
}

// ledger is the business behind the participants: goods, money and labels.
type ledger struct {
	onHand, reserved  [(maxSteps + 2) / 3]int // by SKU
	charged, refunded int
	labels, cancelled int
}

// open gives every participant its part: goods, money and labels in turn. There
// is exactly as much stock as one saga needs.
func (w *world) open() {
	w.ledger = ledger{}
	for i := range w.participants {
		p := &w.participants[i]
		bodies := p.bodies
		for d := range bodies {
			bodies[d] = bodies[d][:0]
		}
		*p = participant{amount: 1 + i*7%5, bodies: bodies}
		if i%3 == 0 {
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
		m.says, m.code, m.retryAfter = trouble, "busy", retryAfter*saga.Duration(m.attempt%2)
		w.answer(m)
		return
	case w.strikes(workerHopeless, m.place):
		m.says, m.code, m.final = trouble, "hopeless", true
		w.answer(m)
		return
	}
	if m.mode == saga.Ask {
		w.tellOutcome(p, m)
		return
	}
	verdict := w.rule(p, m)
	switch {
	case w.broken != nil, w.strikes(workerDiesLast, m.place):
		return
	case w.strikes(workerUnsure, m.place):
		m.says, m.code = trouble, "unsure"
	case m.mode == saga.Do && p.provider.thinking:
		m.says = later
	case verdict.Accepted:
		m.says = yes
	default:
		m.says, m.code = no, "no"
	}
	w.answer(m)
}

// tellOutcome answers a question: what was said to the action, byte by byte.
func (w *world) tellOutcome(p *participant, m *message) {
	switch known := p.memory.Action; {
	case known == nil:
		m.says = never
	case p.provider.thinking:
		m.says = later
	case known.Accepted:
		m.says = yes
	default:
		m.says, m.code = no, "no"
	}
	w.answer(m)
}

const tampered = "other content"

// known is what the fence looks at: the second compensation has a memory of its
// own beside that of the action.
func (p *participant) known(m *message) worker.Memory[int] {
	if m.mode == saga.Compensate && m.reversal {
		return worker.Memory[int]{Fence: worker.Fence{Action: p.memory.Action, Compensation: p.reversed}}
	}
	return p.memory
}

// direction is what the command of a message does to its step.
func direction(m *message) worker.Direction {
	if m.mode == saga.Compensate {
		return worker.ToUndo
	}
	return worker.ToDo
}

// tempt sends a known command with other content: the fence must refuse it. Of
// an unknown one the participant could not tell.
func (w *world) tempt(p *participant, m *message) {
	memory := p.known(m)
	known := memory.Action
	if m.mode == saga.Compensate {
		known = memory.Compensation
	}
	if known == nil || m.mode == saga.Ask {
		return
	}
	ruling := worker.Rule(&memory.Fence, direction(m), m.hash)
	w.rulings[ruling]++
	if ruling != worker.Conflict {
		w.violate("I10 idempotent", "a known command with other content gets ruling %d", ruling)
	}
}

// rule asks the fence and does what it says.
func (w *world) rule(p *participant, m *message) *worker.Verdict {
	memory := p.known(m)
	verdict := &worker.Verdict{Hash: m.hash, At: int64(w.now)}
	ruling := worker.Rule(&memory.Fence, direction(m), m.hash)
	w.rulings[ruling]++
	switch ruling {
	case worker.Decide:
		verdict.Accepted = w.decide(p, m)
		p.remember(m, verdict)
	case worker.Repeat:
		verdict = memory.Action
		if m.mode == saga.Compensate {
			verdict = memory.Compensation
		}
	case worker.NothingToUndo:
		verdict.Accepted = true
		p.provider.cancelled = true
		p.remember(m, verdict)
	case worker.TooLate: // declined, now and for ever
	default:
		w.violate("I10 idempotent", "the saga's own command gets ruling %d", ruling)
		return verdict
	}
	p.repeat(w, m, verdict)
	if w.tell {
		w.log("    participant %d hears %v, accepts: %v", m.step, m.place, verdict.Accepted)
	}
	return verdict
}

// repeat holds that a verdict, once given, stays. That on an action whose result
// comes later is given by somebody else.
func (p *participant) repeat(w *world, m *message, verdict *worker.Verdict) {
	said := &p.said[directionOf(m.mode, m.reversal)]
	if *said != nil && (*said).Accepted != verdict.Accepted && (m.mode == saga.Compensate || !p.provider.asked) {
		w.violate("I10 idempotent", "%v was accepted %v, and now %v", m.place, (*said).Accepted, verdict.Accepted)
	}
	*said = verdict
}

func (p *participant) remember(m *message, verdict *worker.Verdict) {
	switch directionOf(m.mode, m.reversal) {
	case doing:
		p.memory.Action = verdict
	case compensating:
		p.memory.Compensation = verdict
	case reversing:
		p.reversed = verdict
	}
}

// decide is the ledger's verdict.
func (w *world) decide(p *participant, m *message) bool {
	at := place{step: m.step, mode: m.mode} // the business knows of no attempts
	switch {
	case !w.record.begun[directionOf(m.mode, m.reversal)][m.step]:
		w.violate("I5 no orphan", "%v has an effect that the journal knows nothing of", m.place)
	case m.mode == saga.Compensate:
		return w.takeBack(p, m, at)
	case w.variant.later(m.step) && !w.strikes(resultAtOnce, at):
		w.takeIn(p, m)
		return true
	case w.strikes(actionDeclined, at):
		return false
	default:
		if p.memory.Compensation != nil {
			w.violate("I11 tombstone", "step %d was done after it was undone", m.step)
		}
		w.make(p, m.step)
	}
	return true
}

// takeBack undoes what stands. A result that is still to come is forbidden;
// whether whoever makes it hears of that is another matter.
func (w *world) takeBack(p *participant, m *message, at place) bool {
	if w.strikes(undoRefused, at) {
		return false
	}
	p.provider.cancelled = true
	if p.done > p.undone {
		p.undone++
		w.ledger.book(m.step, -p.amount)
		w.auditEffect(p, m.step)
	}
	return true
}

// make has the effect of a step.
func (w *world) make(p *participant, step int) {
	p.done++
	w.ledger.book(step, p.amount)
	w.auditEffect(p, step)
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
