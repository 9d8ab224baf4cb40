package saga_test

import (
	"cmp"
	"fmt"
	"slices"

	"amends/saga"
)

// history is a second opinion on what a saga may do. It reads a journal event by
// event and keeps what is known of each step: what is being done about it, and
// what has become of it. It shares no code with the core and knows no statuses:
// phase, incidents and the next thing to do follow from the rest. A mistake in one
// of the two shows as a disagreement.
type history struct {
	def *saga.Definition

	phase saga.Phase // of a saga that is set aside: the one it goes on in
	aside bool       // it keeps killing its owner, and does nothing until a person comes
	back  bool       // it has turned back
	parts [maxSteps]part
	done  []int // the steps that were done, in this order
	code  string
}

// job is what is being done about a step.
type job uint8

const (
	nothing  job = iota
	acting       // its action is sent
	awaiting     // its worker will tell the result
	asking       // its worker is asked what became of it
	undoing      // its compensation is sent
)

// fate is what has become of a step.
type fate uint8

const (
	open     fate = iota // nothing yet
	done                 // its action was
	declined             // its worker said no
	doubtful             // its action may have been done, and nobody is trying to find out
	undone               // its compensation was
	lost                 // its compensation is beyond trying
	left                 // a person let it be
)

type part struct {
	job     job
	fate    fate
	attempt int // of the job
	acts    int // attempts of the action so far
	undos   int // attempts of the compensation so far
	before  int // those of them that belong to an earlier round
	taken   bool
	due     saga.Instant // of a result that is awaited
	missing saga.Instant // since when nobody listens
	missed  bool         // so long that a person was called
	trouble string       // of the last attempt
	success bool         // reported after the saga had turned back from it
	second  bool         // the second compensation is due, under way or made
}

// read takes the next event, or says why it must not be there.
func (h *history) read(e *saga.Event) string {
	why := h.take(e)
	if h.aside && h.phase != saga.Running && h.phase != saga.Compensating {
		h.aside = false // it ended all the same
	}
	return why
}

func (h *history) take(e *saga.Event) string {
	switch {
	case e.Type == saga.Started:
		return h.start()
	case h.phase == "" || h.phase == saga.Completed || h.phase == saga.Killed:
		return "comes before the beginning or after the end"
	}
	switch e.Type {
	case saga.CancelRequested, saga.DeadlinePassed, saga.KillRequested, saga.RetryRequested, saga.StepResolved, saga.Migrated:
		return h.acted(e)
	case saga.Quarantined:
		if h.aside || !h.live() {
			return "sets a saga aside that does nothing"
		}
		h.aside = true
		return ""
	}
	if e.Step < 1 || e.Step > len(h.def.Steps) {
		return "names a step that does not exist"
	}
	switch e.Type {
	case saga.StepAccepted, saga.StepDeclined:
		return h.verdict(e)
	case saga.StepTaken, saga.StepUnavailable, saga.StepTimedOut, saga.StepNotFound, saga.StepNotTold:
		return h.forward(e)
	case saga.CompensationDone, saga.CompensationRefused, saga.CompensationUnavailable, saga.CompensationTimedOut:
		return h.backward(e)
	case saga.WorkerAbsent:
		return h.absent(e)
	}
	return "is of a type that nobody knows"
}

func (h *history) start() string {
	if h.phase != "" {
		return "starts a saga twice"
	}
	h.phase = saga.Running
	h.beginFrom(1)
	return ""
}

// clone is a history of its own.
func (h history) clone() history {
	h.done = slices.Clone(h.done)
	return h
}

func (h *history) live() bool { return h.phase == saga.Running || h.phase == saga.Compensating }

func (h *history) part(step int) *part { return &h.parts[step-1] }

// halted reports whether a step has failed that nothing can undo.
func (h *history) halted(step int) bool {
	fate := h.part(step).fate
	return !h.back && (fate == declined || fate == doubtful)
}

func (h *history) blame(code string) { h.code = cmp.Or(h.code, code) }

// overcome drops the reason when no step is halted any more.
func (h *history) overcome() {
	for n := range h.def.Steps {
		if h.halted(n + 1) {
			return
		}
	}
	h.code = ""
}

// stage is the run of steps of one group around a step.
func (h *history) stage(step int) (first, last int) {
	same := func(a, b int) bool {
		group := h.def.Steps[a-1].Group
		return group != "" && group == h.def.Steps[b-1].Group
	}
	first, last = step, step
	for first > 1 && same(first-1, step) {
		first--
	}
	for last < len(h.def.Steps) && same(last+1, step) {
		last++
	}
	return first, last
}

func (h *history) beginFrom(step int) {
	_, last := h.stage(step)
	for ; step <= last; step++ {
		h.part(step).act()
	}
}

// act begins a round of attempts at the action.
func (p *part) act() {
	p.job, p.fate, p.before, p.missing, p.missed = acting, open, p.acts, 0, false
	p.acts++
	p.attempt = p.acts
}

// onward goes on behind a step if its whole stage is through.
func (h *history) onward(step int) {
	first, last := h.stage(step)
	h.phase = saga.Running
	for n := first; n <= last; n++ {
		if h.part(n).job != nothing {
			return
		}
	}
	for n := first; n <= last; n++ {
		if h.halted(n) {
			h.phase = saga.Stuck
			return
		}
	}
	if last == len(h.def.Steps) {
		h.phase = saga.Completed
		return
	}
	h.beginFrom(last + 1)
}

// verdict takes a yes or a no to an action, whichever way it came.
func (h *history) verdict(e *saga.Event) string {
	p := h.part(e.Step)
	if p.job == nothing || p.job == undoing {
		return h.belated(e)
	}
	switch {
	case e.Via == saga.ViaCallback && h.def.Steps[e.Step-1].Reply != saga.Callback:
		return "is sent for a step that gave out no address"
	case e.Via == saga.ViaQuery && h.def.Steps[e.Step-1].Query.Type == "":
		return "answers a question that the step does not have"
	case h.aside && e.Via != saga.ViaCallback:
		return "comes while the saga is set aside"
	case e.Attempt < 1 && e.Via != saga.ViaCallback, e.Attempt > p.acts && e.Via == saga.ViaAnswer:
		return fmt.Sprintf("answers attempt %d, which was never made", e.Attempt)
	}
	h.decide(e)
	return ""
}

func (h *history) decide(e *saga.Event) {
	p := h.part(e.Step)
	p.job, p.missing, p.missed = nothing, 0, false
	if e.Type == saga.StepAccepted {
		p.fate = done
		h.done = append(h.done, e.Step)
		h.onward(e.Step)
		return
	}
	p.fate = declined
	h.blame(cmp.Or(e.Code, "declined"))
	h.fail(e.Step)
}

// fail turns back after a step, or goes on with its siblings if it is too late
// for that.
func (h *history) fail(step int) {
	def := &h.def.Steps[step-1]
	if def.Kind == saga.Retriable || h.part(step).fate == doubtful && def.Compensation.Type == "" {
		h.onward(step)
		return
	}
	h.turnBack()
}

// belated takes a result for a step that nobody asks about any more.
func (h *history) belated(e *saga.Event) string {
	p := h.part(e.Step)
	switch {
	case e.Via != saga.ViaCallback:
		return "answers nothing that is in progress"
	case h.def.Steps[e.Step-1].Reply != saga.Callback:
		return "is sent for a step that gave out no address"
	case h.halted(e.Step) && (e.Type == saga.StepAccepted || p.fate == doubtful):
		p.fate = open
		h.overcome()
		h.decide(e)
		return ""
	case e.Type == saga.StepDeclined:
		return "is a late no, which changes nothing"
	case !h.back || p.success || p.fate == done || p.fate == left || p.fate == open && p.job == nothing:
		return "is a late yes, which changes nothing"
	}
	for _, step := range h.done {
		if step == e.Step {
			return "is a second yes, which changes nothing"
		}
	}
	if p.fate == doubtful && p.undos == 0 {
		p.fate = done
		h.done = append(h.done, e.Step)
		return ""
	}
	p.success = true
	if p.fate == undone || p.fate == declined {
		p.fate, p.second = doubtful, true
		h.undoNext()
	}
	return ""
}
