package saga_test

import (
	"fmt"
	"slices"

	"amends/saga"
)

// history is a second opinion on what a saga may do. It reads a journal event by
// event and keeps two lists: what may have been done, and what is still to be
// undone. It shares no code with the core and knows no statuses, so that a
// mistake in one of the two shows as a disagreement.
type history struct {
	def *saga.Definition

	phase    saga.Phase
	step     int
	attempt  int
	effected []int // steps that may have been done, in order
	owed     []int // steps to be undone, the next one first
	code     string
	alarmed  bool // a compensation failed, or a person is needed for another reason
	at       saga.Instant
}

// illegal is an event that the rules forbid where it stands.
type illegal struct {
	seq   int
	event saga.EventType
	why   string
}

func (e *illegal) Error() string { return fmt.Sprintf("event %d (%s) %s", e.seq, e.event, e.why) }

// readHistory judges a whole journal.
func readHistory(def *saga.Definition, events []*saga.Event) (history, error) {
	h := history{def: def}
	for i, e := range events {
		if why := h.read(e); why != "" {
			return h, &illegal{i + 1, e.Type, why}
		}
	}
	return h, nil
}

// read takes the next event, or says why it must not be there.
func (h *history) read(e *saga.Event) string {
	if e.At < h.at {
		return "goes back in time"
	}
	h.at = e.At
	switch {
	case e.Type == saga.Started:
		if h.phase != "" {
			return "starts a saga twice"
		}
		h.phase, h.step, h.attempt = saga.Running, 1, 1
	case h.phase != saga.Running && h.phase != saga.Compensating:
		return "comes after the end"
	case e.Type == saga.Quarantined:
		h.phase, h.alarmed = saga.Stuck, true
	case e.Type == saga.CancelRequested, e.Type == saga.DeadlinePassed:
		return h.interrupted(e)
	case h.phase == saga.Running:
		return h.forward(e)
	default:
		return h.backward(e)
	}
	return ""
}

// reversible reports whether the step in progress may still be undone.
func (h *history) reversible() bool {
	for _, s := range h.def.Steps[:h.step-1] {
		if s.Kind == saga.Pivot {
			return false
		}
	}
	return h.def.Step(h.step).Compensation.Type != ""
}

func (h *history) interrupted(e *saga.Event) string {
	if h.phase != saga.Running || !h.reversible() {
		return "comes when the saga cannot turn back"
	}
	h.code = map[saga.EventType]string{saga.CancelRequested: "cancelled", saga.DeadlinePassed: "deadline_passed"}[e.Type]
	h.effected = append(h.effected, h.step)
	h.turnBack()
	return ""
}

func (h *history) forward(e *saga.Event) string {
	if why := h.misplaced(e, saga.StepAccepted, saga.StepDeclined, saga.StepUnavailable, saga.StepTimedOut); why != "" {
		return why
	}
	switch e.Type {
	case saga.StepAccepted:
		h.effected = append(h.effected, h.step)
		if h.step == len(h.def.Steps) {
			h.phase = saga.Completed
			return ""
		}
		h.step, h.attempt = h.step+1, 1
	case saga.StepDeclined:
		h.code = e.Code
		if h.pivotPassed() {
			h.phase, h.alarmed = saga.Stuck, true
			return ""
		}
		h.turnBack()
	case saga.StepUnavailable, saga.StepTimedOut:
		if h.again(e, h.def.Step(h.step).Action.Retry) {
			return ""
		}
		h.code = e.Code
		if e.Code == "" {
			h.code = map[saga.EventType]string{saga.StepTimedOut: "timeout", saga.StepUnavailable: "unavailable"}[e.Type]
		}
		if !h.reversible() {
			h.phase, h.alarmed = saga.Stuck, true
			return ""
		}
		h.effected = append(h.effected, h.step)
		h.turnBack()
	}
	return ""
}

func (h *history) pivotPassed() bool {
	return slices.ContainsFunc(h.def.Steps[:h.step-1], func(s saga.Step) bool { return s.Kind == saga.Pivot })
}

func (h *history) backward(e *saga.Event) string {
	if why := h.misplaced(e, saga.CompensationDone, saga.CompensationRefused, saga.CompensationUnavailable, saga.CompensationTimedOut); why != "" {
		return why
	}
	switch e.Type {
	case saga.CompensationDone:
		h.settle()
	case saga.CompensationRefused:
		h.alarmed = true
		h.settle()
	case saga.CompensationUnavailable, saga.CompensationTimedOut:
		if !h.again(e, h.def.Step(h.step).Compensation.Retry) {
			h.alarmed = true
			h.settle()
		}
	}
	return ""
}

// misplaced says why an answer must not stand here: of the other direction,
// another step, or an attempt that it cannot be an answer to.
func (h *history) misplaced(e *saga.Event, verdicts ...saga.EventType) string {
	verdict := slices.Index(verdicts, e.Type)
	switch {
	case verdict < 0 && (e.Type != saga.WorkerAbsent || e.Compensating != (h.phase == saga.Compensating)):
		return "answers the other direction"
	case e.Step != h.step:
		return fmt.Sprintf("answers step %d, but step %d is in progress", e.Step, h.step)
	case e.Attempt < 1 || e.Attempt > h.attempt:
		return fmt.Sprintf("answers attempt %d, which was never made", e.Attempt)
	case (verdict > 1 || e.Type == saga.WorkerAbsent) && e.Attempt != h.attempt:
		return fmt.Sprintf("says that attempt %d brought nothing, when attempt %d is in progress", e.Attempt, h.attempt)
	}
	return ""
}

// again counts an attempt that brought no verdict, and reports whether there is
// another one.
func (h *history) again(e *saga.Event, policy saga.Retry) bool {
	if e.Final || h.attempt >= policy.Attempts {
		return false
	}
	h.attempt++
	return true
}

// turnBack owes the compensation of everything that may have been done, the
// latest first.
func (h *history) turnBack() {
	h.owed = slices.Clone(h.effected)
	slices.Reverse(h.owed)
	h.phase = saga.Compensating
	h.owe()
}

// settle crosses the compensation in progress off the list.
func (h *history) settle() {
	h.owed = h.owed[1:]
	h.owe()
}

func (h *history) owe() {
	switch {
	case len(h.owed) > 0:
		h.step, h.attempt = h.owed[0], 1
	case h.alarmed:
		h.phase = saga.Stuck
	default:
		h.phase = saga.Aborted
	}
}

// disagrees says how a state differs from what the history says; empty if it
// does not.
func (h *history) disagrees(s *saga.State) string {
	switch {
	case s.Phase != h.phase:
		return fmt.Sprintf("phase is %s, must be %s", s.Phase, h.phase)
	case s.Phase.Live() && (s.Cursor != h.step || s.Attempt != h.attempt):
		return fmt.Sprintf("in progress is step %d attempt %d, must be step %d attempt %d", s.Cursor, s.Attempt, h.step, h.attempt)
	case s.Code != h.code:
		return fmt.Sprintf("failed for %q, must be %q", s.Code, h.code)
	case (s.Incident != "") != h.alarmed:
		return fmt.Sprintf("incident is %q, must there be one: %v", s.Incident, h.alarmed)
	}
	return ""
}
