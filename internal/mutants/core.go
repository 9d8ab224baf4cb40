package mutants

// forward are bugs on the way from the first step to the last.
var forward = []Mutant{{
	Name: "declined step undone", File: next,
	Old: `s.step().Status, s.step().LastError = StepFailed, e.Code`,
	New: `s.step().Status, s.step().LastError = StepUnknown, e.Code`,
	Why: "a declined step did nothing; undoing it is not in the contract of document 000 (S0-18)",
}, {
	Name: "time-out taken for a failure", File: next,
	Old: `	s.step().Status = StepUnknown
	if`,
	New: `	s.step().Status = StepFailed
	if`,
	Why: "the charge may have gone through; without a refund the money is lost (D9)",
}, {
	Name: "step in progress forgotten on cancel", File: next,
	Old: `	s.undoFromHere(d, e.At)
	return true`,
	New: `	s.step().Status = StepFailed
	s.compensate(d, e.At)
	return true`,
	Why: "its command is on its way and may still be carried out (D10)",
}, {
	Name: "cancel after the pivot", File: next,
	Old: `if s.Phase != Running || s.Cursor > d.pivot() || !d.Step(s.Cursor).undoable() {`,
	New: `if s.Phase != Running {`,
	Why: "what stands behind the pivot cannot be undone (D11)",
}, {
	Name: "pivot undone", File: next,
	Old: `	if s.Cursor > d.pivot() || !d.Step(s.Cursor).undoable() {
		s.park(`,
	New: `	if s.Cursor > d.pivot()+len(d.Steps) {
		s.park(`,
	Why: "a step without a compensation is sent an empty one",
}, {
	Name: "decline after the pivot turns back", File: next,
	Old: `	if s.Cursor > d.pivot() {
		s.park("declined`,
	New: `	if s.Cursor > d.pivot()+len(d.Steps) {
		s.park("declined`,
	Why: "the pivot and the steps before it are undone though the saga must only go forward (D11)",
}, {
	Name: "answer not kept", File: next,
	Old: `s.step().Status, s.step().Kept = StepCompleted, asSealed(e.Fields)`,
	New: `s.step().Status = StepCompleted`,
	Why: "the refund no longer names the payment (S0-15)",
}, {
	Name: "bytes not as the journal keeps them", File: next,
	Old: `s.step().Status, s.step().Kept = StepCompleted, asSealed(e.Fields)`,
	New: `s.step().Status, s.step().Kept = StepCompleted, e.Fields`,
	Why: "a compensation sent again after a crash has other bytes, and the fence refuses it (D7); the first version of the core had this bug",
}, {
	Name: "one attempt too many", File: next,
	Old: `if s.Attempt < policy.Attempts && !e.Final {`,
	New: `if s.Attempt <= policy.Attempts && !e.Final {`,
	Why: "the policy of the definition is not kept",
}, {
	Name: "final trouble retried", File: next,
	Old: `if s.Attempt < policy.Attempts && !e.Final {`,
	New: `if s.Attempt < policy.Attempts {`,
	Why: "a participant that says that trying again is pointless is asked again",
}, {
	Name: "backoff ignored", File: next,
	Old: `s.Attempt, s.Due, s.Since = s.Attempt+1, e.At.Add(wait), e.At`,
	New: `s.Attempt, s.Due, s.Since = s.Attempt+1, e.At.Add(0*wait), e.At`,
	Why: "thousands of sagas hammer on a participant that is just coming back",
}, {
	Name: "retry-after ignored", File: next,
	Old: `wait := max(min(e.RetryAfter, retryAfterMax), backoff(`,
	New: `wait := max(min(0, retryAfterMax), backoff(`,
	Why: "a participant that asks for time does not get it",
}, {
	Name: "backoff without jitter", File: retry,
	Old: `	direction := "do"
	if compensating {
		direction = "undo"
	}
	return Duration(spread(uint64(ceiling)+1, sagaID, direction, step, attempt))`,
	New: `	return ceiling`,
	Why: "sagas that failed together come back together",
}, {
	Name: "wait not kept", File: state,
	Old: `if s.Due > now {`,
	New: `if s.Due > now && false {`,
	Why: "the next attempt goes out at once",
}, {
	Name: "absence costs an attempt", File: next,
	Old: `		s.Due = e.At.Add(absence(s, e.At))`,
	New: `		s.retry(d, e)`,
	Why: "a worker that is restarted makes sagas fail, though nothing was delivered (S4-18)",
}}

// backward are bugs on the way back.
var backward = []Mutant{{
	Name: "compensation in forward order", File: next,
	Old: `for step := s.Cursor; step >= 1; step-- {`,
	New: `for step := 1; step <= s.Cursor; step++ {`,
	Why: "the goods are given back while the money is still held (S0-19); the end of it looks the same, only the order of events tells",
}, {
	Name: "last compensation skipped", File: next,
	Old: `for step := s.Cursor; step >= 1; step-- {`,
	New: `for step := s.Cursor; step > 1; step-- {`,
	Why: "the reservation of the first step stands for ever",
}, {
	Name: "ABORTED although a compensation failed", File: next,
	Old: `	if s.Incident != "" {
		s.Phase = Stuck
	}`,
	New: ``,
	Why: "a lost refund is reported as clean (X5, S2-21)",
}, {
	Name: "first failure ends the compensation", File: next,
	Old: `	s.alarm(d.Step(s.Cursor).Compensation.Type + " failed: " + trouble(e))
	s.compensate(d, e.At)`,
	New: `	s.park(d.Step(s.Cursor).Compensation.Type + " failed: " + trouble(e))`,
	Why: "the other steps stay undone",
}, {
	Name: "reason overwritten", File: next,
	Old: `	s.alarm(d.Step(s.Cursor).Compensation.Type + " failed: " + trouble(e))`,
	New: `	s.alarm(d.Step(s.Cursor).Compensation.Type + " failed: " + trouble(e))
	s.Code, s.Reason = trouble(e), s.Incident`,
	Why: "the client is told of a failed refund, not why the checkout failed (D13)",
}, {
	Name: "one counter for both directions", File: next,
	Old: `s.Cursor, s.Attempt, s.Due, s.Since = step, 1, at, at`,
	New: `s.Cursor, s.Due, s.Since = step, at, at
	if status == StepRunning {
		s.Attempt = 1
	}`,
	Why: "an action that used up its attempts leaves none for its compensation",
}, {
	Name: "one policy for both directions", File: next,
	Old: `policy := d.Operation(s.Cursor, s.Phase == Compensating).Retry`,
	New: `policy := d.Operation(s.Cursor, false).Retry`,
	Why: "compensations need more patience than actions (D14)",
}, {
	Name: "compensation needs what was never answered", File: command,
	Old: `		if !ok && undo {
			continue
		}`,
	New: ``,
	Why: "a step whose answer was lost cannot be undone",
}, {
	Name: "earlier incident lost", File: next,
	Old: `	if s.Incident != "" {
		problem =`,
	New: `	if false {
		problem =`,
	Why: "the person on call sees the second problem and not the first",
}}

// answers are bugs in telling answers apart.
var answers = []Mutant{{
	Name: "direction not checked", File: next,
	Old: `e.Step != s.Cursor || e.Undoes() != (s.Phase == Compensating) {`,
	New: `e.Step != s.Cursor {`,
	Why: "a late acceptance turns a saga forward that is being undone",
}, {
	Name: "step not checked", File: next,
	Old: `if !s.Phase.Live() || e.Step != s.Cursor || e`,
	New: `if !s.Phase.Live() || e`,
	Why: "a second answer to the first step passes for one to the second",
}, {
	Name: "stale attempts accepted", File: next,
	Old: `	return e.Attempt == s.Attempt
}`,
	New: `	return e.Attempt <= s.Attempt
}`,
	Why: "a late time-out of the first attempt uses up the second",
}, {
	Name: "late verdicts ignored", File: next,
	Old: `return 1 <= e.Attempt && e.Attempt <= s.Attempt`,
	New: `return e.Attempt == s.Attempt`,
	Why: "an acceptance that comes during the second attempt is thrown away, and a step that was done is undone",
}, {
	Name: "attempts that were never made", File: next,
	Old: `return 1 <= e.Attempt && e.Attempt <= s.Attempt`,
	New: `return true`,
	Why: "a stray answer decides a step",
}, {
	Name: "life after the end", File: next,
	Old: `	if !s.Phase.Live() {
		return false
	}
	s.Absent`,
	New: `	s.Absent`,
	Why: "a finished saga becomes STUCK when it is set aside too late",
}, {
	Name: "absence outlives the command", File: next,
	Old: `	s.Absent = false // it was said of the command before this event
`,
	New: ``,
	Why: "status says for ever that nobody listens",
}}

// journal are bugs in what the journal promises.
var journal = []Mutant{{
	Name: "old state changed in place", File: state,
	Old: `	s.Steps = slices.Clone(s.Steps)
`,
	New: `	_ = slices.Clone(s.Steps)
`,
	Why: "an event whose write was refused has changed the state all the same",
}, {
	Name: "chain not checked", File: chain,
	Old: `if l.Prev != prev {`,
	New: `if false {`,
	Why: "a changed event is replayed as if nothing had happened",
}, {
	Name: "lost tail not noticed", File: chain,
	Old: `if prev != tip {`,
	New: `if false {`,
	Why: "a charge that was journaled and lost is made again",
}, {
	Name: "gaps not noticed", File: chain,
	Old: `	if l.Seq != i+1 {
			return`,
	New: `	if false {
			return`,
	Why: "the error names the wrong event, and a person looks in the wrong place",
}, {
	Name: "replay does not count", File: next,
	Old: `		s.Seq++
	}
	return s, nil`,
	New: `	}
	return s, nil`,
	Why: "after a crash the next event is sealed under a number that is taken",
}}
