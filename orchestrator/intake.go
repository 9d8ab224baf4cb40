package orchestrator

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/journal"
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
	if err != nil && e.Start != nil {
		o.requests.run(func() { o.repeatOrRefuse(e, wait, err) })
		return
	}
	if err != nil {
		o.refuse(e.Client, err)
		return
	}
	body, err := json.Marshal(e)
	if err != nil {
		o.refuse(e.Client, fmt.Errorf("encoding an inbox message: %w", err))
		return
	}
	id, err := protocol.ParseSagaID(e.Start.SagaID)
	if err != nil {
		o.refuse(e.Client, err)
		return
	}
	if e.Client.Reply != "" {
		o.waiters.expect(waiter{id.String(), e.Client.Reply})
	}
	message := &nats.Msg{Subject: protocol.SubjectInbox(id), Data: body, Header: nats.Header{}}
	o.cfg.Writer.Publish(message, func(_ jetstream.PubAck, err error) {
		if err != nil {
			o.waiters.done(waiter{id.String(), e.Client.Reply})
			// The goroutine of the writer must not wait for a slot.
			go o.requests.run(func() { o.onNotQueued(id, e, wait, err) })
			return
		}
		// Nobody is told "accepted" before the inbox has it (I8).
		o.waiters.start(waiter{id.String(), e.Client.Reply}, wait, func() { o.answerLate(id, &e) })
	})
}

// maxTraceParent bounds what is taken for the W3C trace context of a request, in
// bytes; it has 55.
const maxTraceParent = 64

// errReply refuses a request whose answer would not reach a client. The refusal
// itself is not sent there, either.
var errReply = &protocol.Error{Code: protocol.CodeInvalidField, Message: "the reply subject is not one on which a client may wait"}

// readStart decodes, checks and prices a request, in an envelope or bare (A4). With
// an error about the price alone, the entry is whole but for it; with any other it
// only says who has asked.
func (o *Orchestrator) readStart(r micro.Request) (entry, time.Duration, error) {
	if !protocol.IsReplySubject(r.Reply()) {
		return entry{}, 0, errReply
	}
	asked := journal.Client{Reply: r.Reply()}
	envelope, body, err := protocol.Unwrap(r.Data())
	if err != nil {
		return entry{Client: asked}, 0, err
	}
	if envelope != nil {
		asked.Envelope = &protocol.Envelope{Src: envelope.Src, Dest: envelope.Dest}
	}
	e, wait, err := o.readRequest(body, r.Headers().Get(traceHeader))
	e.Client.Reply, e.Client.Envelope = asked.Reply, asked.Envelope
	return e, wait, err
}

func (o *Orchestrator) readRequest(data []byte, traceParent string) (entry, time.Duration, error) {
	var request protocol.StartRequest
	unknown, err := protocol.Decode(data, &request)
	if err != nil {
		return entry{}, 0, err
	}
	if err := request.ValidateEnvelope(); err != nil {
		return entry{}, 0, err
	}
	name := cmp.Or(request.Definition, "checkout")
	def := o.cfg.Definitions[name]
	if def == nil {
		return entry{}, 0, &protocol.Error{Code: protocol.CodeDefinitionUnknown, Field: "definition", Message: "is not the name of a definition here"}
	}
	fields, err := inputsOf(def, &request, data)
	if err != nil {
		return entry{}, 0, err
	}
	start, refusal := o.startOf(def, &request, fields)
	if len(traceParent) <= maxTraceParent {
		start.TraceParent = traceParent
	}
	wait := DefaultWait
	if request.WaitMS != nil {
		wait = time.Duration(*request.WaitMS) * time.Millisecond
	}
	c := journal.Client{MsgID: request.MsgID, Warnings: warnings(def, &request, unknown)}
	return entry{Start: &start, At: o.now(), Client: c}, wait, refusal
}

// warnings tell a client what of its request counts for nothing.
func warnings(def *saga.Definition, request *protocol.StartRequest, unknown []string) (told []string) {
	for _, name := range unasked(def, unknown) {
		told = append(told, "unknown field ignored: "+name)
	}
	if request.Amount != "" && def.Pricing == saga.CatalogPrice {
		told = append(told, "amount ignored: the prices are those of the catalogue")
	}
	return told
}

// repeatOrRefuse answers a start that cannot be priced now. It may be one that was
// taken before, at the prices of that time: then it is the same saga (A7).
func (o *Orchestrator) repeatOrRefuse(e entry, wait time.Duration, refusal error) {
	id, err := protocol.ParseSagaID(e.Start.SagaID)
	if err == nil {
		_, _, err = o.lookUp(id, e.Start.RequestHash, true)
	}
	if err != nil {
		o.refuse(e.Client, refusal)
		return
	}
	o.await(id, e, wait)
}

// startOf makes the start of a saga from a request: the definition is pinned and
// the price is fixed now, so that a replay asks nobody.
func (o *Orchestrator) startOf(def *saga.Definition, request *protocol.StartRequest, fields map[string]json.RawMessage) (saga.Start, error) {
	id := cmp.Or(request.SagaID, nuid.Next())
	hash := hashOf(def, request, fields)
	start := saga.Start{
		SagaID: id, OrderID: orderID(id), Definition: def.Name, DefinitionHash: o.hashes[def.Name],
		Request: fields, RequestHash: hash,
	}
	if def.HasCallbacks() {
		start.Secret, start.Callbacks = rand.Text(), protocol.SubjectCallbacksOf(id)
	}
	return start, o.price(def.Pricing, request, fields)
}

// orderID is made from the saga id, so that it is the same whoever makes it.
func orderID(sagaID string) string {
	sum := sha256.Sum256([]byte("order of " + sagaID))
	return "o" + hex.EncodeToString(sum[:8])
}

// onNotQueued handles a start that the inbox did not take.
func (o *Orchestrator) onNotQueued(id protocol.SagaID, e entry, wait time.Duration, cause error) {
	switch {
	case store.IsSubjectTaken(cause), errors.Is(cause, store.ErrUnknown):
		// The saga is in the inbox already, or may be: this is a repetition.
		o.await(id, e, wait)
	case store.IsFull(cause):
		o.refuse(e.Client, &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many checkouts wait already; try again with the same saga_id"})
	default:
		o.log.Error().Err(cause).Str("saga_id", id.String()).Msg("the inbox does not take starts")
		o.refuse(e.Client, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the checkout was not taken; try again with the same saga_id"})
	}
}

// answerLate tells a client, whose time to wait is over, that the saga is still
// running; or how it ended, if its owner was another process whose answer the
// client may have missed.
func (o *Orchestrator) answerLate(id protocol.SagaID, e *entry) {
	outcome, _, err := o.lookUp(id, e.Start.RequestHash, true)
	switch {
	case err == nil:
		o.reply(e.Client, outcome)
	case errors.Is(err, errConflict()):
		o.refuse(e.Client, err)
	default:
		o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("cannot look a saga up for its client")
		o.reply(e.Client, accepted(id))
	}
}

// accepted says that a start is in the inbox and has no owner yet.
func accepted(id protocol.SagaID) protocol.Outcome {
	return protocol.Outcome{Type: protocol.TypeCheckoutAccepted, SagaID: id.String(), Status: protocol.StatusPending}
}
