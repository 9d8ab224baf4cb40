package audit

import (
	"context"
	"errors"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// snapshot is a saga and all that is stored of it at one moment.
type snapshot struct {
	id     string
	steady bool // the record did not change while the rest was read

	exists  bool     // there is a record
	saga    *Saga    // nil if it cannot be followed
	fault   *Finding // why
	watched Watched
	stored  []Effect
	outlet  *outlet // nil if domain events are not looked at

	revision uint64 // of the record

	expired bool // there is no record, and may be none any more
}

// look reads a record, its effects, what was told of it, and the record again,
// from the leaders.
func (a *auditor) look(ctx context.Context, id string) (*snapshot, error) {
	snap := &snapshot{id: id}
	before, err := a.src.get(ctx, a.src.sagas, id)
	if err != nil {
		return snap, err
	}
	if before.Revision != 0 {
		snap.exists, snap.revision = true, before.Revision
		snap.saga, snap.fault = ReadRecord(id, before.Value, before.Header, a.terms)
	}
	if snap.saga != nil {
		if err := a.lookAround(ctx, snap); err != nil {
			return snap, err
		}
	}
	newest, err := a.lookAtEffects(ctx, snap)
	if err != nil {
		return snap, err
	}
	if a.src.orders.exists && snap.fault == nil {
		snap.outlet, err = a.lookAtOrder(ctx, snap, before)
		if isPassing(err) {
			return snap, nil // it is no snapshot: look again
		}
		if err != nil {
			return snap, err
		}
		newest = later(newest, snap.outlet.newest)
	}
	snap.expired = !snap.exists && a.src.retentions.isExpired(newest, time.Now())
	after, err := a.src.get(ctx, a.src.sagas, id)
	snap.steady = before.Revision == after.Revision
	return snap, err
}

// isPassing tells an error after which reading again is likely to do.
func isPassing(err error) bool {
	return errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, nats.ErrTimeout)
}

// lookAround sees who looks after a saga.
func (a *auditor) lookAround(ctx context.Context, snap *snapshot) (err error) {
	snap.watched = Watched{Now: time.Now()}
	if snap.saga.Phase.Live() {
		if snap.watched.Queued, err = a.src.queued(ctx, snap.id); err != nil {
			return err
		}
	}
	if snap.saga.Incident != "" || snap.saga.overdue(snap.watched.Now) {
		shown, err := a.src.get(ctx, a.src.incidents, snap.id)
		snap.watched.Shown = shown.Revision != 0
		return err
	}
	return nil
}

// lookAtEffects reads all that the participants have stored of a saga, whether
// its journal asked for it or not, and says when the latest of it was stored.
func (a *auditor) lookAtEffects(ctx context.Context, snap *snapshot) (newest time.Time, err error) {
	for _, bucket := range stores {
		st, pattern := a.src.stores[bucket], snap.id+".*"
		if bucket == protocol.BucketInventory {
			pattern = reservationPrefix + pattern
		}
		keys, err := st.keys(ctx, a.src.js, pattern)
		if err != nil {
			return newest, err
		}
		for subject := range keys {
			key := strings.TrimPrefix(subject, st.prefix)
			entry, err := a.src.get(ctx, st, key)
			if err != nil {
				return newest, err
			}
			if entry.Revision == 0 {
				continue
			}
			if entry.Stored.After(newest) {
				newest = entry.Stored
			}
			_, effects := ReadEffects(bucket, key, entry.Value)
			snap.stored = append(snap.stored, effects...)
		}
	}
	return newest, nil
}

// findings judges the snapshot.
func (s *snapshot) findings() []Finding {
	var found []Finding
	switch {
	case s.saga != nil:
		found = append(Check(s.saga, s.stored), CheckWatched(s.saga, s.watched)...)
	case s.exists:
		found = append(CheckAlone(s.id, s.stored), *s.fault)
	case s.expired:
		return CheckAlone(s.id, s.stored)
	default:
		found = CheckOrphan(s.id, s.stored)
	}
	if s.outlet != nil {
		found = append(found, s.outlet.check(s.id, s.saga)...)
	}
	return found
}
