package saga_test

import (
	"encoding/json"

	"amends/saga"
)

// record is the one key of the saga in the bucket, with what the simulator wants
// to know of it.
type record struct {
	revision int
	owner    int
	epoch    int
	def      *saga.Definition // that counts
	events   []*saga.Event
	state    saga.State // of the last writer: what a replay must make
	history  history    // the second opinion
	begun    [directions][maxSteps + 1]bool
	links    []json.RawMessage // only when the world is whole
	tip      string
}

// write is a new value of the record, which the journal takes only if nobody
// else has written since.
type write struct {
	expect int
	owner  int
	epoch  int
	event  *saga.Event // nil: it only takes the record over
	events []*saga.Event
	state  saga.State
	def    *saga.Definition
}

// outcome is what a writer hears.
type outcome int

const (
	stored outcome = iota
	refused
	unknown // no acknowledgement came
)

// send takes a write to the journal over a network that may lose it on the way,
// lose the acknowledgement, or deliver it when nobody waits any more.
func (w *world) send(x *write, at place) outcome {
	switch {
	case w.strikes(writeLost, at):
		return unknown
	case w.strikes(writeSlow, at):
		w.push(happening{at: w.after(lateness, at, 1, 3*writeTimeout), what: landed, late: x})
		return unknown
	case w.strikes(writeUnheard, at):
		w.put(x)
		return unknown
	case w.put(x):
		return stored
	}
	return refused
}

// put is the compare-and-set.
func (w *world) put(x *write) bool {
	r := &w.record
	if r.revision != x.expect {
		w.refused++
		return false
	}
	if x.epoch < r.epoch {
		w.violate("I9 single writer", "owner %d writes for epoch %d, and epoch %d has begun", x.owner, x.epoch, r.epoch)
	}
	r.revision++
	r.owner, r.epoch = x.owner, x.epoch
	if x.event != nil {
		w.judge(x)
	}
	return true
}

// judge looks at every event that reaches the journal: it must extend what is
// there, be one that the rules allow, and have made the state that the rules
// demand.
func (w *world) judge(x *write) {
	r := &w.record
	if w.tell {
		e := x.event
		w.log("journal: %d %s step=%d attempt=%d %s: %s", len(x.events), e.Type, e.Step, e.Attempt, e.Via, x.state.Phase)
	}
	if !extends(x.events, r.events) {
		w.violate("I9 single writer", "event %d is not the next one", len(x.events))
		return
	}
	if why := r.history.read(x.event); why != "" {
		w.violate("I7 legal history", "event %d (%s) %s", len(x.events), x.event.Type, why)
		return
	}
	if why := r.history.disagrees(&x.state); why != "" {
		w.violate("I7 legal history", "after event %d (%s) %s", len(x.events), x.event.Type, why)
	}
	if why := unsound(r.history.def, &x.state); why != "" {
		w.violate("I6 sound", "after event %d (%s) %s", len(x.events), x.event.Type, why)
	}
	for _, i := range x.state.Incidents {
		if !calls(&r.state, i.Kind, i.Step) {
			w.alarms[i.Kind]++
		}
	}
	w.judgeWait(&r.state, &x.state, x.event)
	r.events, r.state, r.def = x.events, x.state, r.history.def
	for i := range r.state.Steps {
		if step := &r.state.Steps[i]; inProgress(step) {
			r.begun[directionOf(r.state.Mode(i+1), step.Reversal)][i+1] = true
		}
	}
	if !x.state.Phase.Live() {
		w.ended = w.now
		w.attend(&x.state)
	}
	if w.whole {
		w.seal(x.event)
	}
}

// attend lets people do something about a saga that is STUCK.
func (w *world) attend(s *saga.State) {
	if s.Phase == saga.Stuck {
		w.interfere(place{step: max(1, s.Incidents[0].Step), attempt: s.Seq})
	}
}

// extends reports whether a journal is another one and one event more.
func extends(longer, shorter []*saga.Event) bool {
	n := len(shorter)
	return len(longer) == n+1 && (n == 0 || longer[n-1] == shorter[n-1])
}

// judgeWait holds the wait for another attempt between its bounds.
func (w *world) judgeWait(before, after *saga.State, e *saga.Event) {
	if e.Step < 1 || e.Step > len(before.Steps) || !after.Phase.Live() {
		return
	}
	if wait := saga.Duration(after.Steps[e.Step-1].Due - e.At); e.Type == saga.WorkerAbsent {
		if wait < second/10 || wait > 60*second {
			w.violate("I6 waits", "a command for which nobody listens is offered again after %d µs", wait)
		}
		return
	}
	was, is := &before.Steps[e.Step-1], &after.Steps[e.Step-1]
	mode := after.Mode(e.Step)
	tries := was.Attempt - was.Before
	if mode == saga.Ask {
		tries = was.Attempt
	}
	if is.Attempt != was.Attempt+1 || is.Status != was.Status || is.Before != was.Before || !inProgress(is) {
		return
	}
	policy := w.record.def.Operation(e.Step, mode).Retry
	ceiling := min(policy.Max, policy.Initial<<(tries-1))
	wait := saga.Duration(is.Due - e.At)
	if wait < e.RetryAfter || wait > max(ceiling, e.RetryAfter) {
		w.violate("I6 waits", "attempt %d of step %d waits %d µs, must be %d to %d", is.Attempt, e.Step, wait, e.RetryAfter, max(ceiling, e.RetryAfter))
	}
}

func (w *world) seal(e *saga.Event) {
	r := &w.record
	link, tip, err := saga.Seal(len(r.events), r.tip, e)
	if err != nil {
		w.violate("I7 chain", "%v", err)
	}
	r.links, r.tip = append(r.links, link), tip
}

// replay is what a new owner makes of the record. It must be what the last
// writer knew.
func (w *world) replay() (*saga.Definition, saga.State) {
	r := &w.record
	events := w.decode()
	def, s, err := saga.Replay(w.variant.def, events)
	switch {
	case err != nil:
		w.violate("I7 replay", "%v", err)
	case !sameState(&s, &r.state):
		w.violate("I7 replay", "the journal makes another state:\n%+v\n%+v", s, r.state)
	case def.Name != r.def.Name || len(def.Steps) != len(r.def.Steps):
		w.violate("I7 replay", "the journal makes another definition")
	}
	return def, s
}

// decode reads the events back, from their bytes when the world is whole.
func (w *world) decode() []saga.Event {
	r := &w.record
	if w.whole {
		events, err := saga.Unseal(r.links, r.tip)
		if err != nil {
			w.violate("I7 chain", "%v", err)
		}
		return events
	}
	events := make([]saga.Event, len(r.events))
	for i, e := range r.events {
		events[i] = *e
	}
	return events
}
