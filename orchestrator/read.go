package orchestrator

import (
	"bytes"
	"errors"

	"amends/journal"
	"amends/saga"
	"amends/store"
)

// onLoaded compares what the journal has with what is known, and goes on from
// there.
func (i *instance) onLoaded(m loaded) bool {
	defer i.answerNudges()
	switch {
	case errors.Is(m.err, store.ErrNotFound):
		i.mark = m.mark
		return i.onNoRecord()
	case errors.Is(m.err, errNoDefinition):
		return i.pass(m.err)
	case isBroken(m.err):
		return i.refuse(m.err)
	case m.err != nil:
		i.log().Warn().Err(m.err).Msg("cannot read the record; trying again")
		return i.loadLater()
	case i.revision == 0 && i.write == nil:
		return i.resume(m.saga)
	case i.write != nil && i.landed(m.saga):
		return i.commit(m.saga.Revision, m.saga.Persisted[len(m.saga.Persisted)-1])
	case i.revision != 0 && m.saga.Revision == i.revision:
		return i.unchanged()
	case i.isMine(m.saga):
		return i.adopt(m.saga)
	case i.revision == 0, m.saga.Epoch < i.epoch():
		return i.resume(m.saga) // somebody has appended before this instance could claim it
	}
	return i.fenced(m.saga)
}

// landed reports whether the record that was read is the one in progress: the
// write was stored, only its acknowledgement was lost.
func (i *instance) landed(j *journal.Saga) bool {
	w := &i.write.record
	return j.Owner == w.Owner && j.Epoch == w.Epoch && j.Tip == w.Tip
}

// unchanged repeats a write that the journal does not have, if there is one.
func (i *instance) unchanged() bool {
	if i.write != nil {
		return i.submit()
	}
	i.storing = 0
	return i.goOn()
}

// isMine reports whether the saga is still this instance's: others have only
// appended to the journal that it knows.
func (i *instance) isMine(j *journal.Saga) bool {
	known := &i.record
	if i.revision == 0 {
		if i.write == nil {
			return false
		}
		known = &i.write.record
	}
	n := len(known.Events)
	return j.Owner == i.o.cfg.Name && j.Epoch == i.epoch() && len(j.Events) >= n && bytes.Equal(j.Events[n-1], known.Events[n-1])
}

// epoch is the one under which this instance writes.
func (i *instance) epoch() int {
	if i.write != nil {
		return i.write.record.Epoch
	}
	return i.record.Epoch
}

// adopt goes on with what others have appended. The event that this instance
// was about to write may have lost its meaning: it is put to the core again.
func (i *instance) adopt(j *journal.Saga) bool {
	if i.write != nil && i.write.event != nil {
		i.backlog = append([]saga.Event{*i.write.event}, i.backlog...)
	}
	i.write, i.storing = nil, 0
	i.accept(j)
	return i.goOn()
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
	case i.held.Start == nil:
		return i.drop()
	}
	i.storing = 0
	return i.start()
}

// resume goes on with a saga that has a record already: one that ended is only
// reported, one that runs is claimed.
func (i *instance) resume(j *journal.Saga) bool {
	i.write, i.backlog, i.storing = nil, nil, 0
	if i.held.Start != nil && j.State.Start.RequestHash != i.held.Start.RequestHash {
		i.o.refuseConflict(i.clients)
		i.clients = nil
	}
	for _, c := range j.Clients {
		i.expect(c)
	}
	if !j.State.Phase.Live() {
		i.accept(j)
		i.o.noteIncidents(i.id, i.def, nil, &i.state)
		return i.finish()
	}
	if i.takesOver(j) {
		i.log().Info().Str("from", j.Owner).Int("epoch", j.Epoch+1).Str("phase", string(j.Phase)).Msg("taking a saga over")
	}
	return i.claim(j)
}

// takesOver reports whether another owner has left the saga in the middle: its
// inbox message has come again, or a start, delivered anew, that somebody else has
// begun. A saga that was woken had no owner.
func (i *instance) takesOver(j *journal.Saga) bool {
	return i.held.count > 1 || i.held.Start != nil && j.Owner != "" && j.Owner != i.o.cfg.Name
}

// fenced ends an instance that has lost its saga to another owner. It neither
// acknowledges nor returns the inbox message, which is the other's now.
func (i *instance) fenced(j *journal.Saga) bool {
	i.log().Warn().Str("owner", j.Owner).Int("epoch", j.Epoch).Msg("lost the saga to another owner; stale write refused")
	i.o.fencedOff.Add(1)
	i.abandon()
	return false
}

func (i *instance) abandon() {
	i.stop()
	i.o.forget(i)
}
