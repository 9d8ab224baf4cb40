package orchestrator

import (
	"context"
	"time"

	"amends/saga"
	"amends/store"
)

// longWait is the least wait that a saga does not spend in memory.
const longWait = 2 * time.Second

// leaveTimeout bounds the writes with which a saga leaves.
const leaveTimeout = 10 * time.Second

// leaveForLong lets a saga that only waits, and waits long, leave this process:
// a hundred thousand sagas that wait for a result or a person cost disk, not
// memory and signs of life. Its timer is written before the inbox message is
// acknowledged; one that is not needed any more is only a nudge. When the process
// stops, a saga that waits at all is handed back at once.
func (i *instance) leaveForLong(now saga.Instant) bool {
	wake := i.wake()
	if i.isBusy() || wake == 0 {
		return true
	}
	if i.o.isStopping() {
		return i.onShutdown()
	}
	if until(wake, now) < longWait {
		return true
	}
	i.leaving = true
	halt(i.deadline)
	go func(d *delivery, revision uint64) { i.ref.Tell(left{wanted: i.o.letGo(d, revision, wake)}) }(i.held, i.revision)
	return true
}

// wake is when something happens to the saga by itself; 0 if something is going
// on, or about to, already.
func (i *instance) wake() saga.Instant {
	wake := i.state.Expires(i.def)
	for _, step := range i.state.Active() {
		if step > len(i.operations) {
			return 0
		}
		op := i.operation(step)
		if op.kind == idle || op.kind == commanding {
			return 0
		}
		if wake == 0 || op.until < wake {
			wake = op.until
		}
	}
	return wake
}

// letGo writes the timer of a saga, acknowledges its inbox message, and then
// looks whether the saga is wanted again: somebody may have appended to its
// record, or its time may have come, while the message was still there and no
// other could be put beside it. A saga that cannot be let go is wanted, too.
func (o *Orchestrator) letGo(d *delivery, revision uint64, wake saga.Instant) (wanted bool) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := o.timers.set(ctx, d.id, wake); err != nil {
		o.log.Warn().Err(err).Str("saga_id", d.id.String()).Msg("cannot write the timer of a saga; keeping it in memory")
		return true
	}
	if err := d.msg.DoubleAck(ctx); err != nil {
		o.log.Debug().Err(err).Str("saga_id", d.id.String()).Msg("cannot acknowledge the inbox message; it comes again")
	}
	j, _, err := o.records.load(ctx, d.id)
	if err == nil && j.Revision == revision && o.now() < wake {
		return false
	}
	// Whoever appended may have put it there before.
	if _, err := o.cfg.Writer.PublishWait(ctx, wakeMessage(d.id)); err != nil && !store.IsSubjectTaken(err) {
		o.log.Warn().Err(err).Str("saga_id", d.id.String()).Msg("cannot put a saga back that is wanted again; it goes on when it is found forgotten")
	}
	return false
}

// onLeft ends an instance that has left; or lets it go on, if the saga could not
// leave, or has come back meanwhile.
func (i *instance) onLeft(wanted bool) bool {
	i.leaving = false
	if i.cameBack || wanted {
		i.cameBack = false
		return i.load()
	}
	i.stop()
	i.o.forget(i)
	return false
}
