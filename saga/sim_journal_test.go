package saga_test

import (
	"encoding/json"

	"amends/saga"
)

// record is the one key of the saga in the bucket, with what the simulator wants
// to know of it.
type record struct {
	revision int
	writer   int
	events   []*saga.Event
	state    saga.State // of the last writer: what a replay must make
	history  history    // the second opinion
	begun    [2][maxSteps + 1]bool
	links    []json.RawMessage // only when the world is whole
	tip      string
}

// write is a new value of the record, which the journal takes only if nobody
// else has written since.
type write struct {
	expect int
	writer int
	event  *saga.Event // nil: it only takes the record over
	events []*saga.Event
	state  saga.State
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
		w.push(happening{at: w.now.Add(w.plan.draw(lateness, at, 1, 3*writeTimeout)), what: landed, late: x})
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
	r.revision++
	r.writer = x.writer
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
		w.log("owner %d journals %d %s step=%d attempt=%d: %s", x.writer, len(x.events), e.Type, e.Step, e.Attempt, x.state.Phase)
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
	w.judgeWait(&r.state, &x.state, x.event)
	r.events, r.state = x.events, x.state
	if x.state.Phase.Live() {
		r.begun[direction(x.state.Phase == saga.Compensating)][x.state.Cursor] = true
	} else {
		w.ended = w.now
	}
	if w.whole {
		w.seal(x.event)
	}
}

// extends reports whether a journal is another one and one event more.
func extends(longer, shorter []*saga.Event) bool {
	n := len(shorter)
	return len(longer) == n+1 && (n == 0 || longer[n-1] == shorter[n-1])
}

// judgeWait holds the wait for another attempt between its bounds.
func (w *world) judgeWait(before, after *saga.State, e *saga.Event) {
	if after.Attempt != before.Attempt+1 || after.Cursor != before.Cursor || !after.Phase.Live() || after.Phase != before.Phase {
		return
	}
	policy := w.def.Operation(after.Cursor, after.Phase == saga.Compensating).Retry
	ceiling := min(policy.Max, policy.Initial<<(before.Attempt-1))
	wait := saga.Duration(after.Due - e.At)
	if wait < e.RetryAfter || wait > max(ceiling, e.RetryAfter) {
		w.violate("I6 waits", "attempt %d waits %d µs, must be %d to %d", after.Attempt, wait, e.RetryAfter, max(ceiling, e.RetryAfter))
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
func (w *world) replay() saga.State {
	r := &w.record
	events := w.decode()
	s, err := saga.Replay(w.def, events)
	switch {
	case err != nil:
		w.violate("I7 replay", "%v", err)
	case !sameState(&s, &r.state):
		w.violate("I7 replay", "the journal makes another state:\n%+v\n%+v", s, r.state)
	}
	return s
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
