package saga_test

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"amends/saga"

	"pgregory.net/rapid"
)

// TestAnyEvents puts arbitrary events to the core, sensible or not. It must not
// panic, must leave the state it was given alone, must come to sound states only,
// and what it journals must replay. An act applies where Refusal has nothing
// against it, and only there; a plan of it ends.
func TestAnyEvents(t *testing.T) {
	rapid.Check(t, anyEvents(fuzzable()))
}

// FuzzAnyEvents is the same for go test -fuzz.
func FuzzAnyEvents(f *testing.F) { f.Fuzz(rapid.MakeFuzz(anyEvents(fuzzable()))) }

func anyEvents(defs map[string]*saga.Definition) func(*rapid.T) {
	names := slices.Sorted(maps.Keys(defs))
	return func(t *rapid.T) {
		def := defs[rapid.SampledFrom(names).Draw(t, "definition")]
		begun := def
		var s saga.State
		var journal []saga.Event
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			e := anyEvent(t, i, &s, defs)
			holdAct(t, def, s, e)
			next := holdNext(t, def, s, e)
			if next.Seq != s.Seq {
				journal = append(journal, e)
			}
			if next.Seq != s.Seq && e.Type == saga.Migrated {
				def = e.Definition
			}
			if why := unsound(def, &next); why != "" {
				t.Fatalf("behind %v: %s", types(journal), why)
			}
			s = next
		}
		last, again, err := saga.Replay(begun, journal)
		if err != nil || !reflect.DeepEqual(again, s) || last.Hash() != def.Hash() {
			t.Fatalf("replay: %v\n%+v\n%+v", err, again, s)
		}
	}
}

// holdNext asks Next, which changes nothing but what it returns.
func holdNext(t *rapid.T, def *saga.Definition, s saga.State, e saga.Event) saga.State {
	before := copyOf(s)
	next, _ := saga.Next(def, s, e)
	switch {
	case !reflect.DeepEqual(s, before):
		t.Fatalf("%s changed the state it was given", e.Type)
	case next.Seq == s.Seq && !reflect.DeepEqual(next, s):
		t.Fatalf("%s changed the state without a word", e.Type)
	}
	return next
}

// fuzzable are definitions that are like each other, so that sagas can be moved.
func fuzzable() map[string]*saga.Definition {
	defs := walkable()
	for _, name := range []string{"checkout", "ticket", "trip"} {
		patient := *defs[name]
		patient.Steps = slices.Clone(patient.Steps)
		patient.Deadline = 5 * second
		for i := range patient.Steps {
			patient.Steps[i].Action.Retry.Attempts = 4
		}
		longer := patient
		longer.Steps = append(slices.Clone(patient.Steps), defs[name].Steps[len(patient.Steps)-1])
		longer.Steps[len(patient.Steps)].Name = "more"
		longer.Steps[len(patient.Steps)].Compensation.Send = nil
		defs[name+", patient"], defs[name+", longer"] = &patient, &longer
	}
	return defs
}

// holdAct compares what is said of an act with what becomes of it.
func holdAct(t *rapid.T, def *saga.Definition, s saga.State, e saga.Event) {
	switch e.Type {
	case saga.CancelRequested, saga.KillRequested, saga.RetryRequested, saga.StepResolved, saga.Migrated, saga.DeadlinePassed:
	default:
		return
	}
	refused := saga.Refusal(def, &s, &e)
	next, _ := saga.Next(def, s, e)
	commands, end, why := saga.Plan(def, s, e)
	switch {
	case (refused == "") != (next.Seq > s.Seq):
		t.Fatalf("%s is refused as %q, and Next goes from %d to %d", e.Type, refused, s.Seq, next.Seq)
	case why != refused:
		t.Fatalf("%s is refused as %q, its plan as %q", e.Type, refused, why)
	case refused == "" && end.Live():
		t.Fatalf("the plan of %s does not end: %v", e.Type, commands)
	case refused != "" && (end != "" || commands != nil):
		t.Fatalf("the plan of %s is refused, and leads to %s", e.Type, end)
	}
}

func copyOf(s saga.State) saga.State {
	s.Steps = slices.Clone(s.Steps)
	s.Order = slices.Clone(s.Order)
	s.Incidents = slices.Clone(s.Incidents)
	return s
}

var anyTypes = []saga.EventType{
	saga.Started, saga.StepAccepted, saga.StepDeclined, saga.StepUnavailable, saga.StepTimedOut, saga.StepTaken,
	saga.StepNotFound, saga.StepNotTold, saga.CompensationDone, saga.CompensationRefused, saga.CompensationUnavailable,
	saga.CompensationTimedOut, saga.WorkerAbsent, saga.DeadlinePassed, saga.Quarantined, saga.CancelRequested,
	saga.KillRequested, saga.RetryRequested, saga.StepResolved, saga.Migrated, "Unheard",
}

// anyEvent is often, not always, one that fits the state.
func anyEvent(t *rapid.T, i int, s *saga.State, defs map[string]*saga.Definition) saga.Event {
	if s.Phase == "" {
		return saga.Event{Type: saga.Started, Start: checkout42("any")}
	}
	e := saga.Event{Code: rapid.SampledFrom([]string{"", "c"}).Draw(t, "code"), Fields: raw(`{"payment_id": "p", "seat": "1"}`)}
	e.At = saga.Instant(i) * saga.Instant(rapid.SampledFrom([]saga.Duration{0, second, -second, 600 * second}).Draw(t, "clock"))
	e.Type = rapid.SampledFrom(anyTypes).Draw(t, "type")
	e.Via = rapid.SampledFrom([]saga.Via{"", "", saga.ViaQuery, saga.ViaCallback}).Draw(t, "via")
	e.As = rapid.SampledFrom([]saga.Resolution{saga.ByHand, saga.Skipped, "", "undo"}).Draw(t, "as")
	e.Final = rapid.IntRange(0, 9).Draw(t, "final") == 0
	e.Step = rapid.IntRange(-1, 7).Draw(t, "step")
	e.Attempt = rapid.IntRange(-1, 5).Draw(t, "attempt")
	e.Mode = rapid.SampledFrom([]saga.Mode{saga.Do, saga.Ask, saga.Compensate, "other"}).Draw(t, "mode")
	if active := s.Active(); len(active) > 0 && rapid.IntRange(0, 3).Draw(t, "wild") > 0 {
		e.Step = rapid.SampledFrom(active).Draw(t, "active")
		e.Attempt, e.Mode = s.Steps[e.Step-1].Attempt, s.Mode(e.Step)
	}
	switch e.Type {
	case saga.Started:
		e.Start = checkout42("any" + strconv.Itoa(i))
	case saga.Migrated:
		e.Definition = defs[rapid.SampledFrom(append(slices.Sorted(maps.Keys(defs)), "none")).Draw(t, "version")]
	}
	return e
}
