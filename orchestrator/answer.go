package orchestrator

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// answer begins the event for a verdict on the operation in progress about a
// step, and ends the operation.
func (i *instance) answer(step int, v saga.Verdict, at saga.Instant) saga.Event {
	op := i.operation(step)
	e := saga.Event{Type: saga.AnswerType(v, op.mode), At: at, Step: step, Attempt: op.attempt}
	if op.mode == saga.Ask && (v == saga.Accepted || v == saga.Declined) {
		e.Via, e.Attempt = saga.ViaQuery, i.state.Steps[step-1].Attempts
	}
	if op.sent.Sent != 0 {
		times := op.sent
		e.Times = &times
	}
	op.end()
	return e
}

// event turns an answer of a worker into an event. An answer that does not fit
// its command is no verdict: never assume that it was a yes.
func (i *instance) event(step int, a answered) saga.Event {
	now := i.o.now()
	op := i.operation(step)
	spec := i.def.Operation(step, op.mode)
	i.o.noteWorker(spec.Subject, a)
	if a.absent || a.unsent {
		return i.absent(step, now)
	}
	op.sent.Received, op.sent.Answered = instantOf(a.header, protocol.HeaderReceived), instantOf(a.header, protocol.HeaderAnswered)
	parsed, err := protocol.ParseReply(spec.Type, i.id, step, a.body)
	switch {
	case err != nil:
		return i.misfit(step, now, err.Error())
	case op.mode == saga.Ask:
		return i.told(step, parsed, now)
	}
	return i.verdict(step, parsed, now)
}

// verdict is the event for an answer to a command.
func (i *instance) verdict(step int, parsed protocol.Answer, now saga.Instant) saga.Event {
	op := i.operation(step)
	switch parsed.Verdict {
	case protocol.Accepted:
		kept, problem := keep(i.def.Operation(step, op.mode).Keep, parsed.Fields)
		if problem != "" {
			return i.misfit(step, now, problem)
		}
		e := i.answer(step, saga.Accepted, now)
		e.Fields = kept
		return e
	case protocol.Declined:
		e := i.answer(step, saga.Declined, now)
		noteRefusal(&e, &parsed.Failure)
		return e
	case protocol.Deferred:
		if op.mode != saga.Do || i.def.Step(step).Reply != saga.Callback {
			return i.misfit(step, now, "a result that comes later is not possible here")
		}
		return i.taken(step, parsed.Pending.RequestID, now)
	}
	if parsed.Trouble.Error == string(protocol.CodeOverloaded) {
		return i.absent(step, now)
	}
	e := i.answer(step, saga.Unavailable, now)
	e.Code, e.Message, e.Final = brief(parsed.Trouble.Error), brief(parsed.Trouble.Message), !parsed.Trouble.Retryable
	e.RetryAfter = saga.Duration(parsed.Trouble.RetryAfterMS) * saga.Millisecond
	return e
}

// taken is the event for an action whose result comes later.
func (i *instance) taken(step int, requestID string, now saga.Instant) saga.Event {
	e := i.answer(step, saga.Accepted, now)
	e.Type, e.RequestID = saga.StepTaken, requestID
	return e
}

// told is the event for the answer to a question: the verdict on the action that
// it repeats, or that there is none.
func (i *instance) told(step int, parsed protocol.Answer, now saga.Instant) saga.Event {
	var about protocol.QueryStepOK
	if parsed.Verdict != protocol.Accepted {
		return i.untold(step, now)
	}
	if _, err := protocol.Decode(parsed.Body, &about); err != nil {
		return i.misfit(step, now, err.Error())
	}
	if err := about.Validate(); err != nil {
		return i.misfit(step, now, err.Error())
	}
	switch about.Outcome {
	case protocol.OutcomeNone:
		e := i.untold(step, now)
		e.Type = saga.StepNotFound
		return e
	case protocol.OutcomePending:
		return i.taken(step, i.state.Steps[step-1].RequestID, now)
	}
	return i.repeated(step, about.Reply, now)
}

// repeated is the event for the answer to the action itself, which the worker
// has repeated.
func (i *instance) repeated(step int, reply json.RawMessage, now saga.Instant) saga.Event {
	action := &i.def.Step(step).Action
	parsed, err := protocol.ParseReply(action.Type, i.id, step, reply)
	switch {
	case err != nil:
		return i.misfit(step, now, err.Error())
	case parsed.Verdict == protocol.Declined:
		e := i.answer(step, saga.Declined, now)
		noteRefusal(&e, &parsed.Failure)
		return e
	case parsed.Verdict != protocol.Accepted:
		return i.untold(step, now)
	}
	kept, problem := keep(action.Keep, parsed.Fields)
	if problem != "" {
		return i.misfit(step, now, problem)
	}
	e := i.answer(step, saga.Accepted, now)
	e.Fields = kept
	return e
}

// untold is the event for a question that brought no verdict.
func (i *instance) untold(step int, at saga.Instant) saga.Event {
	return i.answer(step, saga.Unavailable, at)
}

// noteWorker says once that nobody listens on a subject, and once that somebody
// does again.
func (o *Orchestrator) noteWorker(subject string, a answered) {
	if a.absent {
		if _, known := o.missing.LoadOrStore(subject, true); !known {
			o.log.Warn().Msg("nobody listens on " + subject + "; sagas wait for a worker")
		}
	} else if _, missed := o.missing.LoadAndDelete(subject); missed && !a.unsent {
		o.log.Info().Msg("a worker listens on " + subject + " again")
	}
}

// absent is the event for a command that was certainly not taken: nobody listens,
// all workers are busy, or the connection is down. It costs no attempt.
func (i *instance) absent(step int, at saga.Instant) saga.Event {
	mode := i.operation(step).mode
	e := i.answer(step, saga.Unavailable, at)
	e.Type, e.Mode = saga.WorkerAbsent, mode
	return e
}

// maxText bounds what a worker may say in one field of an event, and maxKept all
// that it may have kept for later steps, in bytes: the record of a saga must fit
// into one message.
const (
	maxText = 256
	maxKept = 16 << 10
)

// brief cuts a text to what an event may hold.
func brief(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// noteRefusal writes down why a worker said a final no, and which goods are short:
// the customer is told (S1-05). What is no SKU is left out.
func noteRefusal(e *saga.Event, f *protocol.Failure) {
	e.Code, e.DeclineCode = brief(f.Error), brief(f.DeclineCode)
	var short []string
	for _, sku := range f.Unavailable[:min(len(f.Unavailable), protocol.MaxLines)] {
		if protocol.CheckID("sku", sku) == nil {
			short = append(short, sku)
		}
	}
	if len(short) > 0 {
		// Identifiers: this cannot fail.
		names, _ := json.Marshal(short)
		e.Fields = map[string]json.RawMessage{"unavailable": names}
	}
}

// misfit is the event for an answer that breaks the protocol.
func (i *instance) misfit(step int, at saga.Instant, problem string) saga.Event {
	op := i.operation(step)
	i.log().Warn().Int("step", step).Int("attempt", op.attempt).Str("problem", problem).
		Msg("a worker's answer breaks the protocol")
	e := i.answer(step, saga.Unavailable, at)
	e.Code, e.Message = "malformed_reply", problem
	return e
}

// keep picks the fields that later steps need. A field that is absent or null, or
// fields that are too large together, are a problem.
func keep(names []string, fields map[string]json.RawMessage) (kept map[string]json.RawMessage, problem string) {
	if len(names) == 0 {
		return nil, ""
	}
	size := 0
	kept = make(map[string]json.RawMessage, len(names))
	for _, name := range names {
		value, ok := fields[name]
		if !ok || string(value) == "null" {
			return nil, "the answer lacks " + name
		}
		kept[name] = value
		size += len(value)
	}
	if size > maxKept {
		return nil, "the fields to keep are larger than 16 KiB"
	}
	return kept, ""
}

func instantOf(h nats.Header, name string) saga.Instant {
	values := h[name]
	if len(values) == 0 {
		return 0
	}
	// A worker's clock is only information: what is no number is no time.
	micros, _ := strconv.ParseInt(values[0], 10, 64)
	return saga.Instant(micros)
}

// Instant converts a time.
func Instant(t time.Time) saga.Instant { return saga.Instant(t.UnixMicro()) }
