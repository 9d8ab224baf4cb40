package saga

import (
	"encoding/json"
	"slices"
)

// Phase is where a saga stands as a whole.
type Phase string

// The phases. COMPLETED and ABORTED are terminal; STUCK waits for a person.
const (
	Running      Phase = "RUNNING"
	Compensating Phase = "COMPENSATING"
	Completed    Phase = "COMPLETED"
	Aborted      Phase = "ABORTED"
	Stuck        Phase = "STUCK"
)

// Terminal reports whether nothing can happen any more.
func (p Phase) Terminal() bool { return p == Completed || p == Aborted }

// Live reports whether the saga has something to do by itself.
func (p Phase) Live() bool { return p == Running || p == Compensating }

// StepStatus is where one step stands.
type StepStatus string

// The statuses of a step.
const (
	StepPending            StepStatus = "PENDING"
	StepRunning            StepStatus = "RUNNING"
	StepCompleted          StepStatus = "COMPLETED"
	StepFailed             StepStatus = "FAILED"  // declined: certainly nothing was done
	StepUnknown            StepStatus = "UNKNOWN" // something may have been done
	StepCompensating       StepStatus = "COMPENSATING"
	StepCompensated        StepStatus = "COMPENSATED"
	StepCompensationFailed StepStatus = "COMPENSATION_FAILED"
)

// State is all that is known of one saga. It is a value: Next returns a new one
// and leaves the old one alone.
type State struct {
	Start   *Start
	Phase   Phase
	Seq     int     // number of events that made this state
	Cursor  int     // the step in progress, from 1
	Attempt int     // the attempt in progress, or due
	Due     Instant // when that attempt may be sent
	Since   Instant // when the attempt was wanted
	Absent  bool    // nobody listens for the command in progress

	Steps    []StepState
	Code     string // of the first failure; later ones never overwrite it
	Reason   string // the same, in words for the client
	Incident string // why a person is needed
	Began    Instant
	Deadline Instant // 0 is none
}

// StepState is what is known of one step.
type StepState struct {
	Status        StepStatus
	Attempts      int // of the action
	Compensations int // attempts of the compensation
	Kept          map[string]json.RawMessage
	LastError     string
}

// step returns the state of the step in progress.
func (s *State) step() *StepState { return &s.Steps[s.Cursor-1] }

// clone copies what a transition may change. The kept fields are never changed
// in place, so they are shared.
func (s State) clone() State {
	s.Steps = slices.Clone(s.Steps)
	return s
}

// Pending returns what has to be done about a state: nothing else than the state
// decides it, so recovery after a crash and the way on after an event are the
// same.
func (s *State) Pending(now Instant) []Effect {
	switch s.Phase {
	case Completed, Aborted:
		return []Effect{Finish{s.Phase}}
	case Stuck:
		return []Effect{Park{}}
	case Running, Compensating:
		if s.Due > now {
			return []Effect{Wait{s.Due}}
		}
		return []Effect{Send{s.Cursor, s.Phase == Compensating, s.Attempt}}
	}
	return nil
}
