package orchestrator

import (
	"maps"
	"slices"

	"amends/orchestrator/actors"
	"amends/protocol"
)

// actorOf returns the actor of a saga, and spawns one if there is none.
func (o *Orchestrator) actorOf(id protocol.SagaID) (ref actors.Ref, spawned bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := o.live[id.String()]; i != nil {
		return i.ref, false, nil
	}
	i := &instance{o: o, id: id}
	if i.ref, err = o.actors.Spawn(id.String(), i); err != nil {
		return actors.Ref{}, false, err
	}
	o.live[id.String()] = i
	return i.ref, true, nil
}

// deliver gives an answer to the actor of its saga; an answer for a saga that
// has ended is dropped.
func (o *Orchestrator) deliver(sagaID string, a answered) {
	o.mu.RLock()
	i := o.live[sagaID]
	o.mu.RUnlock()
	if i != nil {
		i.ref.Tell(a)
	}
}

func (o *Orchestrator) living() []*instance {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Collect(maps.Values(o.live))
}

// forget removes an instance that has ended or was fenced off, and frees its
// place.
func (o *Orchestrator) forget(i *instance) {
	if o.remove(i) {
		o.places.release(1)
	}
}

// remove takes an instance out of the live ones; it reports false if it was not
// among them.
func (o *Orchestrator) remove(i *instance) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live[i.id.String()] != i {
		return false
	}
	delete(o.live, i.id.String())
	if len(o.live) == 0 && o.emptied != nil {
		close(o.emptied)
		o.emptied = nil
	}
	return true
}

// giveBack returns the inbox message, so that another owner has it at once.
func (o *Orchestrator) giveBack(i *instance) {
	o.forget(i)
	if i.held == nil {
		return
	}
	if err := i.held.msg.Nak(); err != nil {
		i.log().Warn().Err(err).Msg("cannot give the saga back; it moves on when its time has run out")
	}
}

// onPanic leaves a saga whose actor has panicked alone: its inbox message comes
// again, here or elsewhere, and meets a fresh instance. After a few times the
// saga is quarantined; the others never notice.
func (o *Orchestrator) onPanic(a actors.Actor, _ any) {
	i, ok := a.(*instance)
	if !ok {
		return
	}
	i.stop()
	o.mu.Lock()
	o.crashes[i.id.String()]++
	o.mu.Unlock()
	o.forget(i)
}

// settled forgets the panics of a saga that has ended.
func (o *Orchestrator) settled(i *instance) {
	o.mu.Lock()
	delete(o.crashes, i.id.String())
	o.mu.Unlock()
	o.forget(i)
}

func (o *Orchestrator) panics(id protocol.SagaID) int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.crashes[id.String()]
}
