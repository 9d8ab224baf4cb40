package saga

import (
	"encoding/json"
	"slices"
)

// Phase is where a saga stands as a whole.
type Phase string

// The phases. COMPLETED, ABORTED and KILLED are terminal; STUCK waits for a
// person.
const (
	Running      Phase = "RUNNING"
	Compensating Phase = "COMPENSATING"
	Completed    Phase = "COMPLETED"
	Aborted      Phase = "ABORTED"
	Stuck        Phase = "STUCK"
	Killed       Phase = "KILLED" // ended by a person where it stood; nothing was undone
)

// Terminal reports whether nothing more is to be done.
func (p Phase) Terminal() bool { return p == Completed || p == Aborted || p == Killed }

// Live reports whether the saga has something to do by itself.
func (p Phase) Live() bool { return p == Running || p == Compensating }

// StepStatus is where one step stands.
type StepStatus string

// The statuses of a step.
const (
	StepPending            StepStatus = "PENDING"
	StepRunning            StepStatus = "RUNNING"
	StepWaiting            StepStatus = "WAITING"  // taken in; its result comes later
	StepQuerying           StepStatus = "QUERYING" // its worker is asked what became of it
	StepCompleted          StepStatus = "COMPLETED"
	StepFailed             StepStatus = "FAILED"  // declined: certainly nothing was done
	StepUnknown            StepStatus = "UNKNOWN" // something may have been done
	StepCompensating       StepStatus = "COMPENSATING"
	StepCompensated        StepStatus = "COMPENSATED"
	StepCompensationFailed StepStatus = "COMPENSATION_FAILED"
	StepSkipped            StepStatus = "SKIPPED" // a person let it be
)

// State is all that is known of one saga. It is a value: Next returns a new one
// and leaves the old one alone.
type State struct {
	Start     *Start
	Phase     Phase
	Seq       int     // number of events that made this state
	Last      Instant // when the latest of them happened
	Steps     []StepState
	Order     []int      // the steps that were accepted, in this order
	Frozen    Phase      // of a saga that is quarantined: the phase to go on in
	Code      string     // of the first failure; later ones never overwrite it
	Reason    string     // the same, in words for the client
	Blamed    int        // the step that failed first; 0 is none: somebody wanted the saga undone, or the deadline passed
	Incidents []Incident // the open ones: why a person is needed
	Began     Instant
	Deadline  Instant // 0 is none
}

// StepState is what is known of one step.
type StepState struct {
	Status  StepStatus
	Attempt int     // the attempt in progress, or due, of whatever is done about the step
	Due     Instant // when that attempt may be sent; of a step that is WAITING, until when it waits
	Since   Instant // when the attempt was wanted
	Absent  Instant // since when nobody listens for the command in progress; 0 is somebody does

	Attempts      int // of the action
	Compensations int // attempts of the compensation
	Before        int // those of the operation that were made before this round of tries began
	Kept          map[string]json.RawMessage
	LastError     string
	RequestID     string // under which the worker has taken the action in
	Taken         bool   // the worker has taken the action in

	Regretted bool                       // a success came after the step was given up
	Late      map[string]json.RawMessage // what it brought
	Reversal  bool                       // the compensation in progress is the second one, because of it
}

// IncidentKind tells why a person is needed.
type IncidentKind string

// The kinds that a journal can hold.
const (
	CompensationFailed IncidentKind = "compensation_failed" // refused, or its attempts are used up
	StepStuck          IncidentKind = "step_failed"         // a step failed that nothing can undo
	AbsentWorker       IncidentKind = "worker_absent"       // nobody has listened for long; the saga waits on
	Poison             IncidentKind = "poison"              // the saga keeps killing its owner
)

// Incident is something that a person has to see to.
type Incident struct {
	Kind  IncidentKind
	Step  int // 0 is the saga as a whole
	Cause string
	First Instant
	Last  Instant
}

// mode is what is done about a step that is in progress.
func (s *StepState) mode() Mode {
	switch s.Status {
	case StepCompensating:
		return Compensate
	case StepQuerying:
		return Ask
	}
	return Do
}

// tries is how often the operation in progress was tried in this round.
func (s *StepState) tries() int {
	if s.Status == StepQuerying {
		return s.Attempt
	}
	return s.Attempt - s.Before
}

// active reports whether something is done about the step, or awaited.
func (s *StepState) active() bool {
	switch s.Status {
	case StepRunning, StepWaiting, StepQuerying, StepCompensating:
		return true
	}
	return false
}

// Active returns the numbers of the steps in progress.
func (s *State) Active() []int {
	var active []int
	for i := range s.Steps {
		if s.Steps[i].active() {
			active = append(active, i+1)
		}
	}
	return active
}

// Mode is what is done about a step in progress.
func (s *State) Mode(step int) Mode { return s.Steps[step-1].mode() }

// step returns the state of a step.
func (s *State) step(number int) *StepState { return &s.Steps[number-1] }

// clone copies what a transition may change. The kept fields are never changed
// in place, so they are shared.
func (s State) clone() State {
	s.Steps = slices.Clone(s.Steps)
	s.Order = slices.Clone(s.Order)
	s.Incidents = slices.Clone(s.Incidents)
	return s
}

// Pending returns what has to be done about a state: nothing else than the state
// decides it, so recovery after a crash and the way on after an event are the
// same.
func (s *State) Pending(now Instant) []Effect {
	switch s.Phase {
	case Completed, Aborted, Killed:
		return []Effect{Finish{s.Phase}}
	case Stuck:
		return []Effect{Park{}}
	}
	var effects []Effect
	for i := range s.Steps {
		if step := &s.Steps[i]; step.active() {
			effects = append(effects, step.pending(i+1, now))
		}
	}
	return effects
}

func (s *StepState) pending(number int, now Instant) Effect {
	if s.Status == StepWaiting || s.Due > now {
		return Wait{number, s.Due}
	}
	return Send{Step: number, Mode: s.mode(), Attempt: s.Attempt}
}

// Expires is when the deadline turns the saga back; 0 is never, since it has
// none, or has passed the point of no return.
func (s *State) Expires(d *Definition) Instant {
	if s.Phase != Running || s.stays(d) != "" {
		return 0
	}
	return s.Deadline
}

// Wake is when a saga that only waits goes on by itself; 0 if it has something
// to do already, or waits for nothing but a person.
func (s *State) Wake(d *Definition) Instant {
	wake := s.Expires(d)
	for i := range s.Steps {
		step := &s.Steps[i]
		switch {
		case !step.active() || !s.Phase.Live():
		case step.Status != StepWaiting && step.Due <= step.Since:
			return 0
		case wake == 0 || step.Due < wake:
			wake = step.Due
		}
	}
	return wake
}

// Idle reports whether nothing is due: the saga only waits, for a result, another
// attempt, a worker that is absent, or a person. A shell that has an operation of
// its own under way must wait for the end of that, too.
func (s *State) Idle(now Instant) bool {
	if !s.Phase.Live() {
		return true
	}
	for i := range s.Steps {
		if step := &s.Steps[i]; step.active() && step.Absent == 0 && step.Due <= now {
			return false
		}
	}
	return true
}
