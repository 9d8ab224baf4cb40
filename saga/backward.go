package saga

import "slices"

// The way back: what becomes of the compensations.

// turnBack gives up what is in progress, whose outcome is unknown then (D10),
// and undoes everything that may have had an effect.
func (s *State) turnBack(d *Definition, at Instant) {
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.active() {
			step.Status = StepUnknown
			s.foundWorker(i + 1)
		}
	}
	s.Phase = Compensating
	s.undo(d, at)
}

// undo begins what is to be undone next; when there is nothing left, the saga
// ends.
func (s *State) undo(d *Definition, at Instant) {
	for len(s.Active()) == 0 || d.Undo == InParallel {
		step := s.owed()
		if step == 0 {
			break
		}
		if !d.Step(step).undoable() {
			s.cannotUndo(d, step, at)
			continue
		}
		s.begin(step, StepCompensating, at)
	}
	if len(s.Active()) > 0 {
		return
	}
	s.Phase = Aborted
	if len(s.Incidents) > 0 {
		s.Phase = Stuck
	}
}

// cannotUndo calls a person about a step that was done after the saga had turned
// back from it, and that nothing can undo.
func (s *State) cannotUndo(d *Definition, number int, at Instant) {
	s.step(number).Status = StepCompensationFailed
	s.alarm(CompensationFailed, number, d.Step(number).Action.Type+" was done after all, and nothing can undo it", at)
}

// owed is the step to be undone next, 0 if there is none: first those whose
// outcome is unknown, since they were begun last, then those that were done, the
// latest first.
func (s *State) owed() int {
	for number := len(s.Steps); number >= 1; number-- {
		if s.step(number).Status == StepUnknown && !slices.Contains(s.Order, number) {
			return number
		}
	}
	for _, number := range slices.Backward(s.Order) {
		if status := s.step(number).Status; status == StepCompleted || status == StepUnknown {
			return number
		}
	}
	return 0
}

// compensated ends a compensation. If the action turned out to have succeeded
// meanwhile, it is undone once more.
func (s *State) compensated(d *Definition, e *Event) {
	step := s.step(e.Step)
	step.Status = StepCompensated
	if step.Regretted && !step.Reversal {
		s.reverse(e.Step)
	}
	s.undo(d, e.At)
}

func (s *State) retryCompensation(d *Definition, e *Event) {
	step := s.step(e.Step)
	policy := d.Step(e.Step).Compensation.Retry
	step.LastError = trouble(e)
	if step.tries() < policy.Attempts && !e.Final {
		step.again(e.At, s.pause(policy, e))
		return
	}
	s.failCompensation(d, e)
}

// failCompensation opens an incident and goes on: the other steps are undone all
// the same (X5).
func (s *State) failCompensation(d *Definition, e *Event) {
	step := s.step(e.Step)
	step.Status, step.LastError = StepCompensationFailed, trouble(e)
	s.alarm(CompensationFailed, e.Step, d.Step(e.Step).Compensation.Type+" failed: "+trouble(e), e.At)
	s.undo(d, e.At)
}
