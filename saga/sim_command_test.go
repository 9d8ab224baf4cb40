package saga_test

import (
	"bytes"
	"errors"
	"hash/fnv"
	"strconv"

	"amends/saga"
)

// command sends one attempt and watches the clock.
func (o *owner) command(e saga.Send) {
	w, at := o.w, place{e.Step, e.Mode, e.Attempt}
	w.mayCommand(o, e)
	body, err := saga.Command(o.def, &o.state, e.Step)
	if err != nil {
		o.cannotSend(e, err)
		return
	}
	reversal := o.state.Steps[e.Step-1].Reversal
	if !w.participants[e.Step-1].sameContent(directionOf(e.Mode, reversal), body) {
		w.violate("I10 commands", "another content than before: %s", body)
	}
	w.transmit(message{place: at, owner: o.id, reversal: reversal, hash: contentHash(body)})
	if w.strikes(diesWhileActing, at) {
		o.die()
		return
	}
	o.token++
	o.going[e.Step-1] = going{token: o.token, send: true, effect: e}
	timeout := o.def.Operation(e.Step, e.Mode).Timeout
	if w.strikes(timerEarly, at) {
		timeout = w.plan.draw(patience, at, 0, timeout)
	}
	w.push(happening{at: w.now.Add(timeout), what: timedOut, owner: o.id, token: o.token, message: message{place: at}})
	w.interfere(at)
}

// cannotSend reports an action that lacks a field: trying again is pointless. That
// may only be when a person has left out the step that would have brought it.
func (o *owner) cannotSend(e saga.Send, err error) {
	var missing *saga.MissingFieldError
	skipped := false
	for i := range o.state.Steps {
		skipped = skipped || o.state.Steps[i].Status == saga.StepSkipped
	}
	if !errors.As(err, &missing) || !skipped {
		o.w.violate("I10 commands", "%v", err)
		return
	}
	o.receive(saga.Event{Type: saga.AnswerType(saga.Unavailable, e.Mode), At: o.now(), Step: e.Step, Attempt: e.Attempt, Code: "missing_field", Final: true})
}

// sameContent compares a command with the first one of its kind: participants
// refuse a known command with other content.
func (p *participant) sameContent(direction int, body []byte) bool {
	first := &p.bodies[direction]
	if len(*first) == 0 {
		*first = append(*first, body...)
	}
	return bytes.Equal(*first, body)
}

func contentHash(body []byte) string {
	h := fnv.New64a()
	h.Write(body)
	return strconv.FormatUint(h.Sum64(), 36)
}

// directions of a step, each with a key of its own.
const (
	doing = iota
	compensating
	reversing
	questioning
	directions
)

func directionOf(m saga.Mode, reversal bool) int {
	switch {
	case m == saga.Ask:
		return questioning
	case m == saga.Do:
		return doing
	case reversal:
		return reversing
	}
	return compensating
}
