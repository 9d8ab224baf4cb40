package mutants

// together are bugs of steps that run side by side.
var together = []Mutant{{
	Name: "the first of a group carries the others along", File: forward,
	Old: `		if s.step(n).active() {
			return
		}
`,
	New: ``,
	Why: "the next stage begins, or the saga is STUCK, while a step of this one is under way",
}, {
	Name: "siblings forgotten when the saga turns back", File: backward,
	Old: `			step.Status = StepUnknown
			s.foundWorker(i + 1)`,
	New: `			step.Status = StepPending
			s.foundWorker(i + 1)`,
	Why: "their commands are on their way and may be carried out; nobody undoes them (D10)",
}, {
	Name: "group in the order of the definition", File: backward,
	Old: `	for _, number := range slices.Backward(s.Order) {`,
	New: `	for number := len(s.Steps); number >= 1; number-- {`,
	Why: "compensation is in reverse of completion, whichever step was the first to be through (R-2)",
}, {
	Name: "only the first of a group is sent", File: state,
	Old: `			effects = append(effects, step.pending(i+1, now))
`,
	New: `			return append(effects, step.pending(i+1, now))
`,
	Why: "steps that could run side by side run one after the other, and a wait of one holds up the others",
}, {
	Name: "a group takes in its neighbours", File: definition,
	Old: `	for group != "" && last < len(d.Steps) && d.Step(last+1).Group == group {`,
	New: `	for last < len(d.Steps) && d.Step(last+1).Group == group {`,
	Why: "steps without a group begin all at once",
}, {
	Name: "a saga with a failed step completes", File: forward,
	Old: `		failed = failed || status != StepCompleted && status != StepSkipped`,
	New: `		failed = failed || status == StepPending`,
	Why: "behind the pivot a step is missing, and the client is told COMPLETED (D11)",
}}

// asking are bugs of questions after a time-out.
var asking = []Mutant{{
	Name: "never asks", File: forward,
	Old: `	if e.Type == StepTimedOut && d.Step(e.Step).askable() {`,
	New: `	if false {`,
	Why: "a payment is given up, or undone, that its worker would have known of (D9)",
}, {
	Name: "never heard of means done for", File: forward,
	Old: `	if e.Type == StepNotTold && step.tries() < policy.Attempts {
		step.again(e.At, s.pause(policy, e))
		return
	}
	s.retry(d, e)`,
	New: `	if e.Type == StepNotTold && step.tries() < policy.Attempts {
		step.again(e.At, s.pause(policy, e))
		return
	}
	step.Status = StepFailed
	s.turnBack(d, e.At)`,
	Why: "the command may be on its way still: what comes of it is not undone (D10)",
}, {
	Name: "asks only once", File: forward,
	Old: `	if e.Type == StepNotTold && step.tries() < policy.Attempts {`,
	New: `	if false {`,
	Why: "a lost answer to a question costs an attempt of the action",
}, {
	Name: "verdict of a question held against the action's attempts", File: next,
	Old: `return 1 <= e.Attempt && (e.Via == ViaQuery || e.Attempt <= s.Attempts)`,
	New: `return 1 <= e.Attempt && e.Attempt <= s.Attempts`,
	Why: "the third question about an action with one attempt is answered in vain; the core had this bug",
}}

// promised are bugs of results that come later.
var promised = []Mutant{{
	Name: "what was taken in is sent again", File: forward,
	Old: `if step.tries() < policy.Attempts && !e.Final && !step.Taken {`,
	New: `if step.tries() < policy.Attempts && !e.Final {`,
	Why: "a worker that has promised a result is asked again instead of being undone",
}, {
	Name: "waits for ever", File: next,
	Old: `		return e.Type == StepTimedOut && e.Attempt == step.Attempt && e.At >= step.Due
`,
	New: `		return false
`,
	Why: "a provider that never answers holds the goods for ever",
}, {
	Name: "patience cut short", File: next,
	Old: `		return e.Type == StepTimedOut && e.Attempt == step.Attempt && e.At >= step.Due
`,
	New: `		return e.Type == StepTimedOut && e.Attempt == step.Attempt
`,
	Why: "a time-out of the command, still on somebody's clock, ends the wait for its result",
}, {
	Name: "a second answer ends the wait", File: next,
	Old: `	if step.Status == StepWaiting { // the`,
	New: `	if false { // the`,
	Why: "of two answers to one attempt the second, a technical no, gives the step up; the core had this bug",
}, {
	Name: "early result ignored", File: next,
	Old: `		return e.Via == ViaCallback || step.made(e)`,
	New: `		return e.Via == ViaCallback && step.Status == StepWaiting || e.Via != ViaCallback && step.made(e)`,
	Why: "a result that comes before the worker has said that it will come is lost (S4-16)",
}, {
	Name: "late success ignored", File: late,
	Old: `	case e.Type != StepAccepted || !s.givenUp(e.Step):
		return false`,
	New: `	case true:
		return false`,
	Why: "money is taken for a checkout that was undone, and nobody gives it back (D21)",
}, {
	Name: "late success under the first key", File: late,
	Old: `	step.Status, step.Kept, step.Reversal = StepUnknown, step.Late, true`,
	New: `	step.Status, step.Kept = StepUnknown, step.Late`,
	Why: "the worker has answered that key: it says yes once more, and undoes nothing",
}, {
	Name: "second compensation does not know", File: late,
	Old: `	step.Status, step.Kept, step.Reversal = StepUnknown, step.Late, true`,
	New: `	step.Status, step.Reversal = StepUnknown, true`,
	Why: "the refund does not name the payment that the success brought",
}, {
	Name: "success during the compensation forgotten", File: backward,
	Old: `	if step.Regretted && !step.Reversal {
		s.reverse(e.Step)
	}
`,
	New: ``,
	Why: "the compensation was decided before the money was taken",
}, {
	Name: "undone without end", File: backward,
	Old: `	if step.Regretted && !step.Reversal {`,
	New: `	if step.Regretted {`,
	Why: "each second compensation is followed by another",
}, {
	Name: "late success changes what is sent", File: late,
	Old: `	if step.Status == StepUnknown && step.Compensations == 0 { //`,
	New: `	if step.Status == StepUnknown { //`,
	Why: "a compensation that is sent again has other content under the same key; the core had this bug",
}, {
	Name: "result while set aside ignored", File: next,
	Old: `	case s.Frozen != "" && e.Via == ViaCallback:
		return s.whileFrozen(d, e)
`,
	New: ``,
	Why: "its sender is told that it counts for nothing, and does not send it again; the core had this bug",
}, {
	Name: "result while its siblings run ignored", File: late,
	Old: `	return s.Frozen == "" && s.incident(StepStuck, number) != nil`,
	New: `	return s.Phase == Stuck && s.Frozen == "" && s.incident(StepStuck, number) != nil`,
	Why: "the saga is STUCK over a step that was done; the core had this bug",
}, {
	Name: "success after a failed compensation ignored", File: late,
	Old: `	case StepUnknown, StepCompensating, StepCompensated, StepCompensationFailed, StepFailed:`,
	New: `	case StepUnknown, StepCompensating, StepCompensated, StepFailed:`,
	Why: "whoever settles the step does not learn that the money was taken; the core had this bug",
}, {
	Name: "empty compensation", File: backward,
	Old: `		if !d.Step(step).undoable() {
			s.cannotUndo(d, step, at)
			continue
		}
`,
	New: ``,
	Why: "a command without a type is sent to nobody, for a pivot that was declined and done after all; the core had this bug",
}}

// people are bugs in what people may do.
var people = []Mutant{{
	Name: "kill undoes", File: act,
	Old: `		s.Frozen, s.Incidents, s.Phase = "", nil, Killed`,
	New: `		s.Frozen, s.Incidents = "", nil
		s.turnBack(d, e.At)`,
	Why: "a person who has settled everything in the shop wants the saga ended where it stands (R-4)",
}, {
	Name: "killed saga still calls", File: act,
	Old: `		s.Frozen, s.Incidents, s.Phase = "", nil, Killed`,
	New: `		s.Frozen, s.Phase = "", Killed`,
	Why: "the person on call sees an incident that nobody can settle",
}, {
	Name: "retry forgets what had failed", File: act,
	Old: `				s.Steps[n].Status = StepUnknown // it`,
	New: `				_ = StepUnknown // it`,
	Why: "a saga whose refund failed is ABORTED (X5); the core had this bug",
}, {
	Name: "retry begins a step anew", File: next,
	Old: `		step.Before = step.Attempts
`,
	New: `		step.Before, step.Attempts = 0, 0
`,
	Why: "a late answer to an attempt of an earlier round passes for one of this round",
}, {
	Name: "a running saga settled by hand", File: act,
	Old: `	case s.Phase != Stuck:
		return "the saga is " + s.Phase.Public() + "; only`,
	New: `	case false:
		return "the saga is " + s.Phase.Public() + "; only`,
	Why: "a person and a worker settle the same step in two ways",
}, {
	Name: "done by hand without what later steps need", File: act,
	Old: `	return lacking(d.Step(e.Step).Action.Keep, e.Fields)`,
	New: `	return lacking(nil, e.Fields)`,
	Why: "the next command cannot be built",
}, {
	Name: "skipped at the pivot goes on", File: act,
	Old: `	case e.Step <= d.pivot():
		step.Status = StepFailed`,
	New: `	case e.Step < d.pivot():
		step.Status = StepFailed`,
	Why: "the goods are shipped for a payment of which a person has said that it will not be made",
}, {
	Name: "skipped action left standing", File: act,
	Old: `		if d.Step(e.Step).undoable() {
			step.Status = StepUnknown
		}
`,
	New: ``,
	Why: "its command may be on its way, and nobody undoes what comes of it (D10); the core had this bug",
}, {
	Name: "settled by hand, and still called", File: act,
	Old: `	s.settle(CompensationFailed, e.Step)
	s.settle(StepStuck, e.Step)`,
	New: `	s.settle(StepStuck, e.Step)`,
	Why: "the saga stays STUCK after the last step was settled",
}, {
	Name: "a completed saga has a reason", File: late,
	Old: `	s.Phase = Running
	s.forgive()`,
	New: `	s.Phase = Running`,
	Why: "the client is told COMPLETED, and why it failed; the core had this bug",
}, {
	Name: "cancel leaves the saga set aside", File: act,
	Old: `		s.Frozen, s.Incidents = "", nil
		s.turnBack(d, e.At)`,
	New: `		s.Incidents = nil
		s.turnBack(d, e.At)`,
	Why: "a person has decided, and a part of the state does not know",
}}

// moves are bugs of sagas that go on with another version of their definition.
var moves = []Mutant{{
	Name: "what has begun may differ", File: migrate,
	Old: `		if i >= len(version.Steps) || !version.Steps[i].continues(&old.Steps[i]) {`,
	New: `		if i >= len(version.Steps) {`,
	Why: "a reservation is released by the compensation of another step (R-10)",
}, {
	Name: "a step joins a group that has begun", File: migrate,
	Old: `		return refuseBoundary(version, len(s.Steps)+1)`,
	New: `		return ""`,
	Why: "the saga is STUCK without an incident when the group is through; the core had this bug",
}, {
	Name: "question gone while it is asked", File: migrate,
	Old: `		if s.Steps[i].Status == StepQuerying && !version.Steps[i].askable() {`,
	New: `		if false {`,
	Why: "an empty command is sent to nobody; the core had this bug",
}, {
	Name: "order of compensation changed on the way back", File: migrate,
	Old: `	case version.Undo != old.Undo && !s.Phase.forward():`,
	New: `	case false:`,
	Why: "two compensations are under way where one must wait for the other",
}, {
	Name: "no room for another step", File: migrate,
	Old: `	copy(steps, s.Steps)
	s.Steps = steps`,
	New: `	copy(steps, s.Steps)`,
	Why: "the first command of the new step has no state to stand on",
}, {
	Name: "deadline of the old version", File: migrate,
	Old: `		s.Deadline = s.Began.Add(version.Deadline)
`,
	New: ``,
	Why: "the saga has no deadline any more, though its version has one",
}}
