package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// The fence of the reference worker, and what is behind it.

func keyOf(c protocol.Command) string {
	direction := ".do"
	if c.Reversal {
		direction = ".reverse"
	} else if c.Compensating {
		direction = ".undo"
	}
	return stepOf(c) + direction
}

func stepOf(c protocol.Command) string { return fmt.Sprint(c.SagaID, ".", c.Step) }

// decide is the fence of PROTOCOL.md, section 10.
func (w *tiny) decide(c command) []byte {
	head := c.Header()
	key, content := keyOf(head), encode(c)
	known, seen := w.fences[key]
	if head.Reversal && w.bug == "C28" {
		known, seen = w.fences[stepOf(head)+".undo"] // takes it for the compensation
	}
	if seen && !bytes.Equal(known.content, content) && w.bug != "C18" {
		return w.answer(head, protocol.SuffixError, protocol.Trouble{Error: string(protocol.CodeIdempotencyConflict)})
	}
	if seen && !w.forgets(head, known.reply) {
		return known.reply
	}
	w.decided++
	reply := w.verdict(c, head)
	w.fences[key] = fence{content, reply}
	return reply
}

// forgets tells whether a bug makes the worker decide anew.
func (w *tiny) forgets(head protocol.Command, reply []byte) bool {
	refused := bytes.Contains(reply, []byte(`_failed"`)) && !bytes.Contains(reply, []byte("compensated"))
	isPending := bytes.Contains(reply, []byte(`_pending"`))
	switch w.bug {
	case "C13":
		return !head.Compensating && bytes.Contains(reply, []byte(`_ok"`))
	case "C14":
		return refused
	case "C17":
		return head.Compensating
	case "C25":
		return isPending
	}
	return false
}

// verdict decides what was not decided before.
func (w *tiny) verdict(c command, head protocol.Command) []byte {
	step := stepOf(head)
	_, undone := w.fences[step+".undo"]
	_, reversed := w.fences[step+".reverse"]
	switch {
	case head.Compensating:
		return w.compensate(head, step)
	case (undone || reversed) && w.bug != "C15":
		return w.answer(head, protocol.SuffixFailed, protocol.Failure{Error: "compensated"})
	}
	ok, no := w.deal(c, w.decided)
	if no != nil {
		if w.bug == "C12" {
			no.Error = "Not enough money!"
		}
		if w.bug == "C14" {
			no.DeclineCode = fmt.Sprint("NO", w.decided)
		}
		return w.conclude(c, head, w.answer(head, protocol.SuffixFailed, no))
	}
	if w.bug == "C11" {
		ok = struct{}{}
	}
	return w.conclude(c, head, w.answer(head, protocol.SuffixOK, ok))
}

func (w *tiny) compensate(head protocol.Command, step string) []byte {
	action, seen := w.fences[step+".do"]
	if _, done := w.fences[keyOf(head)]; done && w.bug == "C17" {
		return w.answer(head, protocol.SuffixOK, map[string]int{"times": w.decided})
	}
	if !seen && w.bug == "C16" {
		return w.answer(head, protocol.SuffixFailed, protocol.Failure{Error: "not_found"})
	}
	if bytes.Contains(action.reply, []byte(`_pending"`)) && w.bug != "C27" {
		w.fences[step+".do"] = fence{action.content, w.answer(protocol.Command{Type: w.action(), SagaID: head.SagaID, Step: head.Step},
			protocol.SuffixFailed, protocol.Failure{Error: "compensated"})}
	}
	delete(w.stands, step)
	if w.bug == "C24" && head.Type == protocol.TypeReleaseInventory {
		head.Type = protocol.TypeReleaseReservation
	}
	return w.answer(head, protocol.SuffixOK, nil)
}

// answer is a reply by the letter, but for C10.
func (w *tiny) answer(head protocol.Command, suffix string, payload any) []byte {
	r := head.Reply(suffix)
	if w.bug == "C10" {
		r.Step++
	}
	body, err := protocol.EncodeReply(r, payload)
	if err != nil {
		panic(err)
	}
	return body
}

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return body
}

// conclude answers an action: now, or later.
func (w *tiny) conclude(c command, head protocol.Command, result []byte) []byte {
	request, later := c.(*protocol.RequestPayment)
	if !later {
		w.effect(head, result)
		return result
	}
	delay := time.Duration(0)
	if request.UserID == "u-slow" {
		delay = 300 * time.Millisecond
	}
	go w.tell(head, request.Callback, result, delay)
	return w.answer(head, protocol.SuffixPending, protocol.Pending{RequestID: fmt.Sprint("q", w.decided)})
}

func (w *tiny) effect(head protocol.Command, result []byte) {
	if bytes.Contains(result, []byte(`_ok"`)) {
		w.stands[stepOf(head)] = true
	}
}

// tell makes a result the verdict, and sends it until somebody answers.
func (w *tiny) tell(head protocol.Command, address string, result []byte, delay time.Duration) {
	<-time.After(delay)
	w.mu.Lock()
	known := w.fences[keyOf(head)]
	if !bytes.Contains(known.reply, []byte(`_pending"`)) {
		w.mu.Unlock()
		return
	}
	w.fences[keyOf(head)] = fence{known.content, result}
	w.effect(head, result)
	w.mu.Unlock()
	for range 10 {
		m, err := w.nc.Request(address, result, 100*time.Millisecond)
		if err == nil && len(m.Data) > 0 || w.bug == "C26" {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (w *tiny) onQuery(m *nats.Msg) {
	var q protocol.QueryStep
	if _, err := protocol.Decode(m.Data, &q); err != nil {
		w.refuse(m, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, seen := w.fences[stepOf(q.Command)+".do"]
	outcome := protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: known.reply}
	switch {
	case !seen || w.bug == "C30":
		outcome = protocol.QueryStepOK{Outcome: protocol.OutcomeNone}
	case bytes.Contains(known.reply, []byte(`_pending"`)):
		outcome = protocol.QueryStepOK{Outcome: protocol.OutcomePending}
	}
	q.Type = protocol.TypeQueryStep
	body, _ := protocol.EncodeReply(q.Reply(protocol.SuffixOK), outcome)
	w.respond(m, body)
}
