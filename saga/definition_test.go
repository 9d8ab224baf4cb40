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
