package mutants

// onward are bugs on the way from the first step to the last.
var onward = []Mutant{{
	Name: "declined step undone", File: forward,
	Old: `step.Status, step.LastError = StepFailed, trouble(e)`,
	New: `step.Status, step.LastError = StepUnknown, trouble(e)`,
	Why: "a declined step did nothing; undoing it is not in the contract of document 000 (S0-18)",
}, {
	Name: "time-out taken for a failure", File: forward,
	Old: `	step.Status = StepUnknown
	if`,
	New: `	step.Status = StepFailed
	if`,
	Why: "the charge may have gone through; without a refund the money is lost (D9)",
}, {
	Name: "step in progress forgotten on cancel", File: backward,
	Old: `			step.Status = StepUnknown
			s.foundWorker`,
	New: `			step.Status = StepFailed
			s.foundWorker`,
	Why: "its command is on its way and may still be carried out (D10)",
}, {
	Name: "cancel after the pivot", File: act,
	Old: `	case s.stays(d) != "":
		return s.stays(d)
	}`,
	New: `	}`,
	Why: "what stands behind the pivot cannot be undone (D11)",
}, {
	Name: "deadline after the pivot", File: act,
	Old: `counts no more"
	}
	return s.stays(d)`,
	New: `counts no more"
	}
	return ""`,
	Why: "what stands behind the pivot cannot be undone (D11)",
}, {
	Name: "pivot undone", File: forward,
	Old: `if number > d.pivot() || !d.Step(number).undoable() {`,
	New: `if number > d.pivot() {`,
	Why: "a saga turns back from a pivot that may have been done and that nothing can undo",
}, {
	Name: "decline after the pivot turns back", File: forward,
	Old: `	if e.Step > d.pivot() {
		s.stop(`,
	New: `	if e.Step > d.pivot()+len(d.Steps) {
		s.stop(`,
	Why: "the pivot and the steps before it are undone though the saga must only go forward (D11)",
}, {
	Name: "answer not kept", File: forward,
	Old: `step.Status, step.Kept = StepCompleted, asSealed(e.Fields)`,
	New: `step.Status = StepCompleted`,
	Why: "the refund no longer names the payment (S0-15)",
}, {
	Name: "bytes not as the journal keeps them", File: forward,
	Old: `step.Status, step.Kept = StepCompleted, asSealed(e.Fields)`,
	New: `step.Status, step.Kept = StepCompleted, e.Fields`,
	Why: "a compensation sent again after a crash has other bytes, and the fence refuses it (D7); the first version of the core had this bug",
}, {
	Name: "one attempt too many", File: forward,
	Old: `if step.tries() < policy.Attempts && !e.Final && !step.Taken {`,
	New: `if step.tries() <= policy.Attempts && !e.Final && !step.Taken {`,
	Why: "the policy of the definition is not kept",
}, {
	Name: "final trouble retried", File: forward,
	Old: `if step.tries() < policy.Attempts && !e.Final && !step.Taken {`,
	New: `if step.tries() < policy.Attempts && !step.Taken {`,
	Why: "a participant that says that trying again is pointless is asked again",
}, {
	Name: "backoff ignored", File: next,
	Old: `s.Attempt, s.Due, s.Since = s.Attempt+1, at.Add(wait), at`,
	New: `s.Attempt, s.Due, s.Since = s.Attempt+1, at.Add(0*wait), at`,
	Why: "thousands of sagas hammer on a participant that is just coming back",
}, {
	Name: "retry-after ignored", File: forward,
	Old: `return max(min(e.RetryAfter, retryAfterMax), backoff(`,
	New: `return max(min(0, retryAfterMax), backoff(`,
	Why: "a participant that asks for time does not get it",
}, {
	Name: "backoff without jitter", File: retry,
	Old: `	return Duration(spread(uint64(ceiling)+1, sagaID, cmp.Or(string(mode), "do"), step, attempt))`,
	New: `	_ = cmp.Or(string(mode))
	return ceiling`,
	Why: "sagas that failed together come back together",
}, {
	Name: "wait not kept", File: state,
	Old: `if s.Status == StepWaiting || s.Due > now {`,
	New: `if s.Status == StepWaiting {`,
	Why: "the next attempt goes out at once",
}, {
	Name: "absence costs an attempt", File: next,
	Old: `	step.Due = e.At.Add(absence(s, e.Step, e.At))
	return true`,
	New: `	step.again(e.At, absence(s, e.Step, e.At))
	return true`,
	Why: "a worker that is restarted makes sagas fail, though nothing was delivered (S4-18)",
}}

// back are bugs on the way back.
var back = []Mutant{{
	Name: "compensation in forward order", File: backward,
	Old: `	for _, number := range slices.Backward(s.Order) {`,
	New: `	for _, number := range s.Order {`,
	Why: "the goods are given back while the money is still held (S0-19); the end of it looks the same, only the order of events tells",
}, {
	Name: "last compensation skipped", File: backward,
	Old: `	for _, number := range slices.Backward(s.Order) {`,
	New: `	for _, number := range slices.Backward(s.Order[min(1, len(s.Order)):]) {`,
	Why: "the reservation of the first step stands for ever",
}, {
	Name: "ABORTED although a compensation failed", File: backward,
	Old: `	if len(s.Incidents) > 0 {
		s.Phase = Stuck
	}`,
	New: ``,
	Why: "a lost refund is reported as clean (X5, S2-21)",
}, {
	Name: "first failure ends the compensation", File: backward,
	Old: `Compensation.Type+" failed: "+trouble(e), e.At)
	s.undo(d, e.At)`,
	New: `Compensation.Type+" failed: "+trouble(e), e.At)
	s.Phase = Stuck`,
	Why: "the other steps stay undone",
}, {
	Name: "reason overwritten", File: backward,
	Old: `	step.Status, step.LastError = StepCompensationFailed, trouble(e)`,
	New: `	step.Status, step.LastError = StepCompensationFailed, trouble(e)
	s.Code, s.Reason = trouble(e), trouble(e)`,
	Why: "the client is told of a failed refund, not why the checkout failed (D13)",
}, {
	Name: "one counter for both directions", File: next,
	Old: `		step.Before = step.Compensations
`,
	New: `		step.Before = step.Attempts
`,
	Why: "an action that used up its attempts leaves none for its compensation (R-5)",
}, {
	Name: "one policy for both directions", File: backward,
	Old: `policy := d.Step(e.Step).Compensation.Retry`,
	New: `policy := d.Step(e.Step).Action.Retry`,
	Why: "compensations need more patience than actions (D14)",
}, {
	Name: "compensation needs what was never answered", File: command,
	Old: `		if !ok && mode == Compensate {
			continue
		}`,
	New: ``,
	Why: "a step whose answer was lost cannot be undone",
}, {
	Name: "earlier incident lost", File: incident,
	Old: `	s.Incidents = append(s.Incidents, Incident{`,
	New: `	s.Incidents = append(s.Incidents[:0], Incident{`,
	Why: "the person on call sees the second problem and not the first",
}, {
	Name: "late answer to the first compensation ends the second", File: next,
	Old: `return step.Before < e.Attempt && e.Attempt <= step.Attempt`,
	New: `return 1 <= e.Attempt && e.Attempt <= step.Attempt`,
	Why: "the money stands, and the saga is ABORTED; the core had this bug",
}, {
	Name: "at once is one after the other", File: backward,
	Old: `	for len(s.Active()) == 0 || d.Undo == InParallel {`,
	New: `	for len(s.Active()) == 0 {`,
	Why: "the author of the definition has said that the compensations need not wait for each other (R-2)",
}, {
	Name: "all at once without being asked", File: backward,
	Old: `	for len(s.Active()) == 0 || d.Undo == InParallel {`,
	New: `	for range len(s.Steps) {`,
	Why: "strictly in reverse is the promise (R-2)",
}}

// answers are bugs in telling answers apart.
var answers = []Mutant{{
	Name: "direction not checked", File: next,
	Old: `if !step.active() || (e.Answers() == Compensate) != (step.Status == StepCompensating) {`,
	New: `if !step.active() {`,
	Why: "a late acceptance turns a saga forward that is being undone",
}, {
	Name: "step not checked", File: next,
	Old: `if !step.active() || (e.Answers() == Compensate) != (step.Status == StepCompensating) {`,
	New: `if step.Status == StepPending || (e.Answers() == Compensate) != (step.Status == StepCompensating) {`,
	Why: "a second answer to a step that is through counts once more",
}, {
	Name: "stale attempts accepted", File: next,
	Old: `	return e.Answers() == step.mode() && e.Attempt == step.Attempt
}`,
	New: `	return e.Answers() == step.mode() && e.Attempt <= step.Attempt
}`,
	Why: "a late time-out of the first attempt uses up the second",
}, {
	Name: "late verdicts ignored", File: next,
	Old: `return 1 <= e.Attempt && (e.Via == ViaQuery || e.Attempt <= s.Attempts)`,
	New: `return 1 <= e.Attempt && (e.Via == ViaQuery || e.Attempt == s.Attempts)`,
	Why: "an acceptance that comes during the second attempt is thrown away, and a step that was done is undone",
}, {
	Name: "attempts that were never made", File: next,
	Old: `return 1 <= e.Attempt && (e.Via == ViaQuery || e.Attempt <= s.Attempts)`,
	New: `return true`,
	Why: "a stray answer decides a step",
}, {
	Name: "life after the end", File: next,
	Old: `	case !s.Phase.Live():
		return false
	case e.Type == Quarantined:`,
	New: `	case e.Type == Quarantined:`,
	Why: "a finished saga becomes STUCK when it is set aside too late",
}, {
	Name: "absence outlives the command", File: next,
	Old: `	s.step(number).Absent = 0
`,
	New: ``,
	Why: "status says for ever that nobody listens",
}, {
	Name: "incident outlives the absence", File: next,
	Old: `	s.settle(AbsentWorker, number)
`,
	New: ``,
	Why: "a person is called about a worker that is there, and the saga never ends cleanly (S4-18)",
}, {
	Name: "nobody is called about an absent worker", File: next,
	Old: `return since != 0 && (e.At < since.Add(absenceBound) || s.incident(AbsentWorker, e.Step) != nil)`,
	New: `return since != 0`,
	Why: "a saga waits for a worker for days, and nobody knows (S4-18)",
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
	Old: `		s.Seq, s.Last = s.Seq+1, e.At
	}
	return d, s, nil`,
	New: `		s.Last = e.At
	}
	return d, s, nil`,
	Why: "after a crash the next event is sealed under a number that is taken",
}, {
	Name: "replay keeps the first version", File: next,
	Old: `		if e.Type == Migrated {
			d = e.Definition
		}
		s.Seq, s.Last = s.Seq+1, e.At
	}
	return d`,
	New: `		s.Seq, s.Last = s.Seq+1, e.At
	}
	return d`,
	Why: "after a crash a saga that was moved goes on with the definition that it began with (R-10)",
}}
