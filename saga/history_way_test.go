package saga_test

import (
	"cmp"
	"fmt"
	"slices"

	"amends/saga"
)

// The answers that bring no verdict, and the way back, as the second opinion sees
// them.

// forward takes an answer to an action, or to a question, that decides nothing.
func (h *history) forward(e *saga.Event) string {
	p, def := h.part(e.Step), &h.def.Steps[e.Step-1]
	if h.aside || h.phase != saga.Running {
		return "comes when the saga does not go forward"
	}
	if why := p.misplaced(e); why != "" {
		return why
	}
	p.missing, p.missed = 0, false
	switch e.Type {
	case saga.StepTaken:
		if def.Reply != saga.Callback {
			return "puts off a result that has to come at once"
		}
		if !p.taken {
			p.job, p.taken, p.attempt, p.due = awaiting, true, p.acts, e.At.Add(def.Patience)
			return ""
		}
	case saga.StepUnavailable:
		p.trouble = cmp.Or(e.Code, "unavailable")
	case saga.StepTimedOut:
		p.trouble = map[job]string{acting: "timeout", awaiting: "no_result"}[p.job]
		if def.Query.Type != "" {
			p.job, p.attempt = asking, 1
			return ""
		}
	case saga.StepNotTold:
		if p.attempt < def.Query.Retry.Attempts {
			p.attempt++
			return ""
		}
	}
	h.another(e)
	return ""
}

// misplaced says why an answer is none to what is being done about the step.
func (p *part) misplaced(e *saga.Event) string {
	wrong := true
	switch e.Type {
	case saga.StepTaken:
		question := e.Via == saga.ViaQuery
		wrong = p.job != acting && p.job != asking || p.taken && !question || e.Attempt < 1 || !question && e.Attempt > p.acts
	case saga.StepUnavailable:
		wrong = p.job != acting || e.Attempt != p.attempt
	case saga.StepTimedOut:
		wrong = p.job != acting && (p.job != awaiting || e.At < p.due) || e.Attempt != p.attempt
	case saga.StepNotFound, saga.StepNotTold:
		wrong = p.job != asking || e.Attempt != p.attempt
	}
	if wrong {
		return fmt.Sprintf("answers attempt %d, when %s", e.Attempt, p)
	}
	return ""
}

func (p *part) String() string {
	return fmt.Sprintf("attempt %d of job %d is in progress", p.attempt, p.job)
}

// another sends the action again, or gives the step up.
func (h *history) another(e *saga.Event) {
	p := h.part(e.Step)
	if !p.taken && !e.Final && p.acts-p.before < h.def.Steps[e.Step-1].Action.Retry.Attempts {
		p.job = acting
		p.acts++
		p.attempt = p.acts
		return
	}
	p.job, p.fate = nothing, doubtful
	h.blame(p.trouble)
	h.fail(e.Step)
}

// absent takes the news that nobody listens: the first time, and when it has
// lasted for a minute.
func (h *history) absent(e *saga.Event) string {
	p := h.part(e.Step)
	mode, ok := map[job]saga.Mode{acting: saga.Do, asking: saga.Ask, undoing: saga.Compensate}[p.job]
	switch {
	case h.aside || !ok || mode != e.Mode || e.Attempt != p.attempt:
		return "misses somebody whom nobody needs"
	case p.missing == 0:
		p.missing = e.At
		return ""
	case p.missed || e.At < p.missing+saga.Instant(60*second):
		return "tells what is known"
	}
	p.missed = true
	return ""
}

// backward takes an answer to a compensation.
func (h *history) backward(e *saga.Event) string {
	p := h.part(e.Step)
	verdict := e.Type == saga.CompensationDone || e.Type == saga.CompensationRefused
	switch {
	case h.aside || p.job != undoing:
		return "answers a compensation that is not under way"
	case e.Attempt > p.attempt || e.Attempt <= p.before || !verdict && e.Attempt != p.attempt:
		return fmt.Sprintf("answers attempt %d of a compensation, when %s", e.Attempt, p)
	}
	p.missing, p.missed = 0, false
	policy := h.def.Steps[e.Step-1].Compensation.Retry
	if !verdict && !e.Final && p.undos-p.before < policy.Attempts {
		p.undos++
		p.attempt = p.undos
		return ""
	}
	p.job, p.fate = nothing, lost
	if e.Type == saga.CompensationDone {
		p.fate = undone
		if p.success && !p.second {
			p.fate, p.second = doubtful, true
		}
	}
	h.undoNext()
	return ""
}

// turnBack gives up what is in progress, and undoes.
func (h *history) turnBack() {
	for i := range h.def.Steps {
		if p := &h.parts[i]; p.job != nothing {
			p.job, p.fate, p.missing, p.missed = nothing, doubtful, 0, false
		}
	}
	h.back = true
	h.undoNext()
}

// undoNext begins the compensations that are next: of what is doubtful the one
// that stands last in the definition, then of what was done the one that was done
// last. Unless the definition says so, there is only one at a time.
func (h *history) undoNext() {
	h.phase = saga.Compensating
	for h.def.Undo == saga.InParallel || !h.busy() {
		step := h.next()
		if step == 0 {
			break
		}
		p := h.part(step)
		if h.def.Steps[step-1].Compensation.Type == "" {
			p.fate = lost
			continue
		}
		p.job, p.fate, p.before, p.missing, p.missed = undoing, open, p.undos, 0, false
		p.undos++
		p.attempt = p.undos
	}
	if h.busy() {
		return
	}
	h.phase = saga.Aborted
	for i := range h.def.Steps {
		if h.parts[i].fate == lost {
			h.phase = saga.Stuck
		}
	}
}

func (h *history) busy() bool {
	return slices.ContainsFunc(h.parts[:], func(p part) bool { return p.job != nothing })
}

func (h *history) next() int {
	for step := len(h.def.Steps); step > 0; step-- {
		if h.part(step).fate == doubtful && !slices.Contains(h.done, step) {
			return step
		}
	}
	for _, step := range slices.Backward(h.done) {
		if fate := h.part(step).fate; fate == done || fate == doubtful {
			return step
		}
	}
	return 0
}
