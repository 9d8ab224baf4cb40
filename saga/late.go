package saga

import "slices"

// A result that is sent later may come at any time: before the worker has said
// that it took the action in, twice, and long after the saga has given it up.
// While the step is in progress it is simply its verdict. What comes afterwards
// is handled here (S4-16, D21).

// isLate reports whether an event is a result for a step that is not in progress
// any more.
func (s *State) isLate(e *Event) bool {
	if e.Via != ViaCallback || e.Step < 1 || e.Step > len(s.Steps) {
		return false
	}
	step := s.step(e.Step)
	return !s.Phase.Live() || !step.active() || step.Status == StepCompensating
}

// whileFrozen takes in a result that comes while the saga is set aside: its sender
// will not send it again. What follows from it has to wait, unless the saga ends.
func (s *State) whileFrozen(d *Definition, e *Event) bool {
	poison := *s.incident(Poison, 0)
	s.settle(Poison, 0)
	s.Phase, s.Frozen = s.Frozen, ""
	applies := s.isLate(e) && s.late(d, e) || s.concerns(e) && s.answer(d, e)
	if s.Phase.Live() {
		s.Phase, s.Frozen = Stuck, s.Phase
		s.Incidents = append(s.Incidents, poison)
	}
	return applies
}

// late takes such a result in. A no changes nothing where the step was given up
// already; a yes means that something stands which nobody wants any more.
func (s *State) late(d *Definition, e *Event) bool {
	step := s.step(e.Step)
	switch {
	case s.stoppedAt(e.Step) && e.Type == StepAccepted:
		s.resume(e.Step)
		s.accept(d, e)
		return true
	case s.stoppedAt(e.Step) && e.Type == StepDeclined && step.Status == StepUnknown:
		s.resume(e.Step)
		s.decline(d, e)
		return true
	case e.Type != StepAccepted || !s.givenUp(e.Step):
		return false
	}
	s.regret(e)
	if step.Status == StepUnknown {
		s.Phase = Compensating
		s.undo(d, e.At)
	}
	return true
}

// regret notes that a step has succeeded from which the saga has turned back.
func (s *State) regret(e *Event) {
	step := s.step(e.Step)
	fields := asSealed(e.Fields)
	if step.Status == StepUnknown && step.Compensations == 0 { // its compensation has not begun, and will know
		step.Status, step.Kept = StepCompleted, fields
		s.Order = append(s.Order, e.Step)
		return
	}
	step.Late, step.Regretted = fields, true
	switch step.Status {
	case StepCompensated, StepFailed:
		s.reverse(e.Step)
	case StepCompensationFailed:
		s.alarm(CompensationFailed, e.Step, s.incident(CompensationFailed, e.Step).Cause+"; the action was reported done since", e.At)
	}
}

// stoppedAt reports whether this step has failed, or its outcome is unknown, and
// nothing can undo it: the saga is STUCK, or will be when the steps are through
// that run side by side with it.
func (s *State) stoppedAt(number int) bool {
	return s.Frozen == "" && s.incident(StepStuck, number) != nil
}

// resume closes the incident of a step and lets the saga go forward.
func (s *State) resume(number int) {
	s.settle(StepStuck, number)
	s.Phase = Running
	s.forgive()
}

// givenUp reports whether the saga has turned back from a step, and does not
// know yet that it was done.
func (s *State) givenUp(number int) bool {
	step := s.step(number)
	if s.Phase == Running || s.Phase == Completed || s.Phase == Killed || s.Frozen != "" {
		return false
	}
	if step.Regretted || slices.Contains(s.Order, number) {
		return false
	}
	switch step.Status {
	case StepUnknown, StepCompensating, StepCompensated, StepCompensationFailed, StepFailed:
		return true
	}
	return false
}

// reverse owes a second compensation, which knows what the success brought.
func (s *State) reverse(number int) {
	step := s.step(number)
	step.Status, step.Kept, step.Reversal = StepUnknown, step.Late, true
}
