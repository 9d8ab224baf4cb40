package saga_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"amends/saga"
)

// variant is a definition that is simulated, with what goes with it.
type variant struct {
	def      *saga.Definition
	hash     string
	request  map[string]json.RawMessage
	versions []*saga.Definition           // to which a saga may be moved
	kept     []map[string]json.RawMessage // what the answer to each step brings
	patience saga.Duration                // by when a saga must have ended after the last fault: twice the largest wait
}

// epoch is when every simulated saga begins.
const epoch = saga.Instant(1_700_000_000) * saga.Instant(second)

// How the world around the sagas is tuned.
const (
	hour           = 3600 * second
	ackWait        = 5 * second // then the inbox gives the message to another owner
	writeTimeout   = second
	retryAfter     = 3 * second // what a busy worker may ask for
	timerRetry     = 2 * second
	callEvery      = 5 * second // how often a result is sent until it is answered
	reconcileEvery = 60 * second
	longest        = 40 * second
)

// request is what every simulated client asks for. Its bytes are not those that
// come back from the journal, which must not matter.
var request = raw(`{"user_id":"u42","amount":249.990,"shipping_address":"1 & 2 Main St","items":[{"sku":"abc123","quantity": 2}]}`)

// fixed are the definitions that every run simulates: the checkout with and
// without a deadline and a pivot, and those whose steps run side by side, or have
// results that come later.
func fixed() []*saga.Definition {
	late, pivot, undoable := checkout(), checkout(), checkout()
	late.Deadline = 8 * second
	turn(pivot, 2, false)
	turn(undoable, 2, true)
	sale, point, atOnce := ticket(), ticket(), trip()
	sale.Steps[1].Patience = 20 * second
	turn(point, 2, false)
	atOnce.Undo = saga.InParallel
	return []*saga.Definition{checkout(), late, pivot, undoable, sale, point, trip(), atOnce}
}

// variants are the fixed definitions, and random ones of one to six steps.
func variants(seed uint64) []*variant {
	defs := fixed()
	for i := range 120 {
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
	v := &variant{def: def, hash: def.Hash(), request: requestFor(def), versions: versions(def)}
	last := v.versions[len(v.versions)-1]
	wait := absenceLimit
	for i := range last.Steps {
		step := &last.Steps[i]
		v.kept = append(v.kept, map[string]json.RawMessage{})
		for _, name := range step.Action.Keep {
			v.kept[i][name] = json.RawMessage([]string{`{"id": "<one>"}`, `{"id":"plain"}`}[i%2])
		}
		for _, op := range []*saga.Operation{&step.Action, &step.Compensation, &step.Query} {
			wait = max(wait, op.Timeout+op.Retry.Max, step.Patience)
		}
	}
	v.patience = 2*wait + unfreezing
	return v
}

// requestFor has whatever the definition sends of it.
func requestFor(def *saga.Definition) map[string]json.RawMessage {
	all := maps.Clone(request)
	for _, step := range def.Steps {
		for _, field := range slices.Concat(step.Action.Send, step.Compensation.Send, step.Query.Send) {
			if name, ok := strings.CutPrefix(field.From, "request."); ok && all[name] == nil {
				all[name] = json.RawMessage(`"` + name + `"`)
			}
		}
	}
	return all
}

const (
	absenceLimit = 61 * second           // may a saga take to notice that its worker is back
	unfreezing   = 15*second + 3*ackWait // may a fault last that has struck before
)

// versions are a definition with other patience, and one with another step, too,
// if there is room.
func versions(def *saga.Definition) []*saga.Definition {
	other := *def
	other.Steps = slices.Clone(def.Steps)
	for i := range other.Steps {
		other.Steps[i].Action.Retry.Attempts++
	}
	if len(def.Steps) == maxSteps {
		return []*saga.Definition{&other}
	}
	more := other
	last := def.Steps[len(def.Steps)-1]
	last.Name, last.Group, last.Action.Send, last.Compensation.Send = "more", "", nil, nil
	if last.Kind == saga.Pivot {
		last.Kind, last.Compensation = saga.Retriable, saga.Operation{}
	}
	more.Steps = append(slices.Clone(other.Steps), last)
	return []*saga.Definition{&other, &more}
}

// version picks one of them.
func (v *variant) version(at place) *saga.Definition {
	return v.versions[at.attempt%len(v.versions)]
}

// later reports whether the result of a step may come later.
func (v *variant) later(step int) bool {
	return v.def.Step(min(step, len(v.def.Steps))).Reply == saga.Callback
}

// pick gives every second saga one of the fixed definitions, and the others
// something else.
func (s *simulation) pick(dice uint64) *variant {
	few, rest := s.variants[:s.fixed], s.variants[s.fixed:]
	if dice%2 == 0 {
		return few[dice>>1%uint64(len(few))]
	}
	return rest[dice>>1%uint64(len(rest))]
}

// randomDefinition has one to six steps, and perhaps a pivot, a deadline, groups,
// results that come later, and questions.
func randomDefinition(dice uint64) *saga.Definition {
	roll := func(n int) int {
		dice = mix(dice + 1)
		return int(dice % uint64(n))
	}
	d := &saga.Definition{Name: "random", Deadline: saga.Duration(max(0, roll(40)-20)) * second}
	if roll(4) == 0 {
		d.Undo = saga.InParallel
	}
	steps := 1 + roll(6)
	pivot := 1 + roll(2*steps)
	for i := range steps {
		d.Steps = append(d.Steps, randomStep(d, i, pivot, roll))
	}
	return d
}

func randomStep(d *saga.Definition, i, pivot int, roll func(int) int) saga.Step {
	step := saga.Step{Name: fmt.Sprintf("step%d", i+1), Service: "service", Kind: saga.Compensatable}
	switch {
	case i+1 > pivot:
		step.Kind = saga.Retriable
	case i+1 == pivot:
		step.Kind = saga.Pivot
	}
	known := i // so many steps are through when this one begins
	if i > 0 && step.Kind != saga.Pivot && d.Steps[i-1].Kind == step.Kind && roll(3) == 0 {
		before := &d.Steps[i-1]
		if before.Group == "" {
			before.Group = fmt.Sprintf("group%d", i)
		}
		step.Group = before.Group
		for known > 0 && d.Steps[known-1].Group == step.Group {
			known--
		}
	}
	step.Action = randomOperation(fmt.Sprintf("Do%d", i+1), known, roll)
	step.Action.Keep = []string{"receipt"}
	if step.Kind == saga.Compensatable || step.Kind == saga.Pivot && roll(2) == 0 {
		step.Compensation = randomOperation(fmt.Sprintf("Undo%d", i+1), known, roll)
		step.Compensation.Send = append(step.Compensation.Send, saga.Field{Name: "own", From: step.Name + ".receipt"})
	}
	if roll(3) == 0 {
		step.Query = randomOperation("QueryStep", 0, roll)
	}
	if roll(3) == 0 {
		step.Reply, step.Patience = saga.Callback, saga.Duration(1+roll(30))*second
	}
	return step
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
