package order

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"amends/saga"
)

// dice is the randomness of one test. Its seed is printed, and AMENDS_SEED sets
// it.
func dice(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("AMENDS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("AMENDS_SEED=%q is no number", text)
		}
	}
	t.Logf("AMENDS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// life is a saga that lives a random life: whatever can happen to it happens, in
// any order, until it has ended or nothing seems to happen any more.
type life struct {
	def    *saga.Definition
	id     string
	state  saga.State
	events []saga.Event
}

// live begins a life of one of the shapes.
func live(random *rand.Rand, id string) *life {
	all := shapes()
	names := slices.Sorted(maps.Keys(all))
	return &life{def: all[names[random.IntN(len(names))]], id: id}
}

// grow lets one more event happen to a life. It returns false when it is over.
func (l *life) grow(random *rand.Rand) bool {
	for range 200 {
		e := l.chance(random)
		next, _ := saga.Next(l.def, l.state, e)
		if next.Seq != l.state.Seq {
			l.state, l.events = next, append(l.events, e)
			return true
		}
	}
	return false
}

// liveOn grows a life to its end.
func (l *life) liveOn(random *rand.Rand) *life {
	for len(l.events) < 60 && l.grow(random) {
	}
	return l
}

// likely are events in proportion to their chance: a yes is the usual answer.
var likely = slices.Concat(
	slices.Repeat([]saga.EventType{saga.StepAccepted, saga.CompensationDone}, 12),
	slices.Repeat([]saga.EventType{saga.StepDeclined, saga.StepTaken, saga.RetryRequested, saga.StepResolved}, 2),
	[]saga.EventType{saga.StepUnavailable, saga.StepTimedOut, saga.CompensationRefused, saga.CancelRequested, saga.DeadlinePassed, saga.Quarantined},
)

// chance makes up an event. Most do not apply.
func (l *life) chance(random *rand.Rand) saga.Event {
	at := saga.Instant(1_795_255_200_000_000 + len(l.events)*1_500)
	if len(l.events) == 0 {
		return saga.Event{Type: saga.Started, At: at, Start: &saga.Start{
			SagaID: l.id, OrderID: "o" + l.id, Definition: l.def.Name, DefinitionHash: l.def.Hash(),
			Request: raw(request), Secret: "s3cret", Callbacks: "checkout.callback." + l.id,
		}}
	}
	step := 1 + random.IntN(len(l.def.Steps))
	e := saga.Event{Type: likely[random.IntN(len(likely))], At: at, Step: step, Attempt: max(l.state.Steps[step-1].Attempt, 1)}
	switch e.Type {
	case saga.StepAccepted, saga.StepResolved:
		if answer := replies[l.def.Step(step).Action.Type]; answer != "" {
			e.Fields = raw(answer)
		}
		if l.def.Step(step).Action.Type[:4] == "Book" {
			e.Fields = raw(`{"booking":"b1"}`)
		}
		if e.Type == saga.StepResolved {
			e.As, e.By = []saga.Resolution{saga.ByHand, saga.Skipped}[random.IntN(2)], "ann"
		}
	case saga.StepDeclined:
		e.Code = fmt.Sprint("no", random.IntN(3))
	case saga.CancelRequested, saga.DeadlinePassed, saga.RetryRequested, saga.Quarantined:
		e.Step, e.Attempt = 0, 0
	}
	if l.def.Step(step).Reply == saga.Callback && (e.Type == saga.StepAccepted || e.Type == saga.StepDeclined) && random.IntN(2) == 0 {
		e.Via, e.Attempt = saga.ViaCallback, 0
	}
	return e
}
