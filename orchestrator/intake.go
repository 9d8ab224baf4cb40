package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
)

// DefaultWait is how long checkout.start waits for the end of a saga before it
// answers checkout_accepted: shorter than the five seconds after which the nats
// command gives up (X7).
const DefaultWait = 4 * time.Second

// handleStart takes a checkout in: from the moment the inbox has it, it will
// end, whatever becomes of the client or of this process.
func (o *Orchestrator) handleStart(r micro.Request) {
	e, wait, err := o.readStart(r)
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	body, err := json.Marshal(e)
	if err != nil {
		o.respondError(r.Reply(), fmt.Errorf("encoding an inbox message: %w", err))
		return
	}
	id, err := protocol.ParseSagaID(e.Start.SagaID)
	if err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	if e.Client.Reply != "" {
		o.waiters.expect(waiter{id.String(), e.Client.Reply})
	}
	message := &nats.Msg{Subject: protocol.SubjectInboxStart(id), Data: body, Header: nats.Header{}}
	o.cfg.Writer.Publish(message, func(_ jetstream.PubAck, err error) {
		if err != nil {
			o.waiters.done(waiter{id.String(), e.Client.Reply})
			go o.onNotQueued(r, id, e, wait, err)
			return
		}
		// Nobody is told "accepted" before the inbox has it (I8).
		o.waiters.start(waiter{id.String(), e.Client.Reply}, wait, func() { o.answerLate(id, e.Client) })
	})
}

// maxTraceParent bounds what is taken for the W3C trace context of a request, in
// bytes; it has 55.
const maxTraceParent = 64

// errReply refuses a request whose answer would not reach a client. The refusal
// itself is not sent there, either.
var errReply = &protocol.Error{Code: protocol.CodeInvalidField, Message: "the reply subject is not one on which a client may wait"}

// readStart decodes, checks and prices a request.
func (o *Orchestrator) readStart(r micro.Request) (entry, time.Duration, error) {
	var request protocol.StartRequest
	if !protocol.IsReplySubject(r.Reply()) {
		return entry{}, 0, errReply
	}
	unknown, err := protocol.Decode(r.Data(), &request)
	if err != nil {
		return entry{}, 0, err
	}
	if err := request.Validate(); err != nil {
		return entry{}, 0, err
	}
	start, err := o.startOf(&request)
	if err != nil {
		return entry{}, 0, err
	}
	if parent := r.Headers().Get("traceparent"); len(parent) <= maxTraceParent {
		start.TraceParent = parent
	}
	wait := DefaultWait
	if request.WaitMS != nil {
		wait = time.Duration(*request.WaitMS) * time.Millisecond
	}
	c := client{Reply: r.Reply(), MsgID: request.MsgID, Warnings: warnings(unknown)}
	return entry{Start: start, At: o.now(), Client: c}, wait, nil
}

func warnings(unknown []string) []string {
	for n, name := range unknown {
		unknown[n] = "unknown field ignored: " + name
	}
	return unknown
}

// startOf makes the start of a saga from a request: the definition is pinned and
// the price is fixed now, so that a replay asks nobody.
func (o *Orchestrator) startOf(request *protocol.StartRequest) (saga.Start, error) {
	name := request.Definition
	if name == "" {
		name = "checkout"
	}
	def := o.cfg.Definitions[name]
	if def == nil {
		return saga.Start{}, &protocol.Error{Code: protocol.CodeDefinitionUnknown, Field: "definition", Message: "is not the name of a definition here"}
	}
	if request.SagaID == "" {
		request.SagaID = nuid.Next()
	}
	fields, err := requestFields(request)
	if err != nil {
		return saga.Start{}, err
	}
	hash := hashOf(name, fields)
	total, priced, err := o.prices.total(request.Items)
	if err != nil {
		return saga.Start{}, priceError(err)
	}
	if priced {
		fields["amount"] = json.RawMessage(total.Decimal())
		fields["currency"] = json.RawMessage(`"` + total.Currency + `"`)
	}
	return saga.Start{
		SagaID: request.SagaID, OrderID: orderID(request.SagaID), Definition: name, DefinitionHash: o.hashes[name],
		Request: fields, RequestHash: hash,
	}, nil
}

// priceError tells a client why its order has no total.
func priceError(err error) error {
	switch {
	case errors.Is(err, protocol.ErrAmountOverflow):
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "items", Message: "cost more than can be written down"}
	case errors.Is(err, protocol.ErrCurrencyMismatch):
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "items", Message: "are priced in different currencies; order them apart"}
	}
	return err
}

// requestFields are the fields of the request that steps may send on.
func requestFields(request *protocol.StartRequest) (map[string]json.RawMessage, error) {
	fields := make(map[string]json.RawMessage, 5)
	for name, value := range map[string]any{
		"user_id": request.UserID, "items": request.Items, "shipping_address": request.ShippingAddress,
	} {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", name, err)
		}
		fields[name] = raw
	}
	return fields, nil
}

// hashOf tells a repeated request from another one of the same saga_id (A7). The
// price is not part of it: the client did not say it.
func hashOf(definition string, fields map[string]json.RawMessage) string {
	h := sha256.New()
	for _, name := range []string{"user_id", "items", "shipping_address"} {
		h.Write(fields[name])
		h.Write([]byte{0})
	}
	h.Write([]byte(definition))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// orderID is made from the saga id, so that it is the same whoever makes it.
func orderID(sagaID string) string {
	sum := sha256.Sum256([]byte("order of " + sagaID))
	return "o" + hex.EncodeToString(sum[:8])
}

// onNotQueued handles a start that the inbox did not take.
func (o *Orchestrator) onNotQueued(r micro.Request, id protocol.SagaID, e entry, wait time.Duration, cause error) {
	switch {
	case store.IsSubjectTaken(cause), errors.Is(cause, store.ErrUnknown):
		// The saga is in the inbox already, or may be: this is a repetition.
		o.await(r, id, e, wait)
	case store.IsFull(cause):
		o.respondError(r.Reply(), &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many checkouts wait already; try again with the same saga_id"})
	default:
		o.log.Error().Err(cause).Str("saga_id", id.String()).Msg("the inbox does not take starts")
		o.respondError(r.Reply(), &protocol.Error{Code: protocol.CodeUnavailable, Message: "the checkout was not taken; try again with the same saga_id"})
	}
}

// answerLate tells a client, whose time to wait is over, that the saga is still
// running; or how it ended, if its owner was another process whose answer the
// client may have missed.
func (o *Orchestrator) answerLate(id protocol.SagaID, c client) {
	j, _, err := o.journal.load(context.Background(), id)
	switch {
	case err == nil:
		o.reply(c, outcomeOf(&j.State))
	case errors.Is(err, store.ErrNotFound):
		o.reply(c, accepted(id))
	default:
		o.log.Warn().Err(err).Str("saga_id", id.String()).Msg("cannot look a saga up for its client")
		o.reply(c, accepted(id))
	}
}

// accepted says that a start is in the inbox and has no owner yet.
func accepted(id protocol.SagaID) protocol.Outcome {
	return protocol.Outcome{Type: protocol.TypeCheckoutAccepted, SagaID: id.String(), Status: "PENDING"}
}
