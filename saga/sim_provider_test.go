package saga_test

import (
	"amends/saga"
	"amends/worker"
)

// provider is who stands behind a participant whose results come later: it decides
// in its own time, sends the result until somebody has answered, and may not hear
// that nobody wants it any more.
type provider struct {
	asked     bool
	thinking  bool // the action was taken in, and nothing is decided
	cancelled bool // the step was undone
}

// promise is one result that is sent until it is answered.
type promise struct{ kept bool }

// takeIn promises a result.
func (w *world) takeIn(p *participant, m *message) {
	at := place{step: m.step}
	p.provider.asked, p.provider.thinking = true, true
	h := happening{what: decided, message: message{place: at}}
	wait := w.variant.def.Step(min(m.step, len(w.variant.def.Steps))).Patience
	switch {
	case w.strikes(resultNever, at):
		return
	case w.strikes(resultEarly, at):
		h.at = w.after(latency, at, 1, 3*ms)
	case w.strikes(resultLate, at):
		h.at = w.after(lateness, at, max(1, wait-5*second), 2*wait+2*second)
	default:
		h.at = w.after(latency, at, 1, 8*second)
	}
	w.disturbed(h.at)
	w.push(h)
}

// decided makes up the provider's mind.
func (w *world) decided(h *happening) {
	at := h.message.place
	p := &w.participants[at.step-1]
	second := !p.provider.thinking // it has said no, and changes its mind
	accept := second || !w.strikes(actionDeclined, at)
	if p.provider.cancelled && !second {
		accept = accept && w.strikes(resultHeedless, at)
	}
	p.provider.thinking = false
	p.memory.Action = &worker.Verdict{Hash: p.memory.Action.Hash, Accepted: accept, At: int64(w.now)}
	if accept {
		w.make(p, at.step)
	}
	w.promise(at, accept)
	if second || !w.strikes(resultContradicts, at) {
		return
	}
	if accept {
		w.promise(at, false) // which is not so
		return
	}
	h.at = w.after(lateness, at, 1, longest)
	w.disturbed(h.at)
	w.push(*h)
}

// promise begins to send a result.
func (w *world) promise(at place, accept bool) {
	e := saga.Event{Type: saga.StepDeclined, Step: at.step, Via: saga.ViaCallback, Code: "no"}
	if accept {
		e = saga.Event{Type: saga.StepAccepted, Step: at.step, Via: saga.ViaCallback, Fields: w.variant.kept[at.step-1]}
	}
	w.disturbed(w.now)
	w.call(&outside{event: &e, place: at, promise: &promise{}})
	if w.strikes(resultTwice, at) {
		w.push(happening{at: w.after(lateness, at, 1, longest), what: called, outside: &outside{event: &e, place: at, promise: &promise{}}})
	}
}

// call sends a result, and again as long as nobody has answered.
func (w *world) call(x *outside) {
	if x.promise.kept {
		return
	}
	if w.tell {
		w.log("  participant %d sends %s", x.place.step, x.event.Type)
	}
	if !w.strikes(resultLost, x.place) {
		e := *x.event
		once := &outside{event: &e, place: x.place, promise: x.promise}
		w.push(happening{at: w.after(latency, x.place, 1, 20*ms), what: intends, outside: once})
	}
	w.push(happening{at: w.now.Add(callEvery), what: called, outside: x})
}
