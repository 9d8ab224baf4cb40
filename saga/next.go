package saga

// Next is the whole machine. An event that does not concern the state (a late
// answer, a second one, one for another step) leaves it as it is: same Seq.
//
//	                  RUNNING                      COMPENSATING             STUCK             ended
//	StepAccepted      next stage | COMPLETED       undone again ³           goes on ³         undone again ³
//	StepDeclined      undo the steps before        ignored                  undo ³            ignored
//	StepUnavailable   again | undo from this step  ignored                  ignored           ignored
//	StepTimedOut      ask | again | undo from here ignored                  ignored           ignored
//	StepTaken         wait for the result          ignored                  ignored           ignored
//	StepNotFound      again | undo from this step  ignored                  ignored           ignored
//	StepNotTold       ask again | as StepNotFound  ignored                  ignored           ignored
//	Cancel            undo from this step ¹        ignored                  undo ¹            ignored
//	Deadline          undo from this step ¹        ignored                  ignored           ignored
//	Compensation-
//	 Done             ignored                      step before | ABORTED ²  ignored           ignored
//	 Refused          ignored                      step before, ends STUCK  ignored           ignored
//	 Unavailable      ignored                      again | as Refused       ignored           ignored
//	 TimedOut         ignored                      again | as Refused       ignored           ignored
//	WorkerAbsent      wait for a worker            wait for a worker        ignored           ignored
//	Quarantined       STUCK                        STUCK                    ignored           ignored
//	Retry             ignored                      ignored                  tries again       ignored
//	Resolved          ignored                      ignored                  the step is past  ignored
//	Migrated          new version, if it fits      new version, if it fits  likewise          ignored
//	Kill              KILLED                       KILLED                   KILLED            ignored
//
//	¹ before the pivot; after it they are ignored and the saga finishes forward
//	² STUCK if a compensation before it failed
//	³ of a result that comes later only: see late.go
//
// After the pivot a step that fails for good is not undone: the saga is STUCK as
// soon as the steps are through that run side by side with it. A saga that is
// STUCK because it was Quarantined takes results that come later as if it were
// not, but does nothing about them. Refusal tells why an act would be ignored.
func Next(d *Definition, s State, e Event) (State, []Effect) {
	if e.Type == WorkerAbsent && s.concerns(&e) && s.knowsAbsence(&e) {
		return s, []Effect{Wait{e.Step, e.At.Add(absence(&s, e.Step, e.At))}}
	}
	next := s.clone()
	if !next.apply(d, &e) {
		return s, nil
	}
	next.Seq, next.Last = next.Seq+1, e.At
	return next, next.Pending(e.At)
}

// Replay folds the events of a journal into the state they made, and returns it
// with the definition that counts in the end. It returns an error if one of them
// does not apply: then the journal is not of this definition, or not whole.
func Replay(d *Definition, events []Event) (*Definition, State, error) {
	var s State
	for i := range events {
		e := &events[i]
		if !s.apply(d, e) {
			return nil, State{}, &ReplayError{Seq: i + 1, Type: e.Type}
		}
		if e.Type == Migrated {
			d = e.Definition
		}
		s.Seq, s.Last = s.Seq+1, e.At
	}
	return d, s, nil
}

// apply changes the state, and notes whose failure was the first. When it returns
// false the event does not apply, and the state is of no use any more.
func (s *State) apply(d *Definition, e *Event) bool {
	blamed := s.Code != ""
	applies := s.change(d, e)
	switch {
	case s.Code == "":
		s.Blamed = 0
	case !blamed:
		s.Blamed = e.Step
	}
	return applies
}

func (s *State) change(d *Definition, e *Event) bool {
	switch {
	case e.Type == Started:
		return s.start(d, e)
	case s.Phase == "":
		return false
	case e.isAct():
		return s.act(d, e)
	case !e.mayCome(d):
		return false
	case s.Frozen != "" && e.Via == ViaCallback:
		return s.whileFrozen(d, e)
	case s.isLate(e):
		return s.late(d, e)
	case !s.Phase.Live():
		return false
	case e.Type == Quarantined:
		s.Frozen = s.Phase
		s.alarm(Poison, 0, "the saga keeps killing its owner: "+e.Message, e.At)
		s.Phase = Stuck
		return true
	}
	return s.concerns(e) && s.answer(d, e)
}

// mayCome reports whether the step of an event gave out an address for its result,
// or has a question, if that is how the event came.
func (e *Event) mayCome(d *Definition) bool {
	if e.Via == ViaAnswer {
		return true
	}
	if e.Step < 1 || e.Step > len(d.Steps) {
		return false
	}
	step := d.Step(e.Step)
	return e.Via == ViaCallback && step.Reply == Callback || e.Via == ViaQuery && step.askable()
}

// concerns tells an answer to the operation in progress from a stale one. A
// verdict counts whichever attempt brought it, since all attempts are the same
// logical operation; a lack of verdict counts for the attempt in progress only.
func (s *State) concerns(e *Event) bool {
	if !s.Phase.Live() || e.Step < 1 || e.Step > len(s.Steps) {
		return false
	}
	step := s.step(e.Step)
	if !step.active() || (e.Answers() == Compensate) != (step.Status == StepCompensating) {
		return false
	}
	switch e.Type {
	case StepAccepted, StepDeclined:
		return e.Via == ViaCallback || step.made(e)
	case CompensationDone, CompensationRefused:
		return step.Before < e.Attempt && e.Attempt <= step.Attempt
	case StepTaken:
		return step.Status != StepWaiting && step.made(e) && (!step.Taken || e.Via == ViaQuery)
	}
	if step.Status == StepWaiting { // the command has its answer: only the patience can come to its end
		return e.Type == StepTimedOut && e.Attempt == step.Attempt && e.At >= step.Due
	}
	return e.Answers() == step.mode() && e.Attempt == step.Attempt
}

// made reports whether the attempt that an event answers was made: of the action,
// or of a question, which has a count of its own.
func (s *StepState) made(e *Event) bool {
	return 1 <= e.Attempt && (e.Via == ViaQuery || e.Attempt <= s.Attempts)
}

func (s *State) answer(d *Definition, e *Event) bool {
	switch {
	case e.Type == WorkerAbsent:
		return s.missWorker(e)
	case e.Type == StepTaken && d.Step(e.Step).Reply != Callback:
		return false
	}
	s.foundWorker(e.Step)
	switch e.Type {
	case StepAccepted:
		s.accept(d, e)
	case StepDeclined:
		s.decline(d, e)
	case StepTaken:
		s.take(d, e)
	case StepUnavailable, StepTimedOut:
		s.missed(d, e)
	case StepNotFound, StepNotTold:
		s.untold(d, e)
	case CompensationDone:
		s.compensated(d, e)
	case CompensationUnavailable, CompensationTimedOut:
		s.retryCompensation(d, e)
	case CompensationRefused:
		s.failCompensation(d, e)
	default:
		return false
	}
	return true
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
	s.beginStage(d, 1, e.At)
	return true
}

// begin puts a step in progress, at the first attempt of another round of what is
// done about it. The numbers go on where the last round ended, so that a late
// answer to an attempt of that round is not taken for one of this; questions are
// numbered anew each time.
func (s *State) begin(number int, status StepStatus, at Instant) {
	step := s.step(number)
	step.Status, step.Due, step.Since, step.Absent = status, at, at, 0
	switch status {
	case StepRunning:
		step.Before = step.Attempts
	case StepCompensating:
		step.Before = step.Compensations
	default:
		step.Attempt = 1
		return
	}
	step.Attempt = step.Before + 1
	step.count()
}

// again plans the next attempt of what is in progress.
func (s *StepState) again(at Instant, wait Duration) {
	s.Attempt, s.Due, s.Since = s.Attempt+1, at.Add(wait), at
	s.count()
}

// count keeps the number of attempts where a person looks for it.
func (s *StepState) count() {
	switch s.Status {
	case StepCompensating:
		s.Compensations = s.Attempt
	case StepRunning:
		s.Attempts = s.Attempt
	}
}

// beginStage starts the step of that number and those that run side by side with
// it.
func (s *State) beginStage(d *Definition, number int, at Instant) {
	_, last := d.stage(number)
	for ; number <= last; number++ {
		s.begin(number, StepRunning, at)
	}
}

// knowsAbsence reports whether the journal says already what the event says.
func (s *State) knowsAbsence(e *Event) bool {
	since := s.step(e.Step).Absent
	return since != 0 && (e.At < since.Add(absenceBound) || s.incident(AbsentWorker, e.Step) != nil)
}

// missWorker notes since when nobody listens, and calls a person when it takes
// long. The saga waits on, and goes on by itself.
func (s *State) missWorker(e *Event) bool {
	step := s.step(e.Step)
	if step.Absent == 0 {
		step.Absent = e.At
	} else {
		s.alarm(AbsentWorker, e.Step, "nobody listens for the command", e.At)
	}
	step.Due = e.At.Add(absence(s, e.Step, e.At))
	return true
}

func (s *State) foundWorker(number int) {
	s.step(number).Absent = 0
	s.settle(AbsentWorker, number)
}

// blame records the first failure. It is never overwritten (D13).
func (s *State) blame(code, reason string) {
	if s.Code == "" {
		s.Code, s.Reason = code, reason
	}
}

// forgive forgets the first failure when it turns out to be none, so that a saga
// which completes after all is not told with a reason.
func (s *State) forgive() {
	for _, i := range s.Incidents {
		if i.Kind == StepStuck {
			return // of a step that runs side by side
		}
	}
	s.Code, s.Reason = "", ""
}
