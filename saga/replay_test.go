package saga_test

import (
	"errors"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"amends/saga"
)

var walkDepth = flag.Int("walk.depth", 1, "how often TestEveryPathEveryPrefix lets happen what can come at any time")

// TestEveryPathEveryPrefix walks every path that a saga can take (each answer at
// each point, with retries, questions and results that come later) and at every
// event of it crashes: what the journal makes must be the state that was lost, and
// want the same to be done. At each point a second opinion on the rules is heard,
// too: it must allow what the core applies, and nothing else. What can come at any
// time (acts of people, late results, absences, quarantine) comes up to so many
// times on each path. Where two orders of events lead to the same place, the walk
// goes on from it once.
func TestEveryPathEveryPrefix(t *testing.T) {
	for name, def := range walkable() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := walk{t: t, def: def, surprises: *walkDepth, met: map[string]bool{}}
			if raceEnabled {
				w.surprises = 0
			}
			w.event(saga.State{}, &saga.Event{Type: saga.Started, At: 1, Start: checkout42("walk")}, history{def: def})
			t.Logf("%d paths, %d prefixes", w.paths, w.prefixes)
			if w.paths < 10 {
				t.Errorf("only %d paths: the walk is broken", w.paths)
			}
		})
	}
}

// walkable are definitions small enough to be walked completely.
func walkable() map[string]*saga.Definition {
	defs := map[string]*saga.Definition{
		"checkout": checkout(), "pivot": checkout(), "undoable pivot": checkout(),
		"ticket": ticket(), "ticket pivot": ticket(), "ticket at once": ticket(), "trip": trip(),
	}
	turn(defs["pivot"], 2, false)
	turn(defs["undoable pivot"], 2, true)
	turn(defs["ticket pivot"], 2, false)
	defs["ticket at once"].Undo = saga.InParallel
	defs["ticket at once"].Steps = defs["ticket at once"].Steps[:2]
	defs["trip"].Steps = slices.Delete(defs["trip"].Steps, 1, 2) // the hotel
	for name, def := range defs {
		for i := range def.Steps {
			step := &def.Steps[i]
			step.Action.Retry.Attempts, step.Query.Retry.Attempts = 1, min(1, step.Query.Retry.Attempts)
			step.Compensation.Retry.Attempts = 1 + i%2
			if name == "checkout" {
				step.Action.Retry.Attempts = 2
			}
		}
	}
	return defs
}

// walk is the journal from the start to where the walk is.
type walk struct {
	t         *testing.T
	def       *saga.Definition
	surprises int // left on this path
	met       map[string]bool
	journal   []saga.Event
	paths     int
	prefixes  int
}

// event applies one event, looks around, and goes on with every event that may
// come next.
func (w *walk) event(s saga.State, e *saga.Event, h history) {
	next, effects := saga.Next(w.def, s, *e)
	w.journal = append(w.journal, *e)
	defer func() { w.journal = w.journal[:len(w.journal)-1] }()
	w.prefixes++
	w.check(next, effects, e, &h)
	if !next.Phase.Live() {
		w.paths++
	}
	if !w.isNew(next, &h) {
		return
	}
	for _, follow := range append(w.answers(&next), w.others(&next)...) {
		follow.At = max(e.At, follow.At)
		w.follow(&next, &follow, h)
	}
}

// isNew reports whether the walk was never here before: two orders of the same
// events often lead to the same place.
func (w *walk) isNew(s saga.State, h *history) bool {
	s.Start, s.Seq = nil, 0
	here := fmt.Sprint(s, h.parts, h.done, h.phase, h.aside, h.back, w.surprises)
	if w.met[here] {
		return false
	}
	w.met[here] = true
	return true
}

// follow goes on with an event if it applies; the second opinion must say the
// same.
func (w *walk) follow(s *saga.State, e *saga.Event, h history) {
	after, effects := saga.Next(w.def, *s, *e)
	again := h.clone()
	why := again.read(e)
	switch {
	case after.Seq == s.Seq && why == "":
		w.t.Fatalf("behind %v: %s of step %d is ignored, and must apply", types(w.journal), e.Type, e.Step)
	case after.Seq == s.Seq:
		if effects != nil && e.Type != saga.WorkerAbsent {
			w.t.Fatalf("behind %v a %s is ignored, and wants %v", types(w.journal), e.Type, effects)
		}
		return
	}
	if surprise(s, e) {
		if w.surprises == 0 {
			return
		}
		w.surprises--
		defer func() { w.surprises++ }()
	}
	w.event(*s, e, h.clone())
}

// surprise reports whether an event is one that could come at any time.
func surprise(s *saga.State, e *saga.Event) bool {
	switch e.Type {
	case saga.StepAccepted, saga.StepDeclined:
		return e.Via == saga.ViaCallback && (!s.Phase.Live() || s.Steps[e.Step-1].Status != saga.StepWaiting)
	case saga.RetryRequested, saga.StepResolved, saga.CancelRequested, saga.KillRequested, saga.WorkerAbsent, saga.Quarantined, saga.DeadlinePassed:
		return true
	}
	return false
}

func (w *walk) check(next saga.State, effects []saga.Effect, e *saga.Event, h *history) {
	_, again, err := saga.Replay(w.def, w.journal)
	if err != nil || !reflect.DeepEqual(again, next) {
		w.t.Fatalf("after a crash behind %v: %v\n%+v\n%+v", types(w.journal), err, again, next)
	}
	if pending := again.Pending(e.At); !reflect.DeepEqual(pending, effects) {
		w.t.Fatalf("behind %v Next wants %v, after a crash %v", types(w.journal), effects, pending)
	}
	if why := unsound(w.def, &next); why != "" {
		w.t.Fatalf("behind %v: %s", types(w.journal), why)
	}
	if why := h.read(e); why != "" {
		w.t.Fatalf("%v: the last one %s", types(w.journal), why)
	}
	if why := h.disagrees(&next); why != "" {
		w.t.Fatalf("behind %v: %s", types(w.journal), why)
	}
}

// answers holds every answer to what is in progress, and some that are none.
func (w *walk) answers(s *saga.State) []saga.Event {
	var events []saga.Event
	for i := range s.Steps {
		step := &s.Steps[i]
		base := saga.Event{Step: i + 1, Attempt: step.Attempt, Code: "c", Fields: everyField}
		add := func(kind saga.EventType, via saga.Via) {
			e := base
			if kind == saga.StepTimedOut || kind == saga.CompensationTimedOut {
				e.Code = ""
			}
			if e.Type, e.Via = kind, via; via == saga.ViaCallback {
				e.Attempt = 0
			}
			events = append(events, e)
		}
		add(saga.StepAccepted, saga.ViaAnswer)
		add(saga.StepDeclined, saga.ViaAnswer)
		add(saga.StepTimedOut, saga.ViaAnswer)
		add(saga.CompensationDone, saga.ViaAnswer)
		add(saga.CompensationRefused, saga.ViaAnswer)
		add(saga.CompensationTimedOut, saga.ViaAnswer)
		if i == 1 { // what every step does in the same way is offered once, or the paths would double at each of them
			add(saga.StepUnavailable, saga.ViaAnswer)
			add(saga.CompensationUnavailable, saga.ViaAnswer)
		}
		add(saga.StepAccepted, saga.ViaQuery)
		add(saga.StepAccepted, saga.ViaCallback)
		if w.def.Steps[i].Query.Type != "" {
			add(saga.StepDeclined, saga.ViaQuery)
			add(saga.StepTaken, saga.ViaQuery)
			add(saga.StepNotFound, saga.ViaQuery)
			add(saga.StepNotTold, saga.ViaQuery)
		}
		if w.def.Steps[i].Reply == saga.Callback {
			add(saga.StepTaken, saga.ViaAnswer)
			add(saga.StepDeclined, saga.ViaCallback)
			if step.Status == saga.StepWaiting {
				base.At = step.Due
				add(saga.StepTimedOut, saga.ViaAnswer)
			}
		}
	}
	return events
}

// everyField is what any step of the definitions keeps.
var everyField = raw(`{"payment_id": "p", "transaction_id": "t", "reservations": [], "seat": "s", "booking": "b", "shipment_id": "s", "tracking_number": "1Z"}`)

// others holds what may come at any time.
func (w *walk) others(s *saga.State) []saga.Event {
	events := []saga.Event{
		{Type: saga.CancelRequested}, {Type: saga.KillRequested}, {Type: saga.RetryRequested}, {Type: saga.Quarantined},
		{Type: saga.DeadlinePassed}, {Type: saga.Started, Start: s.Start}, {Type: saga.StepResolved, Step: 2},
	}
	for _, as := range []saga.Resolution{saga.ByHand, saga.Skipped} {
		for i := range s.Steps {
			events = append(events, saga.Event{Type: saga.StepResolved, Step: i + 1, As: as, Fields: everyField})
		}
	}
	for _, number := range s.Active() {
		step := &s.Steps[number-1]
		absent := saga.Event{Type: saga.WorkerAbsent, Step: number, Attempt: step.Attempt, Mode: s.Mode(number)}
		if step.Absent != 0 {
			absent.At = step.Absent.Add(61 * second)
		}
		events = append(events, absent)
	}
	return events
}

func types(events []saga.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = string(e.Type)
		if e.Via != "" {
			names[i] += " via " + string(e.Via)
		}
		if e.Step > 0 {
			names[i] += " of " + string(rune('0'+e.Step))
		}
	}
	return names
}

// TestReplayRefuses holds that a journal which is not one of this definition is
// not taken for one.
func TestReplayRefuses(t *testing.T) {
	start := saga.Event{Type: saga.Started, Start: checkout42("s")}
	accepted := saga.Event{Type: saga.StepAccepted, Step: 1, Attempt: 1}
	for name, test := range map[string]struct {
		journal []saga.Event
		seq     int
	}{
		"no start":           {[]saga.Event{accepted}, 1},
		"a start without it": {[]saga.Event{{Type: saga.Started}}, 1},
		"two starts":         {[]saga.Event{start, start}, 2},
		"an answer twice":    {[]saga.Event{start, accepted, accepted}, 3},
		"an unknown event":   {[]saga.Event{start, {Type: "Unheard", Step: 1, Attempt: 1}}, 2},
		"an act refused":     {[]saga.Event{start, {Type: saga.RetryRequested}}, 2},
		"no version":         {[]saga.Event{start, {Type: saga.Migrated}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := saga.Replay(checkout(), test.journal)
			var wrong *saga.ReplayError
			if !errors.As(err, &wrong) || wrong.Seq != test.seq || wrong.Type != test.journal[test.seq-1].Type {
				t.Errorf("Replay: %v, want it to name event %d", err, test.seq)
			}
		})
	}
}
