package saga

import (
	"encoding/json"
	"slices"
)

// The acts of people, and that of the clock, the deadline. Each has a rule that
// says why it is not possible; the same rule refuses the event, answers the person,
// and stands in a plan.

// isAct reports whether the event is an act.
func (e *Event) isAct() bool {
	switch e.Type {
	case CancelRequested, KillRequested, RetryRequested, StepResolved, Migrated, DeadlinePassed:
		return true
	}
	return false
}

// Refusal says why an act is not possible where the saga stands; "" if it is.
func Refusal(d *Definition, s *State, e *Event) string {
	switch {
	case s.Phase == "":
		return "the saga has not begun"
	case s.Phase.Terminal():
		return "the saga has ended: it is " + s.Phase.Public()
	}
	switch e.Type {
	case CancelRequested:
		return s.refuseCancel(d)
	case RetryRequested:
		return s.refuseRetry()
	case StepResolved:
		return s.refuseResolve(d, e)
	case Migrated:
		return s.refuseMigration(d, e.Definition)
	case DeadlinePassed:
		return s.refuseDeadline(d)
	}
	return ""
}

func (s *State) act(d *Definition, e *Event) bool {
	if Refusal(d, s, e) != "" {
		return false
	}
	switch e.Type {
	case CancelRequested:
		s.blame("cancelled", "Cancelled")
		s.Frozen, s.Incidents = "", nil
		s.turnBack(d, e.At)
	case KillRequested:
		s.blame("killed", "Killed: "+e.Reason)
		s.Frozen, s.Incidents, s.Phase = "", nil, Killed
	case RetryRequested:
		s.tryAgain(d, e.At)
	case StepResolved:
		s.resolve(d, e)
	case Migrated:
		s.migrate(e.Definition)
	case DeadlinePassed:
		s.blame("deadline_passed", "Deadline passed")
		s.turnBack(d, e.At)
	}
	return true
}

// direction is the phase a saga is in, or was in when it was quarantined.
func (s *State) direction() Phase {
	if s.Frozen != "" {
		return s.Frozen
	}
	return s.Phase
}

func (s *State) refuseCancel(d *Definition) string {
	switch {
	case s.direction() == Compensating || s.hasFailedCompensation():
		return "the saga is being undone already"
	case s.stays(d) != "":
		return s.stays(d)
	}
	return ""
}

func (s *State) refuseDeadline(d *Definition) string {
	if s.Phase != Running {
		return "the saga is " + s.Phase.Public() + ", and the deadline counts no more"
	}
	return s.stays(d)
}

func (s *State) hasFailedCompensation() bool {
	return slices.ContainsFunc(s.Steps, func(step StepState) bool { return step.Status == StepCompensationFailed })
}

func (s *State) refuseRetry() string {
	if s.Phase != Stuck {
		return "the saga is " + s.Phase.Public() + " and tries by itself"
	}
	return ""
}

// tryAgain gives everything that has failed a fresh round of attempts, under the
// same keys.
func (s *State) tryAgain(d *Definition, at Instant) {
	s.thaw(at)
	if s.Phase == Compensating || s.hasFailedCompensation() {
		s.Phase = Compensating
		for n := range s.Steps {
			if s.Steps[n].Status == StepCompensationFailed {
				s.settle(CompensationFailed, n+1)
				s.Steps[n].Status = StepUnknown // it may have been undone all the same
			}
		}
		s.undo(d, at)
		return
	}
	s.Phase = Running
	for n := range s.Steps {
		if status := s.Steps[n].Status; status == StepUnknown || status == StepFailed {
			s.settle(StepStuck, n+1)
			s.Steps[n].Taken = false
			s.begin(n+1, StepRunning, at)
		}
	}
	s.forgive()
}

// thaw lets a saga go on that was set aside.
func (s *State) thaw(at Instant) {
	if s.Frozen == "" {
		return
	}
	s.settle(Poison, 0)
	s.Phase, s.Frozen = s.Frozen, ""
	for _, n := range s.Active() {
		step := s.step(n)
		step.Due, step.Since = max(step.Due, at), at
	}
}

func (s *State) refuseResolve(d *Definition, e *Event) string {
	if e.Step < 1 || e.Step > len(s.Steps) {
		return "the saga has no such step"
	}
	step := s.step(e.Step)
	switch {
	case e.As != ByHand && e.As != Skipped:
		return "as must be done or skip"
	case s.Phase != Stuck:
		return "the saga is " + s.Phase.Public() + "; only one that is STUCK is settled by hand"
	case step.Status == StepCompensationFailed, s.Frozen != "" && step.active():
	case s.stoppedAt(e.Step):
	default:
		return "the step is " + string(step.Status) + " and needs nobody"
	}
	if step.Status == StepCompensationFailed || step.Status == StepCompensating || e.As == Skipped {
		return ""
	}
	return lacking(d.Step(e.Step).Action.Keep, e.Fields)
}

func lacking(names []string, fields map[string]json.RawMessage) string {
	for _, name := range names {
		if _, ok := fields[name]; !ok {
			return "fields." + name + " is needed by later steps"
		}
	}
	return ""
}

// resolve settles a step as a person says.
func (s *State) resolve(d *Definition, e *Event) {
	step := s.step(e.Step)
	undoing := step.Status == StepCompensationFailed || step.Status == StepCompensating
	s.settle(CompensationFailed, e.Step)
	s.settle(StepStuck, e.Step)
	s.foundWorker(e.Step)
	s.thaw(e.At)
	if undoing {
		step.Status = StepCompensated
		if e.As == Skipped {
			step.Status = StepSkipped
		}
		s.Phase = Compensating
		s.undo(d, e.At)
		return
	}
	s.Phase = Running
	s.resolveAction(d, e)
}

// resolveAction settles an action. One that will not be done turns the saga back
// as long as that is possible, and is left out after that. Its command may be on
// its way all the same, so it is undone, too, if anything can undo it (D10).
func (s *State) resolveAction(d *Definition, e *Event) {
	step := s.step(e.Step)
	switch {
	case e.As == ByHand:
		s.forgive()
		s.accept(d, e)
	case e.Step <= d.pivot():
		step.Status = StepFailed
		if d.Step(e.Step).undoable() {
			step.Status = StepUnknown
		}
		s.blame("skipped", "Skipped: "+e.Reason)
		s.turnBack(d, e.At)
	default:
		step.Status = StepSkipped
		s.advance(d, e.Step, e.At)
	}
}
