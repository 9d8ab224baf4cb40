package worker_test

import (
	"testing"

	"amends/worker"
)

// TestRule holds the fence to its whole table: what is remembered of the action,
// what of the compensation, and which command comes. Each rule is necessary; the
// mutants in docs/mutants.md show what happens without it.
func TestRule(t *testing.T) {
	type verdict = *worker.Verdict
	yes := func() verdict { return &worker.Verdict{Hash: "same", Accepted: true} }
	no := func() verdict { return &worker.Verdict{Hash: "same"} }
	const do, undo = false, true
	for name, test := range map[string]struct {
		action, compensation verdict
		compensating         bool
		hash                 string
		want                 worker.Ruling
	}{
		"a new action":                        {nil, nil, do, "same", worker.Decide},
		"an action, accepted before":          {yes(), nil, do, "same", worker.Repeat},
		"an action, declined before":          {no(), nil, do, "same", worker.Repeat},
		"an accepted action, other content":   {yes(), nil, do, "other", worker.Conflict},
		"a declined action, other content":    {no(), nil, do, "other", worker.Conflict},
		"an action after its compensation":    {nil, yes(), do, "same", worker.TooLate},
		"the same, its compensation refused":  {nil, no(), do, "same", worker.TooLate},
		"the same, other content":             {nil, yes(), do, "other", worker.TooLate},
		"an action that was undone, again":    {yes(), yes(), do, "same", worker.Repeat},
		"the same, with other content":        {yes(), yes(), do, "other", worker.Conflict},
		"a compensation":                      {yes(), nil, undo, "same", worker.Decide},
		"a compensation, other content":       {yes(), nil, undo, "other", worker.Decide},
		"a compensation of nothing":           {nil, nil, undo, "same", worker.NothingToUndo},
		"a compensation of a decline":         {no(), nil, undo, "same", worker.NothingToUndo},
		"a compensation, done before":         {yes(), yes(), undo, "same", worker.Repeat},
		"a compensation, refused before":      {yes(), no(), undo, "same", worker.Repeat},
		"a compensation of nothing, again":    {nil, yes(), undo, "same", worker.Repeat},
		"a compensation of a decline, again":  {no(), yes(), undo, "same", worker.Repeat},
		"a known compensation, other content": {yes(), yes(), undo, "other", worker.Conflict},
		"the same, of nothing":                {nil, yes(), undo, "other", worker.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			m := worker.Memory[struct{}]{Action: test.action, Compensation: test.compensation}
			if got := worker.Rule(&m, test.compensating, test.hash); got != test.want {
				t.Errorf("Rule = %v, want %v", got, test.want)
			}
		})
	}
}

// TestRuleOnlyLooks: a ruling changes nothing of what is remembered.
func TestRuleOnlyLooks(t *testing.T) {
	action := worker.Verdict{Hash: "same", Accepted: true}
	m := worker.Memory[int]{SagaID: "checkout42", Step: 2, Action: &action}
	before := m
	for _, compensating := range []bool{false, true} {
		for _, hash := range []string{"same", "other"} {
			worker.Rule(&m, compensating, hash)
		}
	}
	if m != before || action.Hash != "same" || !action.Accepted {
		t.Errorf("the memory was changed: %+v", m)
	}
}
