package mutants

// fence are bugs in what participants remember.
var fence = []Mutant{{
	Name: "no dedupe", File: rule,
	Old: `		return Repeat
`,
	New: `		return Decide
`,
	Why: "a command that comes twice charges twice",
}, {
	Name: "no tombstone", File: rule,
	Old: `		return TooLate
`,
	New: `		return Decide
`,
	Why: "a charge that comes after its refund is made, and nobody refunds it",
}, {
	Name: "other content not noticed", File: rule,
	Old: `		return Conflict
`,
	New: `		return Repeat
`,
	Why: "another amount under the same key gets the answer to the first (D7)",
}, {
	Name: "refusals forgotten", File: rule,
	Old: `	case known != nil:
`,
	New: `	case known != nil && known.Accepted:
`,
	Why: "a declined charge that comes again is made, in a saga that has given up",
}, {
	Name: "undo of nothing decided by the ledger", File: rule,
	Old: `	case !f.isDone() || f.isUndone():
`,
	New: `	case f.isUndone():
`,
	Why: "money is given back that was never taken",
}, {
	Name: "undo of a decline decided by the ledger", File: rule,
	Old: `return f.Action != nil && f.Action.Accepted`,
	New: `return f.Action != nil`,
	Why: "the refund of a declined charge pays out",
}, {
	Name: "undo answered from the action", File: rule,
	Old: `known, begun := f.verdict(to), f.begun()`,
	New: `known, begun := f.verdict(ToDo), f.begun()`,
	Why: "a refund is answered with the verdict on the charge, and never made",
}}

// shell are bugs in the order in which a shell does things. They are made in the
// simulator's model of it.
var shell = []Mutant{{
	Name: "act before journal", File: model,
	Old: `	events := append(o.journal[:len(o.journal):len(o.journal)], &e)
`,
	New: `	events := append(o.journal[:len(o.journal):len(o.journal)], &e)
	o.state = next
	o.perform(effects)
`,
	Why: "a crash forgets that the charge was sent",
}, {
	Name: "unknown write taken for done", File: model,
	Old: `		o.stall(readBack, writeTimeout)
`,
	New: `		o.committed()
`,
	Why: "commands go out that the journal knows nothing of",
}, {
	Name: "stale owner goes on", File: model,
	Old: `	case refused:
		o.conflict()
`,
	New: `	case refused:
		o.committed()
`,
	Why: "two owners drive one saga in two directions",
}, {
	Name: "epoch not looked at", File: model,
	Old: `	case x.event != nil && r.owner == o.id && r.epoch == o.epoch:
		o.writing = nil`,
	New: `	case x.event != nil:
		o.writing = nil`,
	Why: "an owner that was replaced goes on beside the new one",
}, {
	Name: "no compare-and-set", File: bus,
	Old: `if r.revision != x.expect {`,
	New: `if false {`,
	Why: "the slower owner's record replaces the faster one's",
}, {
	Name: "acknowledged before the client is told", File: deeds,
	Old: `			o.w.tellClient(o, e.Phase)
			o.leave()
`,
	New: `			if o.leave(); o.alive {
				o.w.tellClient(o, e.Phase)
			}
`,
	Why: "a client waits for ever for a saga that has ended",
}, {
	Name: "dead owners not replaced", File: model,
	Old: `	o.alive = false
	o.w.again(o)
`,
	New: `	o.alive = false
`,
	Why: "a saga whose owner crashed is forgotten",
}, {
	Name: "leaves without a timer", File: deeds,
	Old: `		o.w.setTimer(at)
	}
	if`,
	New: `	}
	if`,
	Why: "nobody wakes the saga when its wait is over",
}, {
	Name: "leaves without looking back", File: deeds,
	Old: `	if o.w.record.revision != o.revision {
		o.w.putIn()
	}
}`,
	New: `}`,
	Why: "what somebody has added while the saga was being left is done by nobody",
}, {
	Name: "leaves though it was replaced", File: deeds,
	Old: `	if o.w.record.revision != o.revision {
		o.refresh()
		return
	}
	if`,
	New: `	if`,
	Why: "two owners take each other's message away and put the saga back, for ever; the contract had this bug",
}, {
	Name: "timer heard by nobody", File: inbox,
	Old: `		h.at = w.now.Add(timerRetry)
		w.push(*h)
		return`,
	New: `		return`,
	Why: "a timer goes off while the saga is being left, and the saga sleeps for ever; the contract had this bug",
}, {
	Name: "answered before it is in the journal", File: gateway,
	Old: `	w.push(happening{at: w.after(latency, x.place, 1, 20*ms), what: appends, outside: x})
}`,
	New: `	if x.promise != nil {
		w.promised, x.promise.kept = append(w.promised, x.event), true
	}
	w.push(happening{at: w.after(latency, x.place, 1, 20*ms), what: appends, outside: x})
}`,
	Why: "a result whose sender was answered is lost (D21)",
}, {
	Name: "result added and told to nobody", File: gateway,
	Old: `	w.putIn()
	if !w.strikes(nudgeLost, x.place) {`,
	New: `	if !w.strikes(nudgeLost, x.place) {`,
	Why: "a saga that sleeps is not woken by its result",
}}
