package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A definition may be started by an event on a subject (S1-01). The event names
// the saga, so the same event again is the same saga.

// followTriggers starts to listen for the events of all definitions.
func (o *Orchestrator) followTriggers(ctx context.Context) error {
	for _, def := range o.cfg.Definitions {
		t := def.StartOn
		if t == nil {
			continue
		}
		if t.Stream != "" {
			if err := o.followStream(ctx, def); err != nil {
				return err
			}
			continue
		}
		sub, err := o.cfg.Conn.QueueSubscribe(t.Subject, protocol.ServiceCheckout, func(m *nats.Msg) {
			o.requests.run(func() { o.onEvent(def, m.Data, m.Reply, m.Header.Get(traceHeader)) })
		})
		if err != nil {
			return fmt.Errorf("listening for the events of %s: %w", def.Name, err)
		}
		o.subs = append(o.subs, sub)
	}
	return nil
}

// traceHeader carries the W3C trace context.
const traceHeader = "traceparent"

// onEvent starts a saga, and answers whoever asked by a request.
func (o *Orchestrator) onEvent(def *saga.Definition, event []byte, reply, trace string) {
	id, err := o.startByEvent(def, event, trace)
	if err != nil {
		o.log.Warn().Err(err).Str("definition", def.Name).Str("saga_id", namedBy(def, event)).Msg("an event starts no saga")
		o.respondError(reply, err)
		return
	}
	if reply != "" {
		o.respond(reply, accepted(id))
	}
}

// startByEvent puts the saga of an event into the inbox. One that is there, or has
// a record, is the same.
func (o *Orchestrator) startByEvent(def *saga.Definition, event []byte, trace string) (id protocol.SagaID, err error) {
	request, err := requestOf(def, event)
	if err != nil {
		return id, err
	}
	e, _, err := o.readRequest(request, trace)
	if err != nil {
		return id, err
	}
	if id, err = protocol.ParseSagaID(e.Start.SagaID); err != nil {
		return id, err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return id, fmt.Errorf("encoding an inbox message: %w", err)
	}
	ctx, cancel := context.WithTimeout(o.background, loadTimeout)
	defer cancel()
	_, err = o.cfg.Writer.PublishWait(ctx, &nats.Msg{Subject: protocol.SubjectInbox(id), Data: body, Header: nats.Header{}})
	if store.IsSubjectTaken(err) {
		return id, nil
	}
	return id, err
}

// namedBy is the saga that an event names, for the log; "" if that is no saga_id.
func namedBy(def *saga.Definition, event []byte) string {
	var fields map[string]json.RawMessage
	var name string
	if json.Unmarshal(event, &fields) != nil || json.Unmarshal(fields[def.StartOn.SagaID], &name) != nil {
		return ""
	}
	id, err := protocol.ParseSagaID(name)
	if err != nil {
		return ""
	}
	return id.String()
}

// requestOf takes a request out of an event.
func requestOf(def *saga.Definition, event []byte) ([]byte, error) {
	if _, err := protocol.Decode(event, new(struct{})); err != nil {
		return nil, err
	}
	fields, err := protocol.Fields(event)
	if err != nil {
		return nil, err
	}
	request := map[string]json.RawMessage{"definition": json.RawMessage(`"` + def.Name + `"`)}
	t := def.StartOn
	if fields[t.SagaID] == nil {
		return nil, &protocol.Error{Code: protocol.CodeMissingField, Field: t.SagaID, Message: "is required: it names the saga"}
	}
	request["saga_id"] = fields[t.SagaID]
	for _, m := range t.Take {
		value := fields[m.From]
		if value != nil && len(m.Each) > 0 {
			if value, err = renamed(m, value); err != nil {
				return nil, err
			}
		}
		if value != nil {
			request[m.Name] = value
		}
	}
	return json.Marshal(request)
}

// renamed takes the elements of a list apart and gives their fields the names of
// the request.
func renamed(m saga.Mapping, list json.RawMessage) (json.RawMessage, error) {
	var elements []map[string]json.RawMessage
	if err := json.Unmarshal(list, &elements); err != nil {
		return nil, &protocol.Error{Code: protocol.CodeInvalidField, Field: m.From, Message: "must be a list of objects"}
	}
	out := make([]map[string]json.RawMessage, len(elements))
	for n, element := range elements {
		out[n] = make(map[string]json.RawMessage, len(m.Each))
		for _, f := range m.Each {
			if value, ok := element[f.From]; ok {
				out[n][f.Name] = value
			}
		}
	}
	return json.Marshal(out)
}

// followStream starts a saga for every event that a stream keeps, also for those
// that came while no orchestrator ran. An event that can start none is dropped,
// with a line in the log.
func (o *Orchestrator) followStream(ctx context.Context, def *saga.Definition) error {
	consumer, err := o.js.CreateOrUpdateConsumer(ctx, def.StartOn.Stream, jetstream.ConsumerConfig{
		Durable: "amends-" + def.Name, FilterSubject: def.StartOn.Subject, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: dueAckWait, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("following the events of %s: %w", def.Name, err)
	}
	o.task(func(ctx context.Context) {
		for ctx.Err() == nil {
			if err := o.takeEvents(ctx, def, consumer); err != nil && ctx.Err() == nil {
				o.log.Warn().Err(err).Str("definition", def.Name).Msg("cannot pull events; trying again")
				pauseFor(ctx, pause)
			}
		}
	})
	return nil
}

func (o *Orchestrator) takeEvents(ctx context.Context, def *saga.Definition, from jetstream.Consumer) error {
	batch, done, err := o.fetch(ctx, from, pullBatch)
	if err != nil {
		return err
	}
	defer done()
	for m := range batch.Messages() {
		o.requests.run(func() { o.takeEvent(def, m) })
	}
	return ended(batch.Error())
}

func (o *Orchestrator) takeEvent(def *saga.Definition, m jetstream.Msg) {
	_, err := o.startByEvent(def, m.Data(), m.Headers().Get(traceHeader))
	_, refused := errors.AsType[*protocol.Error](err)
	switch {
	case err == nil:
		err = m.Ack()
	case refused && protocol.AsError(err).Code != protocol.CodeUnavailable:
		o.log.Error().Err(err).Str("definition", def.Name).Str("subject", m.Subject()).Str("saga_id", namedBy(def, m.Data())).Msg("an event starts no saga; dropping it")
		err = m.TermWithReason("starts no saga")
	default:
		o.log.Warn().Err(err).Str("definition", def.Name).Str("saga_id", namedBy(def, m.Data())).Msg("an event cannot start its saga yet")
		err = m.NakWithDelay(dueRetry)
	}
	if err != nil {
		o.log.Debug().Err(err).Msg("an event comes again")
	}
}
