package orchestrator

import (
	"context"
	"errors"
	"time"

	"amends/protocol"
	"amends/store"
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
	err := o.records.bucket.Scan(ctx, ">", true, func(f store.Followed) {
		if s := summaryOf(f); !f.Deleted && s.isForgotten(before) {
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
	return o.tidyIncidents(ctx)
}

// isForgotten reports whether a saga should have moved since an instant, and has
// not.
func (s *summary) isForgotten(before time.Time) bool {
	return s.phase.Live() && s.updated.Before(before) && s.wake < Instant(before)
}

// revive puts one saga back into the inbox, unless it is there, or has a timer:
// one that waits for a worker writes down nothing each time it looks for one.
func (o *Orchestrator) revive(ctx context.Context, id protocol.SagaID) error {
	for subject, stream := range map[string]string{
		protocol.SubjectInbox(id): protocol.StreamInbox, protocol.SubjectTimer(id): protocol.StreamTimers,
		protocol.SubjectTimerDue(id): protocol.StreamTimers,
	} {
		if _, err := store.LastOn(ctx, o.cfg.Conn, stream, subject); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	j, _, err := o.records.load(ctx, id)
	if err != nil || !j.State.Phase.Live() {
		return nil
	}
	_, err = o.cfg.Writer.PublishWait(ctx, wakeMessage(id))
	if err == nil {
		o.log.Warn().Str("saga_id", id.String()).Msg("an open saga was in nobody's hands; put it back into the inbox")
	}
	return err
}
