package orchestrator

import (
	"time"

	"amends/journal"
	"amends/orchestrator/actors"
	"amends/protocol"
	"amends/saga"

	"github.com/rs/zerolog"
)

// instance is the actor of one saga: a mailbox, a cache of the record and a few
// timers. The record is the truth.
//
// At any time it reads or writes its record, or has one operation in progress
// per step (operation.go). What arrives while it reads or writes is handled
// afterwards.
type instance struct {
	o       *Orchestrator
	id      protocol.SagaID
	ref     actors.Ref
	held    *delivery
	clients []journal.Client

	def      *saga.Definition
	state    saga.State
	record   journal.Record
	revision uint64
	mark     uint64 // the revision of the mark that a deleted record left; 0 if none

	token      uint64 // the latest
	operations []operation
	deadline   *time.Timer

	storing uint64       // token of the read or write in progress; 0 if none
	write   *write       // what is being written, or is not known to be written; nil if nothing
	backlog []saga.Event // arrived meanwhile
	nudges  []string     // replies to who wants to know that the record was read again
	hearing []string     // those of them whom the read in progress answers

	leaving  bool // it is about to acknowledge and to leave
	cameBack bool // it was delivered again meanwhile
	slept    bool // it was in nobody's memory, so it may have a timer
}

// The messages of an instance, beside answered.
type (
	delivered struct{ d *delivery }
	stored    struct {
		token    uint64
		revision uint64
		err      error
	}
	loaded struct {
		token uint64
		saga  *journal.Saga
		mark  uint64
		err   error
	}
	retried  struct{ token uint64 } // time to read the record again
	elapsed  struct{ token uint64 }
	overdue  struct{}
	nudged   struct{ reply string }
	left     struct{ wanted bool }
	beat     struct{}
	stopping struct{} // the process will stop: what only waits is handed back
	shutdown struct{}
)

// log is the logger of the orchestrator with the saga in it. It is made when
// something is worth a line, which is seldom.
func (i *instance) log() *zerolog.Logger {
	l := i.o.log.With().Str("saga_id", i.id.String()).Logger()
	return &l
}

// Receive dispatches; each case is one call.
func (i *instance) Receive(message any) bool {
	switch m := message.(type) {
	case delivered:
		return i.onDelivered(m.d)
	case answered:
		return i.onAnswered(m)
	case stored:
		return m.token != i.storing || i.onStored(m)
	case loaded:
		return m.token != i.storing || i.onLoaded(m)
	case retried:
		return m.token != i.storing || i.load()
	case elapsed:
		return i.onElapsed(m.token)
	case overdue:
		return i.handle(saga.Event{Type: saga.DeadlinePassed, At: i.o.now()})
	case nudged:
		return i.onNudged(m.reply)
	case left:
		return i.onLeft(m.wanted)
	case beat:
		i.onBeat()
	case stopping:
		return i.isBusy() || i.leaveForLong(i.o.now())
	case shutdown:
		return i.onShutdown()
	}
	return true
}

// handle puts an event to the core and journals what changed. What did not
// change anything needs nothing.
func (i *instance) handle(e saga.Event) bool {
	if i.isBusy() {
		i.backlog = append(i.backlog, e)
		return true
	}
	e.At = max(e.At, i.state.Last) // another machine's clock may be ahead
	state, effects := saga.Next(i.def, i.state, e)
	if state.Seq != i.state.Seq {
		return i.journalEvent(e, state)
	}
	for _, effect := range effects {
		if wait, ok := effect.(saga.Wait); ok {
			i.wait(wait, missing)
		}
	}
	return i.leaveForLong(i.o.now())
}

// isBusy reports whether events have to wait.
func (i *instance) isBusy() bool { return i.storing != 0 || i.leaving }

func (i *instance) onAnswered(a answered) bool {
	step := i.operationOf(a.token)
	if step == 0 || i.operation(step).kind != commanding {
		return true // too late, or the same answer again
	}
	return i.handle(i.event(step, a))
}

// onElapsed handles the tick of a timer: the time of an attempt is over, that
// of a result that was to come later, or a wait is.
func (i *instance) onElapsed(token uint64) bool {
	step := i.operationOf(token)
	if step == 0 {
		return true
	}
	op, state, now := i.operation(step), &i.state.Steps[step-1], i.o.now()
	if op.kind == commanding {
		return i.handle(i.answer(step, saga.TimedOut, now))
	}
	op.end()
	if state.Status == saga.StepWaiting && state.Due <= now {
		return i.handle(saga.Event{Type: saga.StepTimedOut, At: now, Step: step, Attempt: state.Attempt})
	}
	if i.isBusy() {
		return true // what is to be done then is done afterwards
	}
	return i.perform()
}

// onDelivered takes the inbox message: the first one starts or resumes the saga,
// a later one of the same saga only replaces the handle to acknowledge.
func (i *instance) onDelivered(d *delivery) bool {
	first := i.held == nil
	i.held, i.slept = d, i.slept || d.Start == nil
	i.expect(d.Client)
	switch {
	case !first:
		i.cameBack = i.leaving
		return true
	case d.count > 1 || d.Start == nil:
		return i.load()
	}
	return i.start()
}

// expect remembers a client who waits for the end.
func (i *instance) expect(c journal.Client) {
	if c.Reply == "" {
		return
	}
	for _, known := range i.clients {
		if known.Reply == c.Reply {
			return
		}
	}
	i.clients = append(i.clients, c)
}

// start begins a saga that, as far as is known, has no record yet.
func (i *instance) start() bool {
	start := *i.held.Start
	def, err := i.o.records.definitions.find(start.Definition, start.DefinitionHash)
	if err != nil {
		go i.o.learn(start.Definition, start.DefinitionHash)
		return i.pass(err)
	}
	i.def = def
	i.record = journal.Record{SagaID: start.SagaID, Definition: start.Definition, Owner: i.o.cfg.Name, Epoch: 1}
	return i.handle(saga.Event{Type: saga.Started, At: i.held.At, Start: &start})
}

// armDeadline wakes the saga when its time is up.
func (i *instance) armDeadline() {
	halt(i.deadline)
	expires := i.state.Expires(i.def)
	if expires == 0 {
		return
	}
	i.deadline = time.AfterFunc(until(expires, i.o.now()), func() { i.ref.Tell(overdue{}) })
}

func halt(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// onBeat keeps the inbox from giving the saga to somebody else.
func (i *instance) onBeat() {
	if i.held == nil || i.leaving {
		return
	}
	if err := i.held.msg.InProgress(); err != nil {
		i.log().Debug().Err(err).Msg("cannot send a sign of life")
	}
}

// onShutdown hands the saga back: another owner may have it at once.
func (i *instance) onShutdown() bool {
	i.stop()
	i.o.giveBack(i)
	return false
}

// stop ends all timers.
func (i *instance) stop() {
	halt(i.deadline)
	for n := range i.operations {
		i.operations[n].end()
	}
}
