package saga

// The way forward: what becomes of the action of a step.

func (s *State) accept(d *Definition, e *Event) {
	step := s.step(e.Step)
	step.Status, step.Kept = StepCompleted, asSealed(e.Fields)
	s.Order = append(s.Order, e.Step)
	s.advance(d, e.Step, e.At)
}

// advance goes on when the whole stage of a step is through.
func (s *State) advance(d *Definition, number int, at Instant) {
	first, last := d.stage(number)
	failed := false
	for n := first; n <= last; n++ {
		if s.step(n).active() {
			return
		}
		status := s.step(n).Status
		failed = failed || status != StepCompleted && status != StepSkipped
	}
	switch {
	case failed:
		s.Phase = Stuck
	case last == len(d.Steps):
		s.Phase = Completed
	default:
		s.beginStage(d, last+1, at)
	}
}

// take notes that the worker will tell the result later. When the worker says so
// once more, asked because the result has not come in time, it is not waited for
// again.
func (s *State) take(d *Definition, e *Event) {
	def, step := d.Step(e.Step), s.step(e.Step)
	if step.Taken {
		s.retry(d, e)
		return
	}
	step.RequestID, step.Taken = e.RequestID, true
	step.Status, step.Attempt = StepWaiting, step.Attempts
	step.Since, step.Due = e.At, e.At.Add(def.Patience)
}

// decline ends the way forward. The step itself did nothing and is not undone
// (S0-18).
func (s *State) decline(d *Definition, e *Event) {
	step := s.step(e.Step)
	step.Status, step.LastError = StepFailed, trouble(e)
	s.blame(trouble(e), reason(d.Step(e.Step), e))
	if e.Step > d.pivot() {
		s.stop(d, e.Step, "declined after the pivot: "+trouble(e), e.At)
		return
	}
	s.turnBack(d, e.At)
}

// missed handles an attempt that brought no verdict: the worker is asked what
// became of it, or it is tried again, or given up.
func (s *State) missed(d *Definition, e *Event) {
	step := s.step(e.Step)
	if step.LastError = trouble(e); step.Status == StepWaiting {
		step.LastError = "no_result"
	}
	if e.Type == StepTimedOut && d.Step(e.Step).askable() {
		s.begin(e.Step, StepQuerying, e.At)
		return
	}
	s.retry(d, e)
}

// untold handles a question that brought no verdict. Its own attempts are
// counted apart; when they are used up the action itself has to tell.
func (s *State) untold(d *Definition, e *Event) {
	step := s.step(e.Step)
	policy := d.Step(e.Step).Query.Retry
	if e.Type == StepNotTold && step.tries() < policy.Attempts {
		step.again(e.At, s.pause(policy, e))
		return
	}
	s.retry(d, e)
}

// retry plans the next attempt of the action, or gives it up when its attempts
// are used up. What a worker has taken in is not sent again: its result has not
// come in time.
func (s *State) retry(d *Definition, e *Event) {
	step := s.step(e.Step)
	policy := d.Step(e.Step).Action.Retry
	step.Status, step.Attempt = StepRunning, step.Attempts
	if step.tries() < policy.Attempts && !e.Final && !step.Taken {
		step.again(e.At, s.pause(policy, e))
		return
	}
	s.blame(step.LastError, d.Step(e.Step).Action.Type+" failed: "+step.LastError)
	s.giveUpStep(d, e.Step, e.At)
}

// pause is how long to wait before the next attempt of what is in progress.
func (s *State) pause(policy Retry, e *Event) Duration {
	step := s.step(e.Step)
	return max(min(e.RetryAfter, retryAfterMax), backoff(policy, s.Start.SagaID, e.Step, step.mode(), step.tries()))
}

// giveUpStep compensates a step whose outcome is unknown too (D10): a participant
// that never did it remembers to refuse it later. What nothing can undo, a
// person has to look at.
func (s *State) giveUpStep(d *Definition, number int, at Instant) {
	step := s.step(number)
	step.Status = StepUnknown
	if number > d.pivot() || !d.Step(number).undoable() {
		s.stop(d, number, "outcome unknown and nothing can undo it: "+d.Step(number).Action.Type, at)
		return
	}
	s.turnBack(d, at)
}

// stop ends the way forward of a step that cannot be undone. Those that run side
// by side with it go on; then the saga is STUCK.
func (s *State) stop(d *Definition, number int, cause string, at Instant) {
	s.alarm(StepStuck, number, cause, at)
	s.advance(d, number, at)
}

// stays says why the saga cannot turn back any more; "" if it can.
func (s *State) stays(d *Definition) string {
	pivot := d.pivot()
	for n := pivot; n <= len(d.Steps); n++ {
		step := s.step(n)
		action := d.Step(n).Action.Type
		switch {
		case step.Status == StepPending || step.Status == StepFailed:
		case n > pivot:
			return action + " comes after the point of no return"
		case step.Status == StepCompleted:
			return action + " is done, and with it the point of no return is passed"
		case !d.Step(n).undoable():
			return action + " may have been done, and nothing can undo it"
		}
	}
	return ""
}
