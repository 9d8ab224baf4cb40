package orchestrator

import (
	"context"
	"errors"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// maxClaims is how many owners may take a saga over, one after the other,
// without any event in between. After that it is quarantined: it may be what
// kills them.
const maxClaims = 10

// pause is how long an instance waits before it reads again after a write whose
// outcome is unknown, or which JetStream would not take.
const pause = 200 * time.Millisecond

// journalEvent writes the record with one more event. Clients are written down
// when the saga may leave this process before it ends.
func (i *instance) journalEvent(e saga.Event, state saga.State) bool {
	def := i.def
	if e.Type == saga.Migrated {
		def = e.Definition
	}
	r, err := i.record.Append(&e, state.Phase)
	if err != nil {
		// Only a field that is not JSON can do this, and all were parsed before.
		panic(err)
	}
	r.Clients = nil
	if state.Phase.Live() && state.Idle(e.At) {
		r.Clients = i.clients
	}
	i.write = &write{record: r, state: state, def: def, event: &e}
	return i.submit()
}

// claim takes a saga over from the owner that its record names: one more epoch,
// before anything is done (the fence).
func (i *instance) claim(j *journal.Saga) bool {
	i.accept(j)
	i.record.Owner, i.record.Epoch = i.o.cfg.Name, j.Epoch+1
	// A saga that only waits has not killed its owner.
	if !j.State.Idle(i.o.now()) {
		i.record.Claims++
	}
	if i.record.Claims > maxClaims || i.o.panics(i.id) >= maxPanics {
		return i.handle(saga.Event{Type: saga.Quarantined, At: i.o.now(), Message: "no owner survived it"})
	}
	i.write = &write{record: i.record, state: i.state, def: i.def}
	return i.submit()
}

// accept makes what was read the current state.
func (i *instance) accept(j *journal.Saga) {
	i.def, i.state, i.record, i.revision = j.Def, j.State, j.Record, j.Revision
}

func (i *instance) submit() bool {
	i.token++
	token := i.token
	i.storing = token
	replaced := i.revision
	if replaced == 0 {
		replaced = i.mark
	}
	i.o.records.submit(i.write, replaced, func(revision uint64, err error) {
		i.ref.Tell(stored{token, revision, err})
	})
	return true
}

func (i *instance) onStored(m stored) bool {
	switch {
	case m.err == nil:
		return i.commit(m.revision, i.o.now())
	case errors.Is(m.err, store.ErrConflict):
		return i.load()
	case errors.Is(m.err, store.ErrTooLarge):
		return i.outgrown()
	}
	i.log().Warn().Err(m.err).Int("events", len(i.write.record.Events)).Msg("journal write not acknowledged; reading back")
	return i.loadLater()
}

// outgrown parks a saga whose next event makes its record larger than the server
// takes. The event is left out; what the journal has, it keeps.
func (i *instance) outgrown() bool {
	i.log().Error().Int("bytes", len(i.write.record.Encode())).Msg("the record of the saga has outgrown the server's limit")
	i.write, i.backlog, i.storing = nil, nil, 0
	if i.revision == 0 {
		return i.refuse(&protocol.Error{Code: protocol.CodeTooLarge, Message: "the checkout is too large for the journal"})
	}
	return i.handle(saga.Event{Type: saga.Quarantined, At: i.o.now(), Message: "its record has outgrown the limit of the server"})
}

// commit makes the written record the current one, and acts.
func (i *instance) commit(revision uint64, at saga.Instant) bool {
	w := i.write
	before := i.state
	i.write, i.storing = nil, 0
	i.def, i.state, i.record, i.revision = w.def, w.state, w.record, revision
	if w.event != nil {
		i.record.Persisted = append(i.record.Persisted[:len(i.record.Persisted):len(i.record.Persisted)], at)
		i.o.announce(i.id, i.def, w.event, &i.record)
		i.o.noteIncidents(i.id, i.def, &before, &i.state)
	}
	return i.goOn()
}

// goOn handles what arrived while the record was read or written, and then does
// what the state wants.
func (i *instance) goOn() bool {
	i.armDeadline()
	backlog := i.backlog
	i.backlog = nil
	for _, e := range backlog {
		if !i.handle(e) {
			return false
		}
	}
	switch {
	case i.isBusy():
		return true
	case len(i.nudges) > 0:
		return i.load()
	}
	return i.perform()
}

// load reads the record back from the leader.
func (i *instance) load() bool {
	i.token++
	token := i.token
	i.storing = token
	i.hearing, i.nudges = append(i.hearing, i.nudges...), nil
	go func() {
		j, mark, err := i.o.records.load(context.Background(), i.id)
		i.ref.Tell(loaded{token: token, saga: j, mark: mark, err: err})
	}()
	return true
}

// loadLater reads the record back after a pause.
func (i *instance) loadLater() bool {
	i.token++
	token := i.token
	i.storing = token
	time.AfterFunc(pause, func() { i.ref.Tell(retried{token}) })
	return true
}
