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

const (
	// reconcileEvery is how often open sagas without an owner are looked for.
	reconcileEvery = time.Minute
	// reconcileShare keeps the search from taking more than a small part of the
	// time, however many records there are.
	reconcileShare = 50
)

// reconcile puts sagas back into the inbox that are open, are not in the inbox
// and have not moved for a while. That cannot happen by any fault of ours that
// is known: the work queue could lose a message, or a person could purge it.
func (o *Orchestrator) reconcile(ctx context.Context) {
	wait := reconcileEvery
	for {
		pauseFor(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		begin := time.Now()
		if err := o.reconcileOnce(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn().Err(err).Msg("cannot look for forgotten sagas; trying again later")
		}
		wait = max(reconcileEvery, reconcileShare*time.Since(begin))
	}
}

func (o *Orchestrator) reconcileOnce(ctx context.Context) error {
	var idle []string
	before := o.cfg.Now().Add(-reconcileEvery)
	err := o.journal.bucket.Scan(ctx, ">", true, func(f store.Followed) {
		if s := summaryOf(f); !f.Deleted && s.phase.Live() && s.updated.Before(before) {
			idle = append(idle, s.id)
		}
	})
	if err != nil {
		return err
	}
	for _, text := range idle {
		id, err := protocol.ParseSagaID(text)
		if err != nil {
			continue
		}
		if err := o.revive(ctx, id); err != nil {
			o.log.Warn().Err(err).Str("saga_id", text).Msg("cannot revive an open saga; trying again later")
		}
	}
	return nil
}

// revive puts one saga back into the inbox, unless it is there.
func (o *Orchestrator) revive(ctx context.Context, id protocol.SagaID) error {
	_, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInboxStart(id))
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	j, _, err := o.journal.load(ctx, id)
	if err != nil || !j.State.Phase.Live() {
		return nil
	}
	body, err := json.Marshal(entry{Start: *j.State.Start, At: saga.Instant(j.State.Began)})
	if err != nil {
		return err
	}
	_, err = o.cfg.Writer.PublishWait(ctx, &nats.Msg{Subject: protocol.SubjectInboxStart(id), Data: body, Header: nats.Header{}})
	if err == nil {
		o.log.Warn().Str("saga_id", id.String()).Msg("an open saga was in nobody's hands; put it back into the inbox")
	}
	return err
}
