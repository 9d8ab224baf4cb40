package saga_test

import (
	"testing"

	"amends/protocol"
	"amends/saga"
)

// reached is the state that a journal makes of a definition.
func reached(t *testing.T, def *saga.Definition, events ...saga.Event) *saga.State {
	t.Helper()
	start := saga.Event{Type: saga.Started, At: 1, Start: checkout42("checkout42")}
	_, s, err := saga.Replay(def, append([]saga.Event{start}, events...))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

var (
	held     = saga.Event{Type: saga.StepAccepted, At: 2, Step: 1, Attempt: 1}
	taken    = saga.Event{Type: saga.StepTaken, At: 3, Step: 2, Attempt: 1}
	timeOut  = saga.Event{Type: saga.StepTimedOut, At: 3, Step: 2, Attempt: 1}
	busy     = saga.Event{Type: saga.StepUnavailable, At: 3, Step: 2, Attempt: 1, RetryAfter: 5 * second}
	missing  = saga.Event{Type: saga.WorkerAbsent, At: 3, Step: 2, Attempt: 1}
	paid     = saga.Event{Type: saga.StepAccepted, At: 4, Step: 2, Via: saga.ViaCallback}
	finished = saga.Event{Type: saga.StepAccepted, At: 5, Step: 3, Attempt: 1}
	given    = saga.Event{Type: saga.CancelRequested, At: 4}
	frozen   = saga.Event{Type: saga.Quarantined, At: 4}
	killed   = saga.Event{Type: saga.KillRequested, At: 4}
)

// TestIdle: a saga may sleep when nothing is due, whatever it waits for.
func TestIdle(t *testing.T) {
	for name, test := range map[string]struct {
		events []saga.Event
		now    saga.Instant
		idle   bool
	}{
		"a command under way":     {[]saga.Event{held}, 3, false},
		"a question under way":    {[]saga.Event{held, timeOut}, 4, false},
		"a result awaited":        {[]saga.Event{held, taken}, 4, true},
		"its time is over":        {[]saga.Event{held, taken}, saga.Instant(600*second) + 3, false},
		"another attempt awaited": {[]saga.Event{held, busy}, 4, true},
		"it is due":               {[]saga.Event{held, busy}, saga.Instant(5*second) + 3, false},
		"a worker missed":         {[]saga.Event{held, missing}, saga.Instant(500 * second), true},
		"being undone":            {[]saga.Event{held, taken, given}, 5, false},
		"set aside":               {[]saga.Event{held, frozen}, 5, true},
		"killed":                  {[]saga.Event{held, killed}, 5, true},
		"completed":               {[]saga.Event{held, taken, paid, finished}, 9, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reached(t, ticket(), test.events...).Idle(test.now); got != test.idle {
				t.Errorf("Idle is %v, want %v", got, test.idle)
			}
		})
	}
}

// TestExpires: the deadline counts as long as the saga can turn back (R-4, D11).
func TestExpires(t *testing.T) {
	for name, test := range map[string]struct {
		pivot    int
		undoable bool
		events   []saga.Event
		want     saga.Instant
	}{
		"at the start":                 {0, false, nil, saga.Instant(second) + 1},
		"while a result is awaited":    {0, false, []saga.Event{held, taken}, saga.Instant(second) + 1},
		"while it is undone":           {0, false, []saga.Event{held, given}, 0},
		"set aside":                    {0, false, []saga.Event{held, frozen}, 0},
		"before the pivot":             {2, false, nil, saga.Instant(second) + 1},
		"at a pivot":                   {2, false, []saga.Event{held}, 0},
		"at one that can be undone":    {2, true, []saga.Event{held}, saga.Instant(second) + 1},
		"after one that can be undone": {2, true, []saga.Event{held, paid}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			def := ticket()
			def.Deadline = second
			if test.pivot > 0 {
				turn(def, test.pivot, test.undoable)
			}
			if got := reached(t, def, test.events...).Expires(def); got != test.want {
				t.Errorf("Expires is %d, want %d", got, test.want)
			}
		})
	}
	if got := reached(t, ticket()).Expires(ticket()); got != 0 {
		t.Errorf("a saga without a deadline expires at %d", got)
	}
}

// TestAddress: the address of a result is the same for every attempt and owner,
// is the one that protocol names, and nobody can guess it who knows the address
// of another step (D21).
func TestAddress(t *testing.T) {
	start, other := saga.Start{SagaID: "s1", Callbacks: "checkout.callback.s1", Secret: "x"}, saga.Start{SagaID: "s1", Secret: "y"}
	if again := start; again.Address(2) != start.Address(2) {
		t.Error("the address changes")
	}
	id, err := protocol.ParseSagaID("s1")
	if err != nil {
		t.Fatal(err)
	}
	if want := protocol.SubjectCallback(id, 2, start.Token(2)); start.Address(2) != want {
		t.Errorf("address %s, want %s", start.Address(2), want)
	}
	if start.Token(1) == start.Token(2) || start.Token(2) == other.Token(2) || len(start.Token(2)) != 32 {
		t.Errorf("tokens %s, %s, %s", start.Token(1), start.Token(2), other.Token(2))
	}
}
