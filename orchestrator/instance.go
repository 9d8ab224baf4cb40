package orchestrator

import (
	"time"

	"amends/orchestrator/actors"
	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/rs/zerolog"
)

// instance is the actor of one saga: a mailbox, a cache of the record and a
// timer. The record is the truth.
//
// There is one operation in progress at a time (a write, a read, a command, a
// wait) and one token for it. Whatever arrives with another token is stale: a
// second answer, a late one, the tick of a timer that was overtaken.
type instance struct {
	o       *Orchestrator
	id      protocol.SagaID
	ref     actors.Ref
	held    *delivery
	clients []client

	def      *saga.Definition
	state    saga.State
	record   record
	revision uint64
	mark     uint64 // the revision of the mark that a deleted record left; 0 if none

	token    uint64
	timer    *time.Timer
	deadline *time.Timer
	sent     saga.Times   // of the command in progress
	write    *write       // in progress; nil if none
	backlog  []saga.Event // arrived while a write was in progress
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
		token   uint64
		journal *Journal
		entry   store.Entry
		err     error
	}
	elapsed  struct{ token uint64 }
	overdue  struct{}
	beat     struct{}
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
		return m.token != i.token || i.onAnswered(m)
	case stored:
		return m.token != i.token || i.onStored(m)
	case loaded:
		return m.token != i.token || i.onLoaded(m)
	case elapsed:
		return m.token != i.token || i.onElapsed()
	case overdue:
		return i.handle(saga.Event{Type: saga.DeadlinePassed, At: i.o.now()})
	case beat:
		i.onBeat()
	case shutdown:
		return i.onShutdown()
	}
	return true
}

// next ends the operation in progress and returns the token of a new one.
func (i *instance) next() uint64 {
	halt(i.timer)
	i.token++
	return i.token
}

func halt(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// wakeIn asks for an elapsed message of the operation in progress.
func (i *instance) wakeIn(d time.Duration) {
	token := i.token
	i.timer = time.AfterFunc(d, func() { i.ref.Tell(elapsed{token}) })
}

// handle puts an event to the core, journals what changed, and acts.
func (i *instance) handle(e saga.Event) bool {
	if i.write != nil {
		i.backlog = append(i.backlog, e)
		return true
	}
	state, effects := saga.Next(i.def, i.state, e)
	if state.Seq == i.state.Seq {
		return i.perform(effects)
	}
	return i.journalEvent(e, state, effects)
}

// perform carries out effects. It returns false when the saga has ended.
func (i *instance) perform(effects []saga.Effect) bool {
	alive := true
	for _, effect := range effects {
		switch e := effect.(type) {
		case saga.Send:
			alive = i.send(e)
		case saga.Wait:
			i.next()
			i.sent = saga.Times{}
			i.wakeIn(until(e.Until, i.o.now()))
		case saga.Finish, saga.Park:
			alive = i.finish()
		}
	}
	return alive
}

func until(at, now saga.Instant) time.Duration {
	return max(time.Duration(at-now)*time.Microsecond, 0)
}

// send puts one attempt of a command on the bus.
func (i *instance) send(e saga.Send) bool {
	op := i.def.Operation(e.Step, e.Compensating)
	body, err := saga.Command(i.def, &i.state)
	if err != nil {
		// Trying again cannot help: the request lacks what the step needs.
		decline := i.answer(saga.Declined, i.o.now())
		decline.Code, decline.Message = "missing_field", err.Error()
		return i.handle(decline)
	}
	token := i.next()
	i.sent = saga.Times{Queued: i.state.Since, Sent: i.o.now()}
	i.wakeIn(time.Duration(op.Timeout) * time.Microsecond)
	i.o.bus.send(command{
		subject: op.Subject, id: i.id, token: token, attempt: e.Attempt, body: body,
		key: protocol.IdempotencyKey(i.id, e.Step, e.Compensating),
	})
	return true
}

func (i *instance) onAnswered(a answered) bool {
	if i.sent.Sent == 0 {
		return true // the same answer again
	}
	return i.handle(i.event(a))
}

// onElapsed handles the tick of the timer: the time of an attempt is over, or a
// wait is.
func (i *instance) onElapsed() bool {
	now := i.o.now()
	switch {
	case i.write != nil, i.revision == 0:
		return i.load()
	case i.sent.Sent == 0:
		return i.perform(i.state.Pending(now))
	}
	return i.handle(i.answer(saga.TimedOut, now))
}

// onDelivered takes the inbox message: the first one starts or resumes the saga,
// a later one of the same saga only replaces the handle to acknowledge.
func (i *instance) onDelivered(d *delivery) bool {
	first := i.held == nil
	i.held = d
	if d.Client.Reply != "" && !i.knows(d.Client) {
		i.clients = append(i.clients, d.Client)
	}
	if !first {
		return true
	}
	if d.count > 1 {
		return i.load()
	}
	return i.begin()
}

func (i *instance) knows(c client) bool {
	for _, known := range i.clients {
		if known.Reply == c.Reply {
			return true
		}
	}
	return false
}

// begin starts a saga that, as far as is known, has no record yet.
func (i *instance) begin() bool {
	start := i.held.Start
	def, err := i.o.journal.definitions.find(start.Definition, start.DefinitionHash)
	if err != nil {
		go i.o.learn(start.Definition, start.DefinitionHash)
		return i.pass(err)
	}
	i.def = def
	i.record = record{SagaID: start.SagaID, Definition: start.Definition, Owner: i.o.cfg.Name, Epoch: 1}
	return i.handle(saga.Event{Type: saga.Started, At: i.held.At, Start: &start})
}

// armDeadline wakes the saga when its time is up.
func (i *instance) armDeadline() {
	if i.state.Deadline == 0 || i.state.Phase != saga.Running {
		return
	}
	i.deadline = time.AfterFunc(until(i.state.Deadline, i.o.now()), func() { i.ref.Tell(overdue{}) })
}

// onBeat keeps the inbox from giving the saga to somebody else.
func (i *instance) onBeat() {
	if i.held == nil {
		return
	}
	if err := i.held.msg.InProgress(); err != nil {
		i.log().Debug().Err(err).Msg("cannot send a sign of life")
	}
}

// onShutdown hands the saga back: another owner may have it at once.
func (i *instance) onShutdown() bool {
	i.leave()
	i.o.giveBack(i)
	return false
}

// leave stops the timers.
func (i *instance) leave() {
	halt(i.timer)
	halt(i.deadline)
}
