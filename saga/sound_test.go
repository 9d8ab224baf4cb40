package saga_test

import (
	"fmt"

	"amends/saga"
)

// unsound says what must never be true of a state, whatever led to it; empty if
// it is sound. Every story, every walk and every simulated saga asks it after
// every event.
func unsound(def *saga.Definition, s *saga.State) string {
	active := len(s.Active())
	switch {
	case s.Phase.Live() && active == 0:
		return fmt.Sprintf("it is %s, and nothing is in progress", s.Phase)
	case s.Phase.Terminal() && len(s.Incidents) > 0:
		return fmt.Sprintf("it is %s, and a person is called: %v", s.Phase, s.Incidents)
	case s.Phase == saga.Stuck && len(s.Incidents) == 0:
		return "it is STUCK, and nobody is called"
	case len(s.Steps) != len(def.Steps):
		return fmt.Sprintf("it has %d steps, its definition %d", len(s.Steps), len(def.Steps))
	case (s.Frozen != "") != calls(s, saga.Poison, 0):
		return fmt.Sprintf("it is set aside in %q, and the incidents are %v", s.Frozen, s.Incidents)
	}
	for i := range s.Steps {
		if why := unsoundStep(def, s, i+1); why != "" {
			return fmt.Sprintf("step %d is %s in a saga that is %s, and %s", i+1, s.Steps[i].Status, s.Phase, why)
		}
	}
	return ""
}

func unsoundStep(def *saga.Definition, s *saga.State, number int) string {
	step := &s.Steps[number-1]
	forward := s.Phase == saga.Running || s.Phase == saga.Stuck && (s.Frozen == saga.Running || !turnedBack(s))
	failed := step.Status == saga.StepFailed || step.Status == saga.StepUnknown
	switch {
	case s.Phase == saga.Killed:
		return ""
	case calls(s, saga.CompensationFailed, number) != (step.Status == saga.StepCompensationFailed):
		return fmt.Sprintf("the incidents are %v", s.Incidents)
	case calls(s, saga.StepStuck, number) != (forward && failed):
		return fmt.Sprintf("the incidents are %v", s.Incidents)
	case calls(s, saga.AbsentWorker, number) && (step.Absent == 0 || !inProgress(step)):
		return "a worker is missed that nobody needs"
	case step.Status == saga.StepCompensating && def.Step(number).Compensation.Type == "":
		return "it has no compensation"
	case step.Status == saga.StepQuerying && def.Step(number).Query.Type == "":
		return "it has no query"
	case s.Phase == saga.Aborted && (step.Status == saga.StepCompleted || step.Status == saga.StepUnknown || inProgress(step)):
		return "it is not undone"
	case s.Phase == saga.Completed && step.Status != saga.StepCompleted && step.Status != saga.StepSkipped:
		return "it is not done"
	}
	return ""
}

func inProgress(step *saga.StepState) bool {
	switch step.Status {
	case saga.StepRunning, saga.StepWaiting, saga.StepQuerying, saga.StepCompensating:
		return true
	}
	return false
}

// turnedBack reports whether anything was undone, or tried to be.
func turnedBack(s *saga.State) bool {
	for i := range s.Steps {
		switch s.Steps[i].Status {
		case saga.StepCompensating, saga.StepCompensated, saga.StepCompensationFailed:
			return true
		}
	}
	return false
}
