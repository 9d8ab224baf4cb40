package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// judges is how many suspects are looked at side by side: enough to keep
	// the leaders busy, few enough to leave them to their work.
	judges = 16
	// maxSnapshots bounds how often a saga is looked at that moves all the time.
	maxSnapshots = 50
	// snapshotPause is the wait before it is looked at again.
	snapshotPause = 20 * time.Millisecond
)

// judgeAll looks at every suspect again.
func (a *auditor) judgeAll(ctx context.Context) error {
	return each(ctx, slices.Sorted(maps.Keys(a.suspects)), func(ctx context.Context, id string) error {
		if err := a.judge(ctx, id, a.suspects[id]); err != nil {
			return fmt.Errorf("auditing saga %s: %w", id, err)
		}
		return nil
	})
}

// each does something for every key, several at a time, and stops at the first
// error.
func each(ctx context.Context, keys []string, do func(context.Context, string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo := make(chan string)
	var working sync.WaitGroup
	for range judges {
		working.Go(func() {
			for key := range todo {
				if err := do(ctx, key); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, key := range keys {
		select {
		case todo <- key:
		case <-ctx.Done():
		}
	}
	close(todo)
	working.Wait()
	return context.Cause(ctx)
}

// judge looks at one saga until it stands still, and judges it.
func (a *auditor) judge(ctx context.Context, id string, places []Place) error {
	for range maxSnapshots {
		snap, err := a.look(ctx, id, places)
		if err != nil {
			return err
		}
		if snap.steady {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.tally.find(snap.findings(a.src.retention, a.tally)...)
			return nil
		}
		select {
		case <-time.After(snapshotPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.note("saga " + id + " moved all the time and could not be judged")
	return nil
}

// snapshot is a saga and all its effects at one moment.
type snapshot struct {
	id     string
	steady bool // the record did not change while the effects were read

	exists bool     // there is a record
	saga   *Saga    // nil if it cannot be followed
	fault  *Finding // why
	queued bool     // its start is in the inbox

	stored []Effect
	newest time.Time // when the latest of them was stored
}

// look reads a record, its effects, and the record again, from the leaders. The
// effects are read at the given places and where the journal asks for some.
func (a *auditor) look(ctx context.Context, id string, places []Place) (snapshot, error) {
	snap := snapshot{id: id}
	before, err := a.src.sagas.get(ctx, id)
	if err != nil {
		return snap, err
	}
	if before.Revision != 0 {
		snap.exists = true
		snap.saga, snap.fault = ReadRecord(id, before.Value, phaseOf(before), a.find)
	}
	if snap.saga != nil {
		places = union(places, snap.saga)
		if snap.queued, err = a.src.queued(ctx, id); err != nil {
			return snap, err
		}
	}
	for _, p := range places {
		if err := a.read(ctx, &snap, p); err != nil {
			return snap, err
		}
	}
	after, err := a.src.sagas.get(ctx, id)
	snap.steady = before.Revision == after.Revision
	return snap, err
}

// union adds the places where the journal asks for an effect.
func union(places []Place, s *Saga) []Place {
	places = slices.Clip(places)
	for _, step := range s.Steps {
		if step.Asked != nil && !slices.Contains(places, step.Asked.Place()) {
			places = append(places, step.Asked.Place())
		}
	}
	return places
}

// read reads the effect at a place into the snapshot.
func (a *auditor) read(ctx context.Context, snap *snapshot, p Place) error {
	_, key, _ := strings.Cut(keyOf(snap.id, p), " ")
	entry, err := a.src.stores[p.Bucket].get(ctx, key)
	if err != nil || entry.Revision == 0 {
		return err
	}
	if entry.Stored.After(snap.newest) {
		snap.newest = entry.Stored
	}
	if _, e := ReadEffect(p.Bucket, key, entry.Value); e != nil {
		snap.stored = append(snap.stored, e)
	}
	return nil
}

// findings judges the snapshot, and counts the saga.
func (s *snapshot) findings(retention time.Duration, t *tally) []Finding {
	switch {
	case s.exists && s.saga != nil:
		t.count(s.saga)
		return append(Check(s.saga, s.stored), CheckQueued(s.saga, s.queued)...)
	case s.exists:
		t.count(nil)
		return append(CheckAlone(s.id, s.stored), *s.fault)
	case isExpired(t.report.StartedAt.Sub(s.newest), retention):
		t.report.Effects.Expired += len(s.stored)
		return CheckAlone(s.id, s.stored)
	}
	return CheckOrphan(s.id, s.stored)
}

// isExpired tells whether the record of a saga may be gone by now, whose latest
// effect is that old. A record lives from the end of its saga, which comes after
// the last effect. The margin is for clocks that differ, and for a time to live
// that counts whole seconds.
func isExpired(age, retention time.Duration) bool {
	return retention > 0 && age > retention-retention/100-time.Second
}
