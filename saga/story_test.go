package saga_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// TestStories plays the files of testdata. Each is a story: a command, a line of
// dashes, and everything that can be seen of it. `go test ./saga -rewrite` writes
// down anew what is seen; commit such a change only if you can explain it.
//
// In the answers,
//
//	-> ChargePayment step=2 attempt=1     a command is sent
//	.. in 79ms -> ChargePayment …         the same, after a wait
//	COMPENSATING "why"                    the saga turns back
//	=> COMPLETED, ABORTED "why", STUCK    the saga ends, or waits for a person
//	ignored                               the event changes nothing
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{def: checkout()}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.play(t, d)
		})
	})
}

// story is a saga with a very small shell around it: it journals, keeps the
// clock, and writes down what the core wants done.
type story struct {
	def    *saga.Definition
	bodies bool // write the commands out

	now    saga.Instant
	state  saga.State
	events []saga.Event
	links  []json.RawMessage
	tip    string
	wake   saga.Instant // when Pending is due again; 0 is never
}

// verb is one command of the stories.
type verb func(*story, *testing.T, *datadriven.TestData) string

// verbs has every command; those that answer for a worker stand in
// story_answers_test.go, those that look at the journal in
// story_journal_test.go.
var verbs = map[string]verb{
	"define":      (*story).define,
	"start":       (*story).start,
	"accept":      (*story).accept,
	"decline":     (*story).decline,
	"done":        (*story).done,
	"refuse":      (*story).refuse,
	"unavailable": (*story).unavailable,
	"timeout":     (*story).timeout,
	"absent":      (*story).absent,
	"cancel":      simple(saga.CancelRequested),
	"deadline":    simple(saga.DeadlinePassed),
	"quarantine":  simple(saga.Quarantined),
	"advance":     (*story).advance,
	"crash":       (*story).crash,
	"journal":     (*story).showJournal,
	"state":       (*story).showState,
	"damage":      (*story).damage,
}

func (s *story) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	play, ok := verbs[d.Cmd]
	if !ok {
		d.Fatalf(t, "no such verb")
	}
	return play(s, t, d)
}

// define changes the definition: attempts=N and patience=N (of compensations),
// deadline=D, steps=N, pivot=N [undoable]; bodies shows the commands in full.
func (s *story) define(t *testing.T, d *datadriven.TestData) string {
	s.def, s.bodies = checkout(), d.HasArg("bodies")
	var steps, pivot int
	d.MaybeScanArgs(t, "steps", &steps)
	if steps > 0 {
		s.def.Steps = s.def.Steps[:steps]
	}
	s.def.Deadline = duration(t, d, "deadline")
	for i := range s.def.Steps {
		step := &s.def.Steps[i]
		d.MaybeScanArgs(t, "attempts", &step.Action.Retry.Attempts)
		d.MaybeScanArgs(t, "patience", &step.Compensation.Retry.Attempts)
	}
	if d.MaybeScanArgs(t, "pivot", &pivot); pivot > 0 {
		turn(s.def, pivot, d.HasArg("undoable"))
	}
	return s.faults()
}

// turn makes a step the pivot; those after it can only be retried.
func turn(def *saga.Definition, pivot int, undoable bool) {
	for i := pivot - 1; i < len(def.Steps); i++ {
		step := &def.Steps[i]
		step.Kind = saga.Retriable
		if i == pivot-1 {
			step.Kind = saga.Pivot
		}
		if step.Kind == saga.Retriable || !undoable {
			step.Compensation = saga.Operation{}
		}
	}
}

func (s *story) faults() string {
	var b strings.Builder
	for _, fault := range s.def.Check() {
		fmt.Fprintln(&b, fault)
	}
	if b.Len() == 0 {
		return "ok"
	}
	return b.String()
}

// start begins a new saga: start [saga_id]. The lines below it may hold another
// request than that of document 000.
func (s *story) start(t *testing.T, d *datadriven.TestData) string {
	id := "checkout42"
	if len(d.CmdArgs) > 0 {
		id = d.CmdArgs[0].Key
	}
	*s = story{def: s.def, bodies: s.bodies, now: saga.Instant(1_000_000 * second)}
	begin := checkout42(id)
	if d.Input != "" {
		begin.Request = raw(d.Input)
	}
	return s.happen(t, saga.Event{Type: saga.Started, Start: begin})
}

func simple(kind saga.EventType) verb {
	return func(s *story, t *testing.T, d *datadriven.TestData) string {
		e := saga.Event{Type: kind}
		d.MaybeScanArgs(t, "message", &e.Message)
		return s.happen(t, e)
	}
}

// advance moves the clock and tells what became due: advance 2s.
func (s *story) advance(t *testing.T, d *datadriven.TestData) string {
	step, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	s.now = s.now.Add(saga.Duration(step.Microseconds()))
	if s.wake == 0 || s.wake > s.now {
		return "nothing is due"
	}
	return s.effects(s.state.Pending(s.now))
}

// happen puts an event to the core, journals it, and tells what is to be done.
// Wherever a story goes, a crash right after the event must change nothing.
func (s *story) happen(t *testing.T, e saga.Event) string {
	t.Helper()
	e.At = s.now
	before := s.state.Phase
	next, effects := saga.Next(s.def, s.state, e)
	if next.Seq == s.state.Seq && len(effects) == 0 {
		return "ignored"
	}
	if next.Seq != s.state.Seq {
		s.journal(t, &e, next)
		if !reflect.DeepEqual(effects, next.Pending(s.now)) {
			t.Errorf("Next wants %v, but after a crash Pending wants %v", effects, next.Pending(s.now))
		}
	}
	return s.turnedBack(before) + s.effects(effects)
}

func (s *story) turnedBack(before saga.Phase) string {
	if before != saga.Compensating && s.state.Phase == saga.Compensating {
		return fmt.Sprintf("COMPENSATING %q\n", s.state.Reason)
	}
	return ""
}

func duration(t *testing.T, d *datadriven.TestData, name string) saga.Duration {
	var text string
	if d.MaybeScanArgs(t, name, &text); text == "" {
		return 0
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		panic(err) // a slip in a story
	}
	return saga.Duration(parsed.Microseconds())
}
