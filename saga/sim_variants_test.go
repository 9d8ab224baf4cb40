package saga_test

import (
	"encoding/json"
	"fmt"

	"amends/saga"
)

// variant is a definition that is simulated, with what goes with it.
type variant struct {
	def      *saga.Definition
	hash     string
	kept     []map[string]json.RawMessage // what the answer to each step brings
	patience saga.Duration                // by when a saga must have ended after the last fault
}

// epoch is when every simulated saga begins.
const epoch = saga.Instant(1_700_000_000) * saga.Instant(second)

// How the world around the sagas is tuned.
const (
	ackWait      = 5 * second // then the inbox gives the message to another owner
	writeTimeout = second
	retryAfter   = 3 * second // what a busy worker may ask for
	longest      = 40 * second
)

// request is what every simulated client asks for. Its bytes are not those that
// come back from the journal, which must not matter.
var request = raw(`{"user_id":"u42","amount":249.990,"shipping_address":"1 & 2 Main St","items":[{"sku":"abc123","quantity": 2}]}`)

// variants are the definitions of a run: the checkout with and without a deadline
// and a pivot, and random ones of one to six steps.
func variants(seed uint64) []*variant {
	late, pivot, undoable := checkout(), checkout(), checkout()
	late.Deadline = 8 * second
	turn(pivot, 2, false)
	turn(undoable, 2, true)
	defs := []*saga.Definition{checkout(), late, pivot, undoable}
	for i := range 60 {
		defs = append(defs, randomDefinition(mix(seed+uint64(i)*0x9e3779b97f4a7c15)))
	}
	all := make([]*variant, len(defs))
	for i, def := range defs {
		if faults := def.Check(); len(faults) > 0 {
			panic(fmt.Sprintf("definition %d: %v", i, faults))
		}
		all[i] = newVariant(def)
	}
	return all
}

func newVariant(def *saga.Definition) *variant {
	v := &variant{def: def, hash: def.Hash(), patience: 3*ackWait + longest}
	for i := range def.Steps {
		step := &def.Steps[i]
		v.kept = append(v.kept, map[string]json.RawMessage{})
		for _, name := range step.Action.Keep {
			v.kept[i][name] = json.RawMessage([]string{`{"id": "<one>"}`, `{"id":"plain"}`}[i%2])
		}
		for _, op := range []*saga.Operation{&step.Action, &step.Compensation} {
			attempt := op.Timeout + max(op.Retry.Max, retryAfter) + ackWait
			v.patience += saga.Duration(op.Retry.Attempts) * attempt
		}
	}
	return v
}

// pick gives every second saga one of the checkouts, and the others something
// else.
func pick(all []*variant, dice uint64) *variant {
	if dice%2 == 0 {
		return all[dice>>1%4]
	}
	return all[4+dice>>1%uint64(len(all)-4)]
}

// randomDefinition has one to six steps, and perhaps a pivot and a deadline.
func randomDefinition(dice uint64) *saga.Definition {
	roll := func(n int) int {
		dice = mix(dice + 1)
		return int(dice % uint64(n))
	}
	d := &saga.Definition{Name: "random", Deadline: saga.Duration(max(0, roll(40)-20)) * second}
	steps := 1 + roll(maxSteps)
	pivot := 1 + roll(2*steps)
	for i := range steps {
		step := saga.Step{Name: fmt.Sprintf("step%d", i+1), Service: "service", Kind: saga.Compensatable}
		step.Action = randomOperation(fmt.Sprintf("Do%d", i+1), i, roll)
		step.Action.Keep = []string{"receipt"}
		step.Compensation = randomOperation(fmt.Sprintf("Undo%d", i+1), i+1, roll)
		switch {
		case i+1 > pivot:
			step.Kind, step.Compensation = saga.Retriable, saga.Operation{}
		case i+1 == pivot && roll(2) == 0:
			step.Kind, step.Compensation = saga.Pivot, saga.Operation{}
		case i+1 == pivot:
			step.Kind = saga.Pivot
		}
		d.Steps = append(d.Steps, step)
	}
	return d
}

// randomOperation sends a field of the request and perhaps one of an earlier
// step's.
func randomOperation(kind string, known int, roll func(int) int) saga.Operation {
	op := saga.Operation{
		Type: kind, Subject: "service.call", Timeout: saga.Duration(1+roll(4)) * second,
		Send:  []saga.Field{{Name: "items", From: "request.items"}},
		Retry: saga.Retry{Attempts: 1 + roll(maxAttempts-1), Initial: saga.Duration(roll(500)) * ms, Max: 2 * second},
	}
	if known > 0 && roll(2) == 0 {
		op.Send = append(op.Send, saga.Field{Name: "receipt", From: fmt.Sprintf("step%d.receipt", 1+roll(known))})
	}
	return op
}
