package saga_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
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
//	.. 10m0s for RequestPayment step=2    a result is awaited
//	COMPENSATING "why", RUNNING           the saga turns back, or goes on
//	=> COMPLETED, ABORTED "why", STUCK    the saga ends, or waits for a person
//	incident …, settled …                 a person is needed; not any more
//	noted                                 the event changes something, and nothing is to be done
//	ignored                               it changes nothing
//	refused: why                          neither does an act
//
// What is going on already is not told again.
func TestStories(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &story{begun: checkout()}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return s.play(t, d)
			})
		})
	}
}

// story is a saga with a very small shell around it: it journals, keeps the
// clock, and writes down what the core wants done.
type story struct {
	begun  *saga.Definition // the definition that the saga began with
	def    *saga.Definition // and the one that counts
	bodies bool             // write the commands out

	now    saga.Instant
	state  saga.State
	events []saga.Event
	links  []json.RawMessage
	tip    string
	step   int                 // that was in progress last
	going  map[int]saga.Effect // what is going on about each step
}

// verb is one command of the stories.
type verb func(*story, *testing.T, *datadriven.TestData) string

// verbs has every command; those that answer for a worker stand in
// story_answers_test.go, the acts of people in story_acts_test.go, and those that
// look at the journal in story_journal_test.go.
var verbs = map[string]verb{
	"define":      (*story).define,
	"start":       (*story).start,
	"accept":      (*story).accept,
	"decline":     (*story).decline,
	"taken":       (*story).taken,
	"notfound":    (*story).notFound,
	"done":        (*story).done,
	"refuse":      (*story).refuse,
	"unavailable": (*story).unavailable,
	"timeout":     (*story).timeout,
	"absent":      (*story).absent,
	"deadline":    simple(saga.DeadlinePassed),
	"quarantine":  simple(saga.Quarantined),
	"cancel":      (*story).actOf,
	"kill":        (*story).actOf,
	"retry":       (*story).actOf,
	"resolve":     (*story).actOf,
	"migrate":     (*story).actOf,
	"plan":        (*story).plan,
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

// define takes a definition and changes it: define [checkout | ticket | trip]
// attempts=N, patience=N (of compensations), wait=D (for results), asks=N (attempts
// of a question; 0 is no question), deadline=D, steps=N, pivot=N [undoable],
// undo=parallel, later (all results come later); bodies shows the commands in full.
func (s *story) define(t *testing.T, d *datadriven.TestData) string {
	s.begun, s.bodies = define(t, d), d.HasArg("bodies")
	return faults(s.begun)
}

var definable = map[string]func() *saga.Definition{"checkout": checkout, "ticket": ticket, "trip": trip}

func define(t *testing.T, d *datadriven.TestData) *saga.Definition {
	def := checkout()
	for _, arg := range d.CmdArgs {
		if build := definable[arg.Key]; build != nil {
			def = build()
		}
	}
	var steps, pivot int
	if d.MaybeScanArgs(t, "steps", &steps); steps > 0 {
		def.Steps = def.Steps[:steps]
	}
	def.Deadline = duration(t, d, "deadline")
	d.MaybeScanArgs(t, "undo", (*string)(&def.Undo))
	for i := range def.Steps {
		step := &def.Steps[i]
		d.MaybeScanArgs(t, "attempts", &step.Action.Retry.Attempts)
		d.MaybeScanArgs(t, "patience", &step.Compensation.Retry.Attempts)
		d.MaybeScanArgs(t, "asks", &step.Query.Retry.Attempts)
		if step.Query.Retry.Attempts == 0 {
			step.Query = saga.Operation{}
		}
		if d.HasArg("later") {
			step.Reply, step.Patience = saga.Callback, 60*second
		}
		if wait := duration(t, d, "wait"); wait > 0 && step.Reply == saga.Callback {
			step.Patience = wait
		}
	}
	if d.MaybeScanArgs(t, "pivot", &pivot); pivot > 0 {
		turn(def, pivot, d.HasArg("undoable"))
	}
	return def
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

func faults(def *saga.Definition) string {
	var b strings.Builder
	for _, fault := range def.Check() {
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
	*s = story{begun: s.begun, def: s.begun, bodies: s.bodies, now: saga.Instant(1_000_000 * second), step: 1}
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
	for number, going := range s.going {
		if wait, ok := going.(saga.Wait); ok && wait.Until <= s.now {
			delete(s.going, number)
		}
	}
	if due := s.effects(s.state.Pending(s.now)); due != "" {
		return due
	}
	return "nothing is due"
}

// happen puts an event to the core, journals it, and tells what is to be done.
// Wherever a story goes, a crash right after the event must change nothing.
func (s *story) happen(t *testing.T, e saga.Event) string {
	t.Helper()
	e.At = s.now
	before := s.state
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
	return cmp.Or(s.turned(before.Phase)+s.alarms(&before)+s.effects(effects), "noted")
}

// turned tells in which direction the saga goes now, if it has changed.
func (s *story) turned(before saga.Phase) string {
	switch {
	case before == s.state.Phase || before == "":
		return ""
	case s.state.Phase == saga.Compensating:
		return fmt.Sprintf("COMPENSATING %q\n", s.state.Reason)
	case s.state.Phase == saga.Running:
		return "RUNNING\n"
	}
	return ""
}

// alarms tells which incidents are new, and which are over.
func (s *story) alarms(before *saga.State) string {
	var b strings.Builder
	for _, was := range before.Incidents {
		if !calls(&s.state, was.Kind, was.Step) {
			fmt.Fprintf(&b, "settled %s step=%d\n", was.Kind, was.Step)
		}
	}
	for _, is := range s.state.Incidents {
		if !calls(before, is.Kind, is.Step) {
			fmt.Fprintf(&b, "incident %s step=%d: %s\n", is.Kind, is.Step, is.Cause)
		}
	}
	return b.String()
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
