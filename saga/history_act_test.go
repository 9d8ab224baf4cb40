package saga_test

import (
	"fmt"
	"reflect"
	"slices"

	"amends/saga"
)

// The acts of people, as the second opinion sees them, and the comparison of what
// it has come to with the core.

func (h *history) acted(e *saga.Event) string {
	stuck := h.aside || h.phase == saga.Stuck
	switch {
	case h.phase == saga.Aborted:
		return "comes after the end"
	case e.Type == saga.KillRequested:
		h.blame("killed")
		h.phase, h.aside = saga.Killed, false
	case e.Type == saga.Migrated:
		return h.migrate(e.Definition)
	case e.Type == saga.RetryRequested && stuck:
		h.retry()
	case e.Type == saga.StepResolved && stuck:
		return h.resolve(e)
	case e.Type == saga.CancelRequested && h.reversible():
		h.blame("cancelled")
		h.aside = false
		h.turnBack()
	case e.Type == saga.DeadlinePassed && h.reversible() && !stuck:
		h.blame("deadline_passed")
		h.turnBack()
	default:
		return "is an act that is not possible here"
	}
	return ""
}

// reversible reports whether the saga may still turn back.
func (h *history) reversible() bool {
	for i, step := range h.def.Steps {
		p := &h.parts[i]
		mayStand := p.fate == doubtful || p.job != nothing
		if step.Kind == saga.Pivot && (p.fate == done || mayStand && step.Compensation.Type == "") {
			return false
		}
	}
	return !h.back
}

func (h *history) retry() {
	h.aside = false
	if h.back {
		for i := range h.def.Steps {
			if p := &h.parts[i]; p.fate == lost {
				p.fate = doubtful
			}
		}
		h.undoNext()
		return
	}
	h.phase = saga.Running
	for i := range h.def.Steps {
		if h.halted(i + 1) {
			h.parts[i].act()
			h.parts[i].taken = false
		}
	}
	h.code = ""
}

func (h *history) resolve(e *saga.Event) string {
	if e.Step < 1 || e.Step > len(h.def.Steps) || e.As != saga.ByHand && e.As != saga.Skipped {
		return "settles nothing"
	}
	p, def := h.part(e.Step), &h.def.Steps[e.Step-1]
	compensation := p.fate == lost || p.job == undoing
	if !compensation && !(h.aside && p.job != nothing) && (h.aside || !h.halted(e.Step)) {
		return "settles a step that needs nobody"
	}
	h.aside = false
	p.job, p.missing, p.missed = nothing, 0, false
	switch {
	case compensation && e.As == saga.ByHand:
		p.fate = undone
		h.undoNext()
	case compensation:
		p.fate = left
		h.undoNext()
	case e.As == saga.ByHand:
		for _, name := range def.Action.Keep {
			if e.Fields[name] == nil {
				return "lacks what later steps need"
			}
		}
		p.fate = open
		h.overcome()
		p.fate = done
		h.done = append(h.done, e.Step)
		h.onward(e.Step)
	case def.Kind == saga.Retriable:
		p.fate = left
		h.onward(e.Step)
	default:
		p.fate = declined
		if def.Compensation.Type != "" {
			p.fate = doubtful
		}
		h.blame("skipped")
		h.turnBack()
	}
	return ""
}

// migrate holds that whatever has begun is the same in both versions, but for the
// patience with which it is tried.
func (h *history) migrate(version *saga.Definition) string {
	if version == nil || version.Name != h.def.Name || len(version.Check()) > 0 || reflect.DeepEqual(version, h.def) {
		return "is to a version that cannot be"
	}
	moving := h.phase == saga.Running && !h.aside
	if version.Undo != h.def.Undo && !moving {
		return "changes the order of compensation on the way back"
	}
	begun := 0
	for i, step := range h.def.Steps {
		p := &h.parts[i]
		if p.job == nothing && p.fate == open {
			break
		}
		begun = i + 1
		if i >= len(version.Steps) || !alike(step, version.Steps[i]) || p.job == asking && version.Steps[i].Query.Type == "" {
			return fmt.Sprintf("changes step %d, which has begun", i+1)
		}
	}
	if begun == len(h.def.Steps) && begun != len(version.Steps) && !moving {
		return "adds steps behind the last one of a saga that does not go forward"
	}
	if begun < len(version.Steps) && version.Steps[begun].Group != "" && version.Steps[begun].Group == version.Steps[begun-1].Group {
		return "adds a step to a group that has begun"
	}
	h.def = version
	return ""
}

func alike(a, b saga.Step) bool {
	for _, s := range []*saga.Step{&a, &b} {
		s.Query, s.Patience, s.Reason = saga.Operation{}, 0, ""
		s.Action.Timeout, s.Action.Retry = 0, saga.Retry{}
		s.Compensation.Timeout, s.Compensation.Retry = 0, saga.Retry{}
	}
	return reflect.DeepEqual(a, b)
}

// disagrees says how a state differs from what the history says; empty if it does
// not.
func (h *history) disagrees(s *saga.State) string {
	phase := h.phase
	if h.aside {
		phase = saga.Stuck
	}
	switch {
	case s.Phase != phase:
		return fmt.Sprintf("phase is %s, must be %s", s.Phase, phase)
	case s.Code != h.code:
		return fmt.Sprintf("failed for %q, must be %q", s.Code, h.code)
	case len(s.Steps) != len(h.def.Steps):
		return fmt.Sprintf("there are %d steps, must be %d", len(s.Steps), len(h.def.Steps))
	}
	incidents := 0
	for i := range s.Steps {
		p, step := &h.parts[i], &s.Steps[i]
		if step.Status != p.status() {
			return fmt.Sprintf("step %d is %s, must be %s", i+1, step.Status, p.status())
		}
		if p.job != nothing && step.Attempt != p.attempt {
			return fmt.Sprintf("step %d is in progress with attempt %d, must be %d", i+1, step.Attempt, p.attempt)
		}
		if step.Attempts != p.acts || step.Compensations != p.undos || step.Reversal != p.second {
			return fmt.Sprintf("step %d was tried %d times and undone %d times, must be %d and %d", i+1, step.Attempts, step.Compensations, p.acts, p.undos)
		}
		for _, alarm := range h.alarms(i + 1) {
			if alarm.must {
				incidents++
			}
			if alarm.must != calls(s, alarm.kind, i+1) {
				return fmt.Sprintf("step %d: is a person called for %s, must one be: %v", i+1, alarm.kind, alarm.must)
			}
		}
	}
	if h.aside {
		incidents++
	}
	if h.aside != calls(s, saga.Poison, 0) || len(s.Incidents) != incidents {
		return fmt.Sprintf("incidents are %v, must be %d", s.Incidents, incidents)
	}
	return ""
}

// alarm is a reason to call a person, and whether there is one.
type alarm struct {
	kind saga.IncidentKind
	must bool
}

// alarms is for what a person must have been called about a step.
func (h *history) alarms(step int) [3]alarm {
	p, over := h.part(step), h.phase == saga.Killed
	return [...]alarm{
		{saga.CompensationFailed, p.fate == lost && !over}, {saga.StepStuck, h.halted(step) && !over}, {saga.AbsentWorker, p.missed && !over},
	}
}

// calls reports whether a person is called.
func calls(s *saga.State, kind saga.IncidentKind, step int) bool {
	return slices.ContainsFunc(s.Incidents, func(i saga.Incident) bool { return i.Kind == kind && i.Step == step })
}

// status is the word that the core has for it.
func (p *part) status() saga.StepStatus {
	if p.job != nothing {
		return [...]saga.StepStatus{"", saga.StepRunning, saga.StepWaiting, saga.StepQuerying, saga.StepCompensating}[p.job]
	}
	return [...]saga.StepStatus{
		saga.StepPending, saga.StepCompleted, saga.StepFailed, saga.StepUnknown,
		saga.StepCompensated, saga.StepCompensationFailed, saga.StepSkipped,
	}[p.fate]
}
