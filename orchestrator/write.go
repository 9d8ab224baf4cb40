package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

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

// write is a new version of the record on its way to the journal, and what is
// to be done when it is there.
type write struct {
	record  record
	state   saga.State
	effects []saga.Effect
	event   *saga.Event     // nil for a claim
	sealed  json.RawMessage // the event, as the journal has it
}

// journalEvent writes the record with one more event.
func (i *instance) journalEvent(e saga.Event, state saga.State, effects []saga.Effect) bool {
	raw, tip, err := saga.Seal(state.Seq, i.record.Tip, &e)
	if err != nil {
		// Only a field that is not JSON can do this, and all were parsed before.
		panic(err)
	}
	r := i.record
	r.Events = append(slices.Clip(r.Events), raw)
	r.Phase, r.Tip, r.Claims = state.Phase, tip, 0
	i.write = &write{record: r, state: state, effects: effects, event: &e, sealed: raw}
	return i.submit()
}

// claim takes a saga over from the owner that its record names: one more epoch,
// before anything is done (the fence).
func (i *instance) claim(j *Journal) bool {
	i.def, i.state, i.record, i.revision = j.Def, j.State, j.record, j.Revision
	i.record.Owner, i.record.Epoch = i.o.cfg.Name, j.Epoch+1
	// A saga that only waits has not killed its owner.
	if !j.State.Absent && j.State.Due <= i.o.now() {
		i.record.Claims++
	}
	if panics := i.o.panics(i.id); i.record.Claims > maxClaims || panics >= maxPanics {
		return i.handle(saga.Event{Type: saga.Quarantined, At: i.o.now(), Message: "no owner survived it"})
	}
	i.write = &write{record: i.record, state: i.state, effects: i.state.Pending(i.o.now())}
	return i.submit()
}

func (i *instance) submit() bool {
	token := i.next()
	replaced := i.revision
	if replaced == 0 {
		replaced = i.mark
	}
	i.o.journal.append(&i.write.record, i.write.state.Began, replaced, func(revision uint64, err error) {
		i.ref.Tell(stored{token, revision, err})
	})
	return true
}

func (i *instance) onStored(m stored) bool {
	if m.err == nil {
		return i.commit(m.revision, i.o.now())
	}
	if errors.Is(m.err, store.ErrConflict) {
		return i.load()
	}
	if errors.Is(m.err, store.ErrTooLarge) {
		return i.outgrown()
	}
	i.log().Warn().Err(m.err).Int("events", len(i.write.record.Events)).Msg("journal write not acknowledged; reading back")
	i.next()
	i.wakeIn(pause)
	return true
}

// outgrown parks a saga whose next event makes its record larger than the server
// takes. The event is left out; what the journal has, it keeps.
func (i *instance) outgrown() bool {
	i.log().Error().Int("bytes", len(i.write.record.encode())).Msg("the record of the saga has outgrown the server's limit")
	i.write, i.backlog = nil, nil
	if i.revision == 0 {
		return i.refuse(&protocol.Error{Code: protocol.CodeTooLarge, Message: "the checkout is too large for the journal"})
	}
	return i.handle(saga.Event{Type: saga.Quarantined, At: i.o.now(), Message: "its record has outgrown the limit of the server"})
}

// commit makes the written record the current one, and acts.
func (i *instance) commit(revision uint64, at saga.Instant) bool {
	w := i.write
	first := i.state.Seq == 0 || w.event == nil
	i.write, i.state, i.record, i.revision = nil, w.state, w.record, revision
	if w.event != nil {
		i.record.Persisted = append(slices.Clip(i.record.Persisted), at)
		i.announce(w.event, w.sealed)
	}
	if first {
		i.armDeadline()
	}
	return i.perform(w.effects) && i.catchUp()
}

// catchUp handles the events that arrived while a write was in progress.
func (i *instance) catchUp() bool {
	backlog := i.backlog
	i.backlog = nil
	for _, e := range backlog {
		if !i.handle(e) {
			return false
		}
	}
	return true
}

// load reads the record back from the leader.
func (i *instance) load() bool {
	token := i.next()
	go func() {
		j, entry, err := i.o.journal.load(context.Background(), i.id)
		i.ref.Tell(loaded{token: token, journal: j, entry: entry, err: err})
	}()
	return true
}

func (i *instance) onLoaded(m loaded) bool {
	switch {
	case errors.Is(m.err, store.ErrNotFound):
		i.mark = m.entry.Revision
		return i.onNoRecord()
	case errors.Is(m.err, errNoDefinition):
		return i.pass(m.err)
	case isBroken(m.err):
		return i.refuse(m.err)
	case m.err != nil:
		i.log().Warn().Err(m.err).Msg("cannot read the record; trying again")
		i.wakeIn(pause)
		return true
	case i.write != nil && i.landed(m.journal):
		return i.commit(m.journal.Revision, Instant(m.entry.Stored))
	case i.revision != 0 && m.journal.Revision == i.revision:
		return i.submit()
	case i.revision != 0:
		return i.fenced(m.journal)
	}
	return i.resume(m.journal, Instant(m.entry.Stored))
}

// landed reports whether the record that was read is the one in progress: the
// write was stored, only its acknowledgement was lost.
func (i *instance) landed(j *Journal) bool {
	w := &i.write.record
	return j.Owner == w.Owner && j.Epoch == w.Epoch && j.Tip == w.Tip
}

// onNoRecord begins the saga, or repeats a beginning that was not stored. A
// record that was there and has vanished is not brought back: it has ended and
// its time to live is over, or somebody has deleted it.
func (i *instance) onNoRecord() bool {
	switch {
	case i.revision != 0:
		i.log().Error().Uint64("revision", i.revision).Msg("the record has vanished while the saga ran; leaving it alone")
		i.abandon()
		return false
	case i.write != nil:
		return i.submit()
	}
	return i.begin()
}

// resume goes on with a saga that has a record already: one that ended is only
// reported, one that runs is claimed.
func (i *instance) resume(j *Journal, storedAt saga.Instant) bool {
	i.write, i.backlog = nil, nil
	if len(j.Persisted) < len(j.Events) {
		j.Persisted = append(j.Persisted, storedAt)
	}
	if j.State.Start.RequestHash != i.held.Start.RequestHash {
		i.o.refuseConflict(i.clients)
		i.clients = nil
	}
	if !j.State.Phase.Live() {
		i.state, i.record, i.revision = j.State, j.record, j.Revision
		return i.finish()
	}
	i.log().Info().Str("from", j.Owner).Int("epoch", j.Epoch+1).Str("phase", string(j.Phase)).Msg("taking a saga over")
	return i.claim(j)
}

// fenced ends an instance that has lost its saga to another owner. It neither
// acknowledges nor returns the inbox message, which is the other's now.
func (i *instance) fenced(j *Journal) bool {
	i.log().Warn().Str("owner", j.Owner).Int("epoch", j.Epoch).Msg("lost the saga to another owner; stale write refused")
	i.o.fencedOff.Add(1)
	i.abandon()
	return false
}

func (i *instance) abandon() {
	i.leave()
	i.o.forget(i)
}
