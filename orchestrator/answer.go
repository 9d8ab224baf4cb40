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

// answer begins the event for a verdict on the command in progress, and ends
// that command.
func (i *instance) answer(v saga.Verdict, at saga.Instant) saga.Event {
	undo := i.state.Phase == saga.Compensating
	e := saga.Event{Type: saga.AnswerType(v, undo), At: at, Step: i.state.Cursor, Attempt: i.state.Attempt}
	if i.sent.Sent != 0 {
		times := i.sent
		e.Times = &times
	}
	i.sent = saga.Times{}
	return e
}

// event turns an answer of a worker into an event. An answer that does not fit
// its command is no verdict: never assume that it was a yes.
func (i *instance) event(a answered) saga.Event {
	now := i.o.now()
	op := i.def.Operation(i.state.Cursor, i.state.Phase == saga.Compensating)
	i.o.noteWorker(op.Subject, a)
	if a.absent || a.unsent {
		return i.absent(now)
	}
	i.sent.Received, i.sent.Answered = instantOf(a.header, protocol.HeaderReceived), instantOf(a.header, protocol.HeaderAnswered)
	parsed, err := protocol.ParseReply(op.Type, i.id, i.state.Cursor, a.body)
	if err != nil {
		return i.misfit(now, err.Error())
	}
	switch parsed.Verdict {
	case protocol.Accepted:
		kept, problem := keep(op.Keep, parsed.Fields)
		if problem != "" {
			return i.misfit(now, problem)
		}
		e := i.answer(saga.Accepted, now)
		e.Fields = kept
		return e
	case protocol.Declined:
		e := i.answer(saga.Declined, now)
		e.Code, e.DeclineCode = brief(parsed.Failure.Error), brief(parsed.Failure.DeclineCode)
		return e
	default:
		if parsed.Trouble.Error == string(protocol.CodeOverloaded) {
			return i.absent(now)
		}
		e := i.answer(saga.Unavailable, now)
		e.Code, e.Message, e.Final = brief(parsed.Trouble.Error), brief(parsed.Trouble.Message), !parsed.Trouble.Retryable
		e.RetryAfter = saga.Duration(parsed.Trouble.RetryAfterMS) * saga.Millisecond
		return e
	}
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
func (i *instance) absent(at saga.Instant) saga.Event {
	e := i.answer(saga.Unavailable, at)
	e.Type, e.Compensating = saga.WorkerAbsent, i.state.Phase == saga.Compensating
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

// misfit is the event for an answer that breaks the protocol.
func (i *instance) misfit(at saga.Instant, problem string) saga.Event {
	i.log().Warn().Int("step", i.state.Cursor).Int("attempt", i.state.Attempt).Str("problem", problem).
		Msg("a worker's answer breaks the protocol")
	e := i.answer(saga.Unavailable, at)
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
