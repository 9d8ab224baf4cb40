package saga

// Next is the whole machine. An event that does not concern the state (a late
// answer, a second one, one for another step) leaves it as it is: same Seq.
//
//	                  RUNNING                      COMPENSATING             terminal, STUCK
//	StepAccepted      next step | COMPLETED        ignored: too late        ignored
//	StepDeclined      undo the steps before        ignored                  ignored
//	StepUnavailable   again | undo from this step  ignored                  ignored
//	StepTimedOut      again | undo from this step  ignored                  ignored
//	Cancel, Deadline  undo from this step ¹        ignored                  ignored
//	Compensation-
//	 Done             ignored                      step before | ABORTED ²  ignored
//	 Refused          ignored                      step before, ends STUCK  ignored
//	 Unavailable      ignored                      again | as Refused       ignored
//	 TimedOut         ignored                      again | as Refused       ignored
//	WorkerAbsent      wait for a worker            wait for a worker        ignored
//	Quarantined       STUCK                        STUCK                    ignored
//
//	¹ before the pivot; after it they are ignored and the saga finishes forward
//	² STUCK if a compensation before it failed
//
// After the pivot a step that fails for good is not undone: the saga is STUCK.
func Next(d *Definition, s State, e Event) (State, []Effect) {
	if e.Type == WorkerAbsent && s.Absent && s.concerns(&e) {
		return s, []Effect{Wait{e.At.Add(absence(&s, e.At))}}
	}
	next := s.clone()
	if !next.apply(d, &e) {
		return s, nil
	}
	next.Seq++
	return next, next.Pending(e.At)
}

// Replay folds the events of a journal into the state they made. It returns an
// error if one of them does not apply: then the journal is not of this
// definition, or not whole.
func Replay(d *Definition, events []Event) (State, error) {
	var s State
	for i := range events {
		if !s.apply(d, &events[i]) {
			return State{}, &ReplayError{Seq: i + 1, Type: events[i].Type}
		}
		s.Seq++
	}
	return s, nil
}

// apply changes the state. When it returns false the event does not apply, and
// the state is of no use any more.
func (s *State) apply(d *Definition, e *Event) bool {
	if e.Type == Started {
		return s.start(d, e)
	}
	if !s.Phase.Live() {
		return false
	}
	s.Absent = false // it was said of the command before this event
	switch e.Type {
	case CancelRequested, DeadlinePassed:
		return s.giveUp(d, e)
	case Quarantined:
		s.park("the saga keeps killing its owner: " + e.Message)
		return true
	}
	return s.concerns(e) && s.answer(d, e)
}

func (s *State) answer(d *Definition, e *Event) bool {
	switch e.Type {
	case StepAccepted:
		s.accept(d, e)
	case StepDeclined:
		s.decline(d, e)
	case StepUnavailable, StepTimedOut, CompensationUnavailable, CompensationTimedOut:
		s.retry(d, e)
	case CompensationDone:
		s.step().Status = StepCompensated
		s.compensate(d, e.At)
	case CompensationRefused:
		s.failCompensation(d, e)
	case WorkerAbsent:
		s.Absent = true
		s.Due = e.At.Add(absence(s, e.At))
	default:
		return false
	}
	return true
}

// concerns tells an answer to the operation in progress from a stale one. A
// verdict counts whichever attempt brought it, since all attempts are the same
// logical operation; a lack of verdict counts for the attempt in progress only.
func (s *State) concerns(e *Event) bool {
	if !s.Phase.Live() || e.Step != s.Cursor || e.Undoes() != (s.Phase == Compensating) {
		return false
	}
	switch e.Type {
	case StepAccepted, StepDeclined, CompensationDone, CompensationRefused:
		return 1 <= e.Attempt && e.Attempt <= s.Attempt
	}
	return e.Attempt == s.Attempt
}

func (s *State) start(d *Definition, e *Event) bool {
	if s.Phase != "" || e.Start == nil {
		return false
	}
	start := *e.Start
	start.Request = asSealed(start.Request)
	s.Start, s.Began, s.Phase = &start, e.At, Running
	s.Steps = make([]StepState, len(d.Steps))
	for i := range s.Steps {
		s.Steps[i].Status = StepPending
	}
	if d.Deadline > 0 {
		s.Deadline = e.At.Add(d.Deadline)
	}
	s.begin(1, StepRunning, e.At)
	return true
}

// begin makes a step the one in progress, at its first attempt.
func (s *State) begin(step int, status StepStatus, at Instant) {
	s.Cursor, s.Attempt, s.Due, s.Since = step, 1, at, at
	s.step().Status = status
	s.count()
}

// count keeps the number of attempts where a person looks for it.
func (s *State) count() {
	if s.Phase == Compensating {
		s.step().Compensations = s.Attempt
	} else {
		s.step().Attempts = s.Attempt
	}
}

func (s *State) accept(d *Definition, e *Event) {
	s.step().Status, s.step().Kept = StepCompleted, asSealed(e.Fields)
	if s.Cursor == len(d.Steps) {
		s.Phase = Completed
		return
	}
	s.begin(s.Cursor+1, StepRunning, e.At)
}

// decline ends the way forward. The step itself did nothing and is not undone
// (S0-18).
func (s *State) decline(d *Definition, e *Event) {
	s.step().Status, s.step().LastError = StepFailed, e.Code
	s.blame(e.Code, reason(d.Step(s.Cursor), e))
	if s.Cursor > d.pivot() {
		s.park("declined after the pivot: " + e.Code)
		return
	}
	s.compensate(d, e.At)
}

// retry plans the next attempt, or gives the operation up when its attempts are
// used up.
func (s *State) retry(d *Definition, e *Event) {
	policy := d.Operation(s.Cursor, s.Phase == Compensating).Retry
	s.step().LastError = trouble(e)
	if s.Attempt < policy.Attempts && !e.Final {
		wait := max(min(e.RetryAfter, retryAfterMax), backoff(policy, s.Start.SagaID, s.Cursor, s.Phase == Compensating, s.Attempt))
		s.Attempt, s.Due, s.Since = s.Attempt+1, e.At.Add(wait), e.At
		s.count()
		return
	}
	if s.Phase == Compensating {
		s.failCompensation(d, e)
		return
	}
	s.blame(trouble(e), d.Step(s.Cursor).Action.Type+" failed: "+trouble(e))
	s.undoFromHere(d, e.At)
}

// giveUp turns back on a cancel or a deadline, unless the pivot has passed or
// the step in progress is one that nothing can undo.
func (s *State) giveUp(d *Definition, e *Event) bool {
	if s.Phase != Running || s.Cursor > d.pivot() || !d.Step(s.Cursor).undoable() {
		return false
	}
	if e.Type == CancelRequested {
		s.blame("cancelled", "Cancelled")
	} else {
		s.blame("deadline_passed", "Deadline passed")
	}
	s.undoFromHere(d, e.At)
	return true
}

// undoFromHere compensates the step in progress too: its outcome is unknown
// (D10), and a participant that never did it remembers to refuse it later.
func (s *State) undoFromHere(d *Definition, at Instant) {
	s.step().Status = StepUnknown
	if s.Cursor > d.pivot() || !d.Step(s.Cursor).undoable() {
		s.park("outcome unknown and nothing can undo it: " + d.Step(s.Cursor).Action.Type)
		return
	}
	s.compensate(d, at)
}

// compensate turns to the latest step that may have had an effect and is not
// settled yet; when there is none, the saga ends.
func (s *State) compensate(d *Definition, at Instant) {
	s.Phase = Compensating
	for step := s.Cursor; step >= 1; step-- {
		switch s.Steps[step-1].Status {
		case StepCompleted, StepUnknown:
			s.begin(step, StepCompensating, at)
			return
		}
	}
	s.Phase = Aborted
	if s.Incident != "" {
		s.Phase = Stuck
	}
}

// failCompensation opens an incident and goes on: the other steps are undone all
// the same (X5).
func (s *State) failCompensation(d *Definition, e *Event) {
	s.step().Status, s.step().LastError = StepCompensationFailed, trouble(e)
	s.alarm(d.Step(s.Cursor).Compensation.Type + " failed: " + trouble(e))
	s.compensate(d, e.At)
}

func (s *State) park(problem string) {
	s.Phase = Stuck
	s.alarm(problem)
}

// alarm opens an incident, or adds to the one that is open.
func (s *State) alarm(problem string) {
	if s.Incident != "" {
		problem = s.Incident + "; " + problem
	}
	s.Incident = problem
}

// blame records the first failure. It is never overwritten (D13).
func (s *State) blame(code, reason string) {
	if s.Code == "" {
		s.Code, s.Reason = code, reason
	}
}
