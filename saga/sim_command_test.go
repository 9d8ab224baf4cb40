package saga_test

import (
	"bytes"
	"hash/fnv"
	"strconv"

	"amends/saga"
)

// command sends one attempt and watches the clock.
func (o *owner) command(e saga.Send) {
	w, at := o.w, place{e.Step, e.Compensating, e.Attempt}
	w.mayCommand(o, e)
	body, err := saga.Command(w.def, &o.state)
	if err != nil {
		w.violate("I10 commands", "%v", err)
		return
	}
	if !w.participants[e.Step-1].sameContent(e.Compensating, body) {
		w.violate("I10 commands", "another content than before: %s", body)
	}
	w.transmit(message{place: at, owner: o.id, hash: contentHash(body)})
	if w.strikes(diesWhileActing, at) {
		o.die()
		return
	}
	o.token++
	timeout := w.def.Operation(e.Step, e.Compensating).Timeout
	if w.strikes(timerEarly, at) {
		timeout = w.plan.draw(patience, at, 0, timeout)
	}
	w.push(happening{at: w.now.Add(timeout), what: timedOut, owner: o.id, token: o.token, message: message{place: at}})
	w.interfere(at)
}

// sameContent compares a command with the first one of its kind: participants
// refuse a known command with other content.
func (p *participant) sameContent(undo bool, body []byte) bool {
	first := &p.bodies[direction(undo)]
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

func direction(undo bool) int {
	if undo {
		return 1
	}
	return 0
}
