package saga_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// journal appends an event, and proves that a crash right now changes nothing:
// the journal, read back from its bytes, makes the same state.
func (s *story) journal(t *testing.T, e *saga.Event, next saga.State) {
	t.Helper()
	link, hash, err := saga.Seal(next.Seq, s.tip, e)
	if err != nil {
		t.Fatal(err)
	}
	s.events, s.links, s.tip, s.state = append(s.events, *e), append(s.links, link), hash, next
	if e.Type == saga.Migrated {
		s.def = e.Definition
	}
	again, err := s.replay()
	if err != nil {
		t.Fatal(err)
	}
	if why := unsound(s.def, &next); why != "" {
		t.Error(why)
	}
	if !reflect.DeepEqual(again, next) {
		t.Errorf("after a crash the state is another one:\n%+v\n%+v", again, next)
	}
}

// replay reads the journal back.
func (s *story) replay() (saga.State, error) {
	events, err := saga.Unseal(s.links, s.tip)
	if err != nil {
		return saga.State{}, err
	}
	_, state, err := saga.Replay(s.begun, events)
	return state, err
}

// crash forgets the state, replays the journal, and tells what is to be done
// now.
func (s *story) crash(t *testing.T, _ *datadriven.TestData) string {
	again, err := s.replay()
	if err != nil {
		return err.Error()
	}
	same := "another state"
	if reflect.DeepEqual(again, s.state) {
		same = "the same state"
	}
	s.state, s.going = again, nil
	return fmt.Sprintf("%s from %d events\n%s", same, len(s.links), s.effects(s.state.Pending(s.now)))
}

// journal writes the events down; with bytes as they are stored.
func (s *story) showJournal(_ *testing.T, d *datadriven.TestData) string {
	var b strings.Builder
	for i, link := range s.links {
		if d.HasArg("bytes") {
			fmt.Fprintf(&b, "%s\n", link)
			continue
		}
		e := s.events[i]
		fmt.Fprintf(&b, "%d %s", i+1, e.Type)
		if e.Step > 0 {
			fmt.Fprintf(&b, " step=%d", e.Step)
		}
		if e.Attempt > 0 {
			fmt.Fprintf(&b, " attempt=%d", e.Attempt)
		}
		if e.Via != "" {
			fmt.Fprintf(&b, " via=%s", e.Via)
		}
		fmt.Fprintln(&b)
	}
	if d.HasArg("bytes") {
		fmt.Fprintf(&b, "tip %s\n", s.tip)
	}
	return b.String()
}

// state writes down what a person would be shown.
func (s *story) showState(*testing.T, *datadriven.TestData) string {
	var b strings.Builder
	fmt.Fprint(&b, s.state.Phase)
	if s.state.Idle(s.now) && s.state.Phase.Live() {
		b.WriteString(" idle")
	}
	if s.state.Deadline > 0 {
		fmt.Fprintf(&b, " deadline in %v", time.Duration(s.state.Deadline-s.now)*time.Microsecond)
	}
	if s.state.Deadline > 0 && s.state.Expires(s.def) == 0 {
		b.WriteString(", which counts no more")
	}
	fmt.Fprintln(&b)
	for i := range s.state.Steps {
		b.WriteString(s.showStep(i + 1))
	}
	for _, i := range s.state.Incidents {
		fmt.Fprintf(&b, "incident %s step=%d: %s\n", i.Kind, i.Step, i.Cause)
	}
	if s.state.Code != "" {
		fmt.Fprintf(&b, "code %s, reason %q\n", s.state.Code, s.state.Reason)
	}
	return b.String()
}

func (s *story) showStep(number int) string {
	step := s.state.Steps[number-1]
	line := fmt.Sprintf("%d %s attempts=%d compensations=%d", number, step.Status, step.Attempts, step.Compensations)
	if slices.Contains(s.state.Active(), number) && step.Absent != 0 {
		line += " nobody listens"
	}
	if step.RequestID != "" {
		line += " request=" + step.RequestID
	}
	if step.LastError != "" {
		line += " error=" + step.LastError
	}
	return line + "\n"
}

// damage breaks a copy of the journal and tells how that is noticed: damage
// change=N from=TEXT to=TEXT | lose=N | swap=N | renumber=N | lose-last |
// lose-all | repeat-last.
func (s *story) damage(t *testing.T, d *datadriven.TestData) string {
	broken := *s
	broken.links = make([]json.RawMessage, len(s.links))
	for i, link := range s.links {
		broken.links[i] = slices.Clone(link)
	}
	switch how := d.CmdArgs[0]; how.Key {
	case "lose-last":
		broken.links = broken.links[:len(broken.links)-1]
	case "lose-all":
		broken.links = nil
	case "repeat-last":
		broken.links = append(broken.links, broken.links[len(broken.links)-1])
	default:
		broken.harm(t, d, how.Key)
	}
	_, err := broken.replay()
	return fmt.Sprint(err)
}

// harm does the kinds of damage that have a place.
func (s *story) harm(t *testing.T, d *datadriven.TestData, how string) {
	var at int
	d.ScanArgs(t, how, &at)
	link := &s.links[at-1]
	switch how {
	case "lose":
		s.links = slices.Delete(s.links, at-1, at)
	case "swap":
		s.links[at-1], s.links[at] = s.links[at], s.links[at-1]
	case "renumber":
		seq := fmt.Sprintf(`{"seq":%d,`, at)
		*link = json.RawMessage(strings.Replace(string(*link), seq, fmt.Sprintf(`{"seq":%d,`, at+1), 1))
	case "change":
		var from, to string
		d.ScanArgs(t, "from", &from)
		d.ScanArgs(t, "to", &to)
		if !strings.Contains(string(*link), from) {
			d.Fatalf(t, "%s is not in %s", from, *link)
		}
		*link = json.RawMessage(strings.Replace(string(*link), from, to, 1))
	default:
		d.Fatalf(t, "no such damage")
	}
}
