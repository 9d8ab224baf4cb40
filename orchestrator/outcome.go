package orchestrator

import (
	"encoding/json"
	"time"

	"amends/protocol"
	"amends/saga"
)

// finish tells the clients how the saga ended, or that a person is needed, and
// lets the inbox message go.
func (i *instance) finish() bool {
	i.leave()
	i.logEnd()
	outcome := outcomeOf(&i.state)
	for _, c := range i.clients {
		i.o.waiters.done(waiter{i.id.String(), c.Reply})
		i.o.reply(c, outcome)
	}
	i.o.settled(i)
	if err := i.held.msg.Ack(); err != nil {
		// The message comes again, and finds a saga that has ended.
		i.log().Warn().Err(err).Msg("cannot acknowledge the inbox message")
	}
	return false
}

func (i *instance) logEnd() {
	if i.state.Phase == saga.Stuck {
		i.log().Error().Str("incident", i.state.Incident).Str("reason", i.state.Reason).Msg("saga is stuck and needs a person")
		return
	}
	i.o.log.Debug().Str("saga_id", i.id.String()).Str("phase", string(i.state.Phase)).Str("reason", i.state.Reason).Int("events", i.state.Seq).Msg("saga ended")
}

// refuse ends a delivery that cannot be worked on: its definition is unknown
// here, or its record cannot be trusted. The client is told; the record stays
// as it is, for a person to look at.
func (i *instance) refuse(cause error) bool {
	i.leave()
	i.log().Error().Err(cause).Msg("cannot continue the saga; it needs a person")
	for _, c := range i.clients {
		i.o.waiters.done(waiter{i.id.String(), c.Reply})
		i.o.respondError(c.Reply, cause)
	}
	i.o.forget(i)
	if err := i.held.msg.Ack(); err != nil {
		i.log().Warn().Err(err).Msg("cannot acknowledge the inbox message")
	}
	return false
}

// passDelay is how soon a start that cannot be begun here is offered again.
const passDelay = time.Second

// pass leaves a start to another orchestrator: this one does not have its
// definition, as happens while replicas are being upgraded. The client learns
// that its checkout was accepted and waits.
func (i *instance) pass(cause error) bool {
	i.leave()
	i.log().Warn().Err(cause).Msg("cannot begin the saga here; offering it to others")
	i.o.forget(i)
	if err := i.held.msg.NakWithDelay(passDelay); err != nil {
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
	case saga.Aborted:
		o.Type, o.Reason = protocol.TypeCheckoutFailed, s.Reason
	case saga.Stuck:
		o.Reason = s.Reason
	}
	return o
}

// reply answers a client. It may have gone away; then nobody listens.
func (o *Orchestrator) reply(c client, outcome protocol.Outcome) {
	outcome.InReplyTo, outcome.Warnings = c.MsgID, c.Warnings
	o.respond(c.Reply, outcome)
}

func (o *Orchestrator) refuseConflict(clients []client) {
	for _, c := range clients {
		o.respondError(c.Reply, errConflict())
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
func (i *instance) announce(e *saga.Event, sealed json.RawMessage) {
	body := make([]byte, 0, len(sealed)+160)
	body = appendText(body, `{"saga_id":`, i.record.SagaID)
	body = appendText(body, `,"phase":`, string(i.record.Phase))
	if e.Step > 0 {
		body = appendText(body, `,"command":`, i.def.Operation(e.Step, e.Undoes()).Type)
	}
	body = append(append(append(body, `,"event":`...), sealed...), '}')
	if err := i.o.cfg.Conn.Publish(protocol.SubjectEvents(i.id), body); err != nil {
		i.log().Debug().Err(err).Msg("cannot publish a transition")
	}
}
