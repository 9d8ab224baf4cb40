package saga_test

import (
	"testing"

	"amends/saga"
)

// TestHashIsStable: sagas in flight pin the hash of their definition, so the
// hash of a given content must never change, whatever becomes of the types.
func TestHashIsStable(t *testing.T) {
	const golden = "be8cf15fed636a5f67d8662cd4f5a287"
	if hash := checkout().Hash(); hash != golden {
		t.Errorf("Hash of the checkout of document 000 is %s, was %s in every version before: running sagas would lose their definition", hash, golden)
	}
}

// TestHashSeesEveryChange: two definitions that differ anywhere have different
// hashes.
func TestHashSeesEveryChange(t *testing.T) {
	seen := map[string]string{checkout().Hash(): "nothing"}
	for what, change := range map[string]func(*saga.Definition){
		"name":            func(d *saga.Definition) { d.Name = "x" },
		"deadline":        func(d *saga.Definition) { d.Deadline = 1 },
		"order":           func(d *saga.Definition) { d.Steps[0], d.Steps[1] = d.Steps[1], d.Steps[0] },
		"a step less":     func(d *saga.Definition) { d.Steps = d.Steps[:2] },
		"step name":       func(d *saga.Definition) { d.Steps[1].Name = "x" },
		"service":         func(d *saga.Definition) { d.Steps[1].Service = "x" },
		"kind":            func(d *saga.Definition) { d.Steps[2].Kind = saga.Pivot },
		"reason":          func(d *saga.Definition) { d.Steps[1].Reason = "x" },
		"no undo":         func(d *saga.Definition) { d.Steps[2].Compensation = saga.Operation{} },
		"type":            func(d *saga.Definition) { d.Steps[1].Action.Type = "x" },
		"subject":         func(d *saga.Definition) { d.Steps[1].Action.Subject = "x" },
		"field":           func(d *saga.Definition) { d.Steps[1].Action.Send[0].Name = "x" },
		"source":          func(d *saga.Definition) { d.Steps[1].Action.Send[0].From = "x" },
		"kept":            func(d *saga.Definition) { d.Steps[1].Action.Keep = nil },
		"timeout":         func(d *saga.Definition) { d.Steps[1].Action.Timeout++ },
		"attempts":        func(d *saga.Definition) { d.Steps[1].Action.Retry.Attempts++ },
		"initial":         func(d *saga.Definition) { d.Steps[1].Action.Retry.Initial++ },
		"max":             func(d *saga.Definition) { d.Steps[1].Action.Retry.Max++ },
		"order of undo":   func(d *saga.Definition) { d.Undo = saga.InParallel },
		"group":           func(d *saga.Definition) { d.Steps[1].Group = "x" },
		"reply":           func(d *saga.Definition) { d.Steps[1].Reply = saga.Callback },
		"patience":        func(d *saga.Definition) { d.Steps[1].Patience = 1 },
		"query":           func(d *saga.Definition) { d.Steps[1].Query.Type = "x" },
		"undo's patience": func(d *saga.Definition) { d.Steps[1].Compensation.Retry.Attempts++ },
	} {
		d := checkout()
		change(d)
		if other, ok := seen[d.Hash()]; ok {
			t.Errorf("a change of %s has the hash of a change of %s", what, other)
		}
		seen[d.Hash()] = what
	}
}

// TestOperation: each mode has its operation.
func TestOperation(t *testing.T) {
	d := ticket()
	for mode, want := range map[saga.Mode]string{saga.Do: "RequestPayment", saga.Compensate: "RefundPayment", saga.Ask: "QueryStep"} {
		if got := d.Operation(2, mode).Type; got != want {
			t.Errorf("operation %q is %s, want %s", mode, got, want)
		}
	}
}

// TestAnswers: an event that answers an operation says which, and back.
func TestAnswers(t *testing.T) {
	for mode, verdicts := range map[saga.Mode][]saga.Verdict{
		saga.Do:         {saga.Accepted, saga.Declined, saga.Unavailable, saga.TimedOut},
		saga.Compensate: {saga.Accepted, saga.Declined, saga.Unavailable, saga.TimedOut},
		saga.Ask:        {saga.Unavailable, saga.TimedOut}, // its verdicts are those on the action
	} {
		for _, v := range verdicts {
			e := saga.Event{Type: saga.AnswerType(v, mode)}
			if e.Answers() != mode {
				t.Errorf("%s answers %q, want %q", e.Type, e.Answers(), mode)
			}
		}
	}
}
