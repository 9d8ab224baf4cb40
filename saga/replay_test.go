package saga_test

import (
	"errors"
	"reflect"
	"strconv"
	"testing"

	"amends/saga"

	"pgregory.net/rapid"
)

// TestEveryPathEveryPrefix walks every path that a saga can take (each answer at
// each point, with retries, absences, cancel, deadline, quarantine) and at every
// event of it crashes: what the journal makes must be the state that was lost,
// and want the same to be done. At each point a second opinion on the rules is
// heard, too.
func TestEveryPathEveryPrefix(t *testing.T) {
	for name, def := range walkable() {
		t.Run(name, func(t *testing.T) {
			w := walk{t: t, def: def}
			w.event(saga.State{}, &saga.Event{Type: saga.Started, At: 1, Start: checkout42("walk")}, history{def: def})
			t.Logf("%d paths, %d prefixes", w.paths, w.prefixes)
			if w.paths < 50 {
				t.Errorf("only %d paths: the walk is broken", w.paths)
			}
		})
	}
}

// walkable are definitions small enough to be walked completely.
func walkable() map[string]*saga.Definition {
	defs := map[string]*saga.Definition{"checkout": checkout(), "pivot": checkout(), "undoable pivot": checkout()}
	turn(defs["pivot"], 2, false)
	turn(defs["undoable pivot"], 2, true)
	for _, def := range defs {
		for i := range def.Steps {
			def.Steps[i].Action.Retry.Attempts = 2
			def.Steps[i].Compensation.Retry.Attempts = 1 + i%2
		}
	}
	return defs
}

// walk is the journal from the start to where the walk is.
type walk struct {
	t        *testing.T
	def      *saga.Definition
	journal  []saga.Event
	paths    int
	prefixes int
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
		w.nothingMore(next)
		return
	}
	for _, follow := range w.menu(&next) {
		follow.At = e.At + 1
		if after, _ := saga.Next(w.def, next, follow); after.Seq > next.Seq {
			w.event(next, &follow, h)
		}
	}
}

func (w *walk) check(next saga.State, effects []saga.Effect, e *saga.Event, h *history) {
	again, err := saga.Replay(w.def, w.journal)
	if err != nil || !reflect.DeepEqual(again, next) {
		w.t.Fatalf("after a crash behind %v: %v\n%+v\n%+v", types(w.journal), err, again, next)
	}
	if pending := again.Pending(e.At); !reflect.DeepEqual(pending, effects) {
		w.t.Fatalf("behind %v Next wants %v, after a crash %v", types(w.journal), effects, pending)
	}
	if why := h.read(e); why != "" {
		w.t.Fatalf("%v: the last one %s", types(w.journal), why)
	}
	if why := h.disagrees(&next); why != "" {
		w.t.Fatalf("behind %v: %s", types(w.journal), why)
	}
}

// nothingMore checks that no event moves a saga that has ended.
func (w *walk) nothingMore(s saga.State) {
	for _, e := range append(w.menu(&s), saga.Event{Type: saga.Started, Start: s.Start}) {
		if after, effects := saga.Next(w.def, s, e); after.Seq != s.Seq || effects != nil {
			w.t.Fatalf("behind %v a %s still does something", types(w.journal), e.Type)
		}
	}
}

// menu holds every event that could come next, and some that could not. What
// every step does in the same way is offered at the second step only, or the
// paths would double at each of them.
func (w *walk) menu(s *saga.State) []saga.Event {
	events := []saga.Event{{Type: saga.CancelRequested}}
	for _, undo := range []bool{false, true} {
		for v := saga.Accepted; v <= saga.TimedOut; v++ {
			if v == saga.Unavailable && s.Cursor != 2 {
				continue
			}
			e := saga.Event{Type: saga.AnswerType(v, undo), Step: s.Cursor, Attempt: s.Attempt, Code: "c"}
			if v == saga.TimedOut {
				e.Code = ""
			}
			events = append(events, e)
		}
	}
	if s.Cursor == 2 && !s.Absent {
		absent := saga.Event{Type: saga.WorkerAbsent, Step: 2, Attempt: s.Attempt, Compensating: s.Phase == saga.Compensating}
		events = append(events, absent, saga.Event{Type: saga.Quarantined}, saga.Event{Type: saga.DeadlinePassed})
	}
	return events
}

func types(events []saga.Event) []saga.EventType {
	names := make([]saga.EventType, len(events))
	for i := range events {
		names[i] = events[i].Type
	}
	return names
}

// TestAnyEvents puts arbitrary events to the core, sensible or not. It must not
// panic, must leave the state it was given alone, and what it journals must
// replay.
func TestAnyEvents(t *testing.T) {
	defs := walkable()
	rapid.Check(t, func(t *rapid.T) {
		def := defs[rapid.SampledFrom([]string{"checkout", "pivot", "undoable pivot"}).Draw(t, "definition")]
		var s saga.State
		var journal []saga.Event
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			e := anyEvent(t, i, s)
			before := copyOf(s)
			next, _ := saga.Next(def, s, e)
			if !reflect.DeepEqual(s, before) {
				t.Fatalf("%s changed the state it was given", e.Type)
			}
			if next.Seq != s.Seq {
				journal = append(journal, e)
			} else if !reflect.DeepEqual(next, s) {
				t.Fatalf("%s changed the state without a word", e.Type)
			}
			s = next
		}
		again, err := saga.Replay(def, journal)
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("replay: %v\n%+v\n%+v", err, again, s)
		}
	})
}

func copyOf(s saga.State) saga.State {
	s.Steps = append([]saga.StepState(nil), s.Steps...)
	return s
}

// anyEvent is often, not always, one that fits the state.
func anyEvent(t *rapid.T, i int, s saga.State) saga.Event {
	e := saga.Event{At: saga.Instant(i), Code: "c", Fields: raw(`{"payment_id": "p"}`)}
	e.Step, e.Attempt = s.Cursor, s.Attempt
	if rapid.IntRange(0, 3).Draw(t, "wild") == 0 {
		e.Step = rapid.IntRange(-1, 5).Draw(t, "step")
		e.Attempt = rapid.IntRange(-1, 5).Draw(t, "attempt")
	}
	kinds := []saga.EventType{saga.Started, saga.WorkerAbsent, saga.CancelRequested, saga.DeadlinePassed, saga.Quarantined, "Unheard"}
	if kind := rapid.IntRange(-12, 5).Draw(t, "type"); kind >= 0 {
		e.Type, e.Compensating = kinds[kind], s.Phase == saga.Compensating
		if e.Type == saga.Started {
			e.Start = checkout42("any" + strconv.Itoa(i))
		}
	} else {
		e.Type = saga.AnswerType(saga.Verdict(-kind%4), (s.Phase == saga.Compensating) != (kind == -12))
	}
	if s.Phase == "" {
		e.Type, e.Start = saga.Started, checkout42("any")
	}
	return e
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
	} {
		t.Run(name, func(t *testing.T) {
			_, err := saga.Replay(checkout(), test.journal)
			var wrong *saga.ReplayError
			if !errors.As(err, &wrong) || wrong.Seq != test.seq || wrong.Type != test.journal[test.seq-1].Type {
				t.Errorf("Replay: %v, want it to name event %d", err, test.seq)
			}
		})
	}
}
