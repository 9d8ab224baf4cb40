package orchestrator

import (
	"encoding/json"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
)

// finish tells the clients how the saga ended, or that a person is needed, and
// lets the inbox message go.
func (i *instance) finish() bool {
	i.stop()
	i.logEnd()
	outcome := outcomeOf(&i.state)
	for _, c := range i.clients {
		i.o.waiters.done(waiter{i.id.String(), c.Reply})
		i.o.reply(c, outcome)
	}
	i.o.settled(i)
	if i.state.Phase == saga.Stuck {
		i.o.showIncidents(i.id, i.def, &i.state, i.ack)
		return false
	}
	if i.slept {
		i.o.timers.drop(i.id)
	}
	i.ack()
	return false
}

// ack lets the inbox message go. If that is lost, the message comes again, and
// finds a saga that has ended.
func (i *instance) ack() {
	if err := i.held.msg.Ack(); err != nil {
		i.log().Warn().Err(err).Msg("cannot acknowledge the inbox message")
	}
}

func (i *instance) logEnd() {
	if i.state.Phase == saga.Stuck {
		i.log().Error().Str("incident", i.state.Incidents[0].Cause).Str("reason", i.state.Reason).Msg("saga is stuck and needs a person")
		return
	}
	i.o.log.Debug().Str("saga_id", i.id.String()).Str("phase", string(i.state.Phase)).Str("reason", i.state.Reason).Int("events", i.state.Seq).Msg("saga ended")
}

// refuse ends a delivery that cannot be worked on: its record cannot be trusted,
// or cannot be written. The client is told; the record stays as it is, for a
// person to look at, who finds an incident.
func (i *instance) refuse(cause error) bool {
	i.stop()
	i.log().Error().Err(cause).Msg("cannot continue the saga; it needs a person")
	for _, c := range i.clients {
		i.o.waiters.done(waiter{i.id.String(), c.Reply})
		i.o.refuse(c, cause)
	}
	i.o.forget(i)
	if isBroken(cause) {
		i.o.showBroken(i.id, cause, i.ack)
		return false
	}
	i.ack()
	return false
}

// drop ends a delivery for a saga that has no record and no start: its record
// has expired, or somebody has deleted it.
func (i *instance) drop() bool {
	i.stop()
	i.o.forget(i)
	i.ack()
	return false
}

// A saga whose definition is not known here is offered to other orchestrators
// again and again: at once, as happens while replicas are being upgraded, and
// then ever less often. After unknownFor times a person is called.
const (
	passDelay    = time.Second
	passDelayMax = 30 * time.Second
	unknownFor   = 30
)

// pass leaves a saga to another orchestrator: this one does not have its
// definition. The client learns that its checkout was accepted and waits.
func (i *instance) pass(cause error) bool {
	i.stop()
	i.o.forget(i)
	count := time.Duration(min(i.held.count, 1000))
	if count == 1 || count%unknownFor == 0 {
		i.log().Warn().Err(cause).Msg("cannot go on with the saga here; offering it to others")
	}
	if count >= unknownFor {
		i.o.showUnknown(i.id, cause)
	}
	if err := i.held.msg.NakWithDelay(min(count*passDelay, passDelayMax)); err != nil {
		i.log().Warn().Err(err).Msg("cannot return the inbox message; it comes again when its time has run out")
	}
	return false
}

// outcomeOf says what a client is told about a saga (S0-13, S0-17).
func outcomeOf(s *saga.State) protocol.Outcome {
	o := protocol.Outcome{Type: protocol.TypeCheckoutAccepted, SagaID: s.Start.SagaID, Status: publicStatus(s.Phase)}
	switch s.Phase {
	case saga.Completed:
		o.Type, o.OrderID = protocol.TypeCheckoutComplete, s.Start.OrderID
	case saga.Aborted, saga.Killed, saga.Stuck:
		o.Type, o.Reason = protocol.TypeCheckoutFailed, s.Reason
	}
	return o
}

// reply answers a client. It may have gone away; then nobody listens.
func (o *Orchestrator) reply(c journal.Client, outcome protocol.Outcome) {
	outcome.InReplyTo, outcome.Warnings = c.MsgID, c.Warnings
	o.respond(c.Reply, inFormOf(c, outcome))
}

// refuse tells a client an error, in the form in which it asked.
func (o *Orchestrator) refuse(c journal.Client, cause error) {
	o.respondErrorAs(c.Reply, cause, func(e *protocol.Error) any { return inFormOf(c, e) })
}

// inFormOf puts an answer into an envelope if the client asked in one (A4).
func inFormOf(c journal.Client, answer any) any {
	if c.Envelope == nil {
		return answer
	}
	// What goes to clients can be encoded.
	body, _ := json.Marshal(answer)
	return c.Envelope.Answer(body)
}

func (o *Orchestrator) refuseConflict(clients []journal.Client) {
	for _, c := range clients {
		o.refuse(c, errConflict())
	}
}

func errConflict() *protocol.Error {
	return &protocol.Error{
		Code: protocol.CodeSagaIDConflict, Field: "saga_id",
		Message: "is taken by a checkout of other content; use a new one",
	}
}

// announce publishes a transition for watchers: what the event answers, and the
// event as the journal has it. Nothing depends on it.
func (o *Orchestrator) announce(id protocol.SagaID, d *saga.Definition, e *saga.Event, r *journal.Record) {
	sealed := r.Last()
	if e.Start != nil {
		sealed = withoutSecret(e, sealed)
	}
	body := make([]byte, 0, len(sealed)+160)
	body = appendText(body, `{"saga_id":`, r.SagaID)
	body = appendText(body, `,"phase":`, string(r.Phase))
	if e.Step > 0 {
		body = appendText(body, `,"command":`, d.Operation(e.Step, e.Answers()).Type)
	}
	body = append(append(append(body, `,"event":`...), sealed...), '}')
	if err := o.cfg.Conn.Publish(protocol.SubjectEvents(id), body); err != nil {
		o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("cannot publish a transition")
	}
}

func appendText(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

// withoutSecret keeps that from watchers from which the tokens of callbacks are
// made.
func withoutSecret(e *saga.Event, sealed json.RawMessage) json.RawMessage {
	if e.Start.Secret == "" {
		return sealed
	}
	public, start := *e, *e.Start
	start.Secret = ""
	public.Start = &start
	// It was encoded once before, with the secret: it can be encoded.
	body, _ := json.Marshal(public)
	return body
}
