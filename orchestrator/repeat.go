package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// await answers a repeated start: the same saga_id with the same content is the
// same saga, whichever replica has it; with other content it is a conflict. It
// watches the transitions of the saga and reads its record, in this order, so
// that it cannot miss the end.
func (o *Orchestrator) await(r micro.Request, id protocol.SagaID, e entry, wait time.Duration) {
	ctx, cancel := context.WithTimeout(o.background, wait)
	defer cancel()
	changes := make(chan *nats.Msg, 64)
	sub, err := o.cfg.Conn.ChanSubscribe(protocol.SubjectEvents(id), changes)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }()
		err = o.cfg.Conn.FlushWithContext(ctx)
	}
	if err != nil && ctx.Err() == nil {
		o.respondError(r.Reply(), &protocol.Error{Code: protocol.CodeUnavailable, Message: "cannot look the checkout up; try again with the same saga_id"})
		return
	}
	for {
		outcome, settled, err := o.lookUp(id, e.Start.RequestHash, true)
		if err != nil {
			o.respondError(r.Reply(), err)
			return
		}
		if settled || !changed(ctx, changes) {
			o.reply(e.Client, outcome)
			return
		}
	}
}

// changed waits until the saga may have ended, or the time is over.
func changed(ctx context.Context, changes <-chan *nats.Msg) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case m := <-changes:
			var transition struct {
				Phase saga.Phase `json:"phase"`
			}
			if json.Unmarshal(m.Data, &transition) == nil && !transition.Phase.Live() {
				return true
			}
		}
	}
}

// lookUp says where a saga stands, for a client that sent a request of this
// hash.
func (o *Orchestrator) lookUp(id protocol.SagaID, requestHash string, again bool) (outcome protocol.Outcome, settled bool, err error) {
	j, _, err := o.journal.load(context.Background(), id)
	if errors.Is(err, store.ErrNotFound) {
		return o.lookUpQueued(id, requestHash, again)
	}
	if err != nil {
		return protocol.Outcome{}, false, err
	}
	if j.State.Start.RequestHash != requestHash {
		return protocol.Outcome{}, false, errConflict()
	}
	return outcomeOf(&j.State), !j.State.Phase.Live(), nil
}

// lookUpQueued looks for a saga that has no record yet in the inbox; again says
// whether to look for the record once more if it is not there.
func (o *Orchestrator) lookUpQueued(id protocol.SagaID, requestHash string, again bool) (protocol.Outcome, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	queued, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInboxStart(id))
	if errors.Is(err, store.ErrNotFound) && again {
		// Its owner took it between the two reads.
		return o.lookUp(id, requestHash, false)
	}
	if errors.Is(err, store.ErrNotFound) {
		return protocol.Outcome{}, false, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the checkout is not known; try again with the same saga_id"}
	}
	if err != nil {
		return protocol.Outcome{}, false, err
	}
	var other entry
	if err := json.Unmarshal(queued.Value, &other); err != nil || other.Start.RequestHash != requestHash {
		return protocol.Outcome{}, false, errConflict()
	}
	return accepted(id), false, nil
}
