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
)

// await answers a repeated start: the same saga_id with the same content is the
// same saga, whichever replica has it; with other content it is a conflict.
func (o *Orchestrator) await(id protocol.SagaID, e entry, wait time.Duration) {
	outcome, err := o.whenSettled(o.background, id, wait, func() (protocol.Outcome, bool, error) {
		return o.lookUp(id, e.Start.RequestHash, true)
	})
	if err != nil {
		o.refuse(e.Client, err)
		return
	}
	o.reply(e.Client, outcome)
}

// settledOutcome is the outcome of a saga once it has settled, or where it stands
// when the time to wait is over.
func (o *Orchestrator) settledOutcome(ctx context.Context, id protocol.SagaID, wait time.Duration) (protocol.Outcome, error) {
	return o.whenSettled(ctx, id, wait, func() (protocol.Outcome, bool, error) {
		j, _, err := o.records.load(context.Background(), id)
		if err != nil {
			return protocol.Outcome{}, false, err
		}
		return outcomeOf(&j.State), !j.State.Phase.Live(), nil
	})
}

// whenSettled watches the transitions of a saga and reads its record, in this
// order, so that it cannot miss the end. It runs in a slot for requests, which it
// gives back while it waits.
func (o *Orchestrator) whenSettled(ctx context.Context, id protocol.SagaID, wait time.Duration, lookUp func() (protocol.Outcome, bool, error)) (protocol.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	changes := make(chan *nats.Msg, 64)
	sub, err := o.cfg.Conn.ChanSubscribe(protocol.SubjectEvents(id), changes)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }()
		err = o.cfg.Conn.FlushWithContext(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return protocol.Outcome{}, &protocol.Error{Code: protocol.CodeUnavailable, Message: "cannot look the saga up now; try again with the same saga_id"}
	}
	for {
		outcome, settled, err := lookUp()
		if err != nil || settled || !o.requests.meanwhile(func() bool { return changed(ctx, changes) }) {
			return outcome, err
		}
	}
}

// lookAgain is how long a watcher trusts that it hears of every transition.
const lookAgain = 5 * time.Second

// changed waits until the saga may have ended, or the time is over.
func changed(ctx context.Context, changes <-chan *nats.Msg) bool {
	again := time.NewTimer(lookAgain) // a transition may have been missed
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
			return true
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
	j, _, err := o.records.load(context.Background(), id)
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
	queued, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInbox(id))
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
	if err := json.Unmarshal(queued.Value, &other); err != nil || other.Start == nil || other.Start.RequestHash != requestHash {
		return protocol.Outcome{}, false, errConflict()
	}
	return accepted(id), false, nil
}
