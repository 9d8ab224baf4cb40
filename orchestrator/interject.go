package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// What people want of a saga, and the results that come later, are written into
// its journal by whoever receives them, owner or not. Compare-and-set makes that
// safe: nobody can append to what he has not read. So the answer is exact, and
// what was answered can not be lost. The owner notices by the conflict of its
// next write at the latest, and is nudged before.

// interjectAttempts bounds how often an append is tried against others.
const interjectAttempts = 20

// errStale says that an event changes nothing where the saga stands.
var errStale = errors.New("the event changes nothing")

// interject appends an event to the journal of a saga. event makes it from what
// the journal says; its error ends the attempt. The error is errStale if the
// event does not apply; then the saga is returned as it is.
func (o *Orchestrator) interject(ctx context.Context, id protocol.SagaID, event func(*journal.Saga) (saga.Event, error)) (*journal.Saga, error) {
	for range interjectAttempts {
		j, mark, err := o.read(ctx, id)
		if err != nil {
			return nil, err
		}
		e, err := event(j)
		if err != nil {
			return j, err
		}
		e.At = max(o.now(), j.State.Last)
		state, _ := saga.Next(j.Def, j.State, e)
		if state.Seq == j.State.Seq {
			return j, errStale
		}
		after, err := o.appendTo(ctx, id, j, &e, state, max(j.Revision, mark))
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return after, err
	}
	return nil, &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many others are changing this saga; try again"}
}

// appendTo writes one more event, and has whoever must know it know it.
func (o *Orchestrator) appendTo(ctx context.Context, id protocol.SagaID, j *journal.Saga, e *saga.Event, state saga.State, revision uint64) (*journal.Saga, error) {
	r, err := j.Append(e, state.Phase)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	after := *j
	after.Record, after.State = r, state
	if e.Type == saga.Migrated {
		after.Def = e.Definition
	}
	after.Revision, err = o.records.put(ctx, &write{record: r, state: state, def: after.Def, event: e}, revision)
	if errors.Is(err, store.ErrUnknown) {
		err = o.settleUnknown(ctx, id, &after)
	}
	if err != nil {
		return nil, err
	}
	o.announce(id, after.Def, e, &after.Record)
	if state.Phase == saga.Stuck {
		o.showIncidents(id, after.Def, &state, func() {})
	}
	o.noteIncidents(id, after.Def, &j.State, &state)
	// Also when the saga has ended now: its owner must send nothing more, its
	// clients be told, and its timer dropped.
	if j.State.Phase.Live() || state.Phase.Live() {
		o.wakes.run(func() { o.wakeUp(id) })
	}
	return &after, nil
}

// settleUnknown finds out whether a write whose acknowledgement was lost is
// there; a conflict has it tried again.
func (o *Orchestrator) settleUnknown(ctx context.Context, id protocol.SagaID, wanted *journal.Saga) error {
	j, _, err := o.records.load(ctx, id)
	n := len(wanted.Events)
	switch {
	case err != nil:
		return err
	case len(j.Events) >= n && bytes.Equal(j.Events[n-1], wanted.Events[n-1]):
		wanted.Revision = j.Revision
		return nil
	}
	return store.ErrConflict
}

// read loads a saga. One that waits in the inbox for its first owner is made
// from there, as that owner would begin it.
func (o *Orchestrator) read(ctx context.Context, id protocol.SagaID) (*journal.Saga, uint64, error) {
	j, mark, err := o.records.load(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return j, mark, err
	}
	queued, err := store.LastOn(ctx, o.cfg.Conn, protocol.StreamInbox, protocol.SubjectInbox(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, errNoSaga
	}
	if err != nil {
		return nil, 0, err
	}
	var e entry
	if err := json.Unmarshal(queued.Value, &e); err != nil || e.Start == nil {
		return nil, 0, errNoSaga
	}
	j, err = o.unbegun(ctx, &e)
	return j, mark, err
}

// errNoSaga says that there is no saga of an id.
var errNoSaga = &protocol.Error{Code: protocol.CodeSagaNotFound, Field: "saga_id", Message: "is the id of no saga here"}

// unbegun is the journal that the first owner of a start would write first.
func (o *Orchestrator) unbegun(ctx context.Context, e *entry) (*journal.Saga, error) {
	def, err := o.records.definitions.fetch(ctx, e.Start.Definition, e.Start.DefinitionHash)
	if err != nil {
		return nil, err
	}
	begin := saga.Event{Type: saga.Started, At: e.At, Start: e.Start}
	state, _ := saga.Next(def, saga.State{}, begin)
	r, err := journal.Record{SagaID: e.Start.SagaID, Definition: def.Name}.Append(&begin, state.Phase)
	if err != nil {
		return nil, fmt.Errorf("encoding a start: %w", err)
	}
	r.Persisted = []saga.Instant{o.now()}
	return &journal.Saga{Record: r, Sequence: []saga.Event{begin}, State: state, Def: def}, nil
}
