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
	Old: `	case compensating && (m.Action == nil || !m.Action.Accepted):
`,
	New: `	case false:
`,
	Why: "money is given back that was never taken",
}, {
	Name: "undo of a decline decided by the ledger", File: rule,
	Old: `(m.Action == nil || !m.Action.Accepted)`,
	New: `m.Action == nil`,
	Why: "the refund of a declined charge pays out",
}, {
	Name: "undo answered from the action", File: rule,
	Old: `known := m.verdict(compensating)`,
	New: `known := m.verdict(false)`,
	Why: "a refund is answered with the verdict on the charge, and never made",
}}

// shell are bugs in the order in which a shell does things. They are made in the
// simulator's model of it.
var shell = []Mutant{{
	Name: "act before journal", File: model,
	Old: `	o.effects = effects
	switch`,
	New: `	o.effects = effects
	o.act(effects)
	switch`,
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
		o.die()
`,
	New: `	case refused:
		o.committed()
`,
	Why: "two owners drive one saga in two directions",
}, {
	Name: "no compare-and-set", File: bus,
	Old: `if r.revision != x.expect {`,
	New: `if false {`,
	Why: "the slower owner's record replaces the faster one's",
}, {
	Name: "acknowledged before the client is told", File: model,
	Old: `			o.w.tellClient(e.Phase)
			o.finish()
`,
	New: `			if o.finish(); o.alive {
				o.w.tellClient(e.Phase)
			}
`,
	Why: "a client waits for ever for a saga that has ended",
}, {
	Name: "dead owners not replaced", File: model,
	Old: `	o.alive = false
	o.w.push(happening{at: o.w.now.Add(ackWait), what: redelivered})
`,
	New: `	o.alive = false
`,
	Why: "a saga whose owner crashed is forgotten",
}}
