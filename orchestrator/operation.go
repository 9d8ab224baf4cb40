package orchestrator

import (
	"time"

	"amends/protocol"
	"amends/saga"
)

// operation is what is going on about one step: a command that is out, or a
// wait. A token names it. Whatever arrives with another token is stale: a second
// answer, a late one, the tick of a timer that was overtaken.
type operation struct {
	kind    operationKind
	mode    saga.Mode
	attempt int
	token   uint64
	timer   *time.Timer
	until   saga.Instant // of a wait
	sent    saga.Times   // of a command
}

type operationKind int

const (
	idle operationKind = iota
	commanding
	waiting
	missing // waits until a command for which nobody listens is offered again
)

// end stops what is going on.
func (op *operation) end() {
	if op.timer != nil {
		op.timer.Stop()
	}
	*op = operation{}
}

// is reports whether the operation carries out an effect already. A command that
// nobody listens for is not offered before its time.
func (op *operation) is(e saga.Effect) bool {
	switch e := e.(type) {
	case saga.Send:
		return (op.kind == commanding || op.kind == missing) && op.mode == e.Mode && op.attempt == e.Attempt
	case saga.Wait:
		return op.kind == waiting && op.until == e.Until
	}
	return false
}

// operationOf finds the step whose operation has that token; 0 if none has.
func (i *instance) operationOf(token uint64) (step int) {
	for n := range i.operations {
		if i.operations[n].kind != idle && i.operations[n].token == token {
			return n + 1
		}
	}
	return 0
}

// perform brings what is going on in line with the state. It returns false when
// the saga has ended, or left this process.
func (i *instance) perform() bool {
	now := i.o.now()
	wanted := i.state.Pending(now)
	i.endUnwanted(wanted)
	for _, effect := range wanted {
		switch e := effect.(type) {
		case saga.Send:
			if !i.operation(e.Step).is(e) && !i.send(e) {
				return false
			}
		case saga.Wait:
			if !i.operation(e.Step).is(e) {
				i.wait(e, waiting)
			}
		case saga.Finish, saga.Park:
			return i.finish()
		}
	}
	return i.isBusy() || i.leaveForLong(now)
}

// endUnwanted stops what is going on about steps that need nothing any more.
func (i *instance) endUnwanted(wanted []saga.Effect) {
	for len(i.operations) < len(i.state.Steps) {
		i.operations = append(i.operations, operation{})
	}
	for n := range i.operations {
		if i.operations[n].kind != idle && !isWanted(wanted, n+1) {
			i.operations[n].end()
		}
	}
}

func isWanted(wanted []saga.Effect, step int) bool {
	for _, effect := range wanted {
		switch e := effect.(type) {
		case saga.Send:
			if e.Step == step {
				return true
			}
		case saga.Wait:
			if e.Step == step {
				return true
			}
		}
	}
	return false
}

func (i *instance) operation(step int) *operation { return &i.operations[step-1] }

// begin replaces what is going on about a step.
func (i *instance) begin(step int, kind operationKind) *operation {
	op := i.operation(step)
	op.end()
	i.token++
	op.kind, op.token = kind, i.token
	return op
}

// wait asks for an elapsed message at an instant.
func (i *instance) wait(e saga.Wait, kind operationKind) {
	op := i.begin(e.Step, kind)
	op.mode, op.attempt, op.until = i.state.Mode(e.Step), i.state.Steps[e.Step-1].Attempt, e.Until
	i.arm(op, until(e.Until, i.o.now()))
}

func (i *instance) arm(op *operation, d time.Duration) {
	token := op.token
	op.timer = time.AfterFunc(d, func() { i.ref.Tell(elapsed{token}) })
}

func until(at, now saga.Instant) time.Duration {
	return max(time.Duration(at-now)*time.Microsecond, 0)
}

// send puts one attempt of a command on the bus.
func (i *instance) send(e saga.Send) bool {
	body, err := saga.Command(i.def, &i.state, e.Step)
	if err != nil {
		return i.handle(i.unbuildable(e, err))
	}
	spec := i.def.Operation(e.Step, e.Mode)
	op := i.begin(e.Step, commanding)
	op.mode, op.attempt = e.Mode, e.Attempt
	op.sent = saga.Times{Queued: i.state.Steps[e.Step-1].Since, Sent: i.o.now()}
	i.arm(op, time.Duration(spec.Timeout)*time.Microsecond)
	c := command{
		subject: spec.Subject, id: i.id, token: op.token, attempt: e.Attempt, body: body, key: i.keyOf(e), occasion: i.occasion(e),
	}
	if e.Mode == saga.Do && i.def.Step(e.Step).Reply == saga.Callback {
		c.callback = i.state.Start.Address(e.Step)
	}
	i.o.bus.send(c)
	return true
}

// unbuildable is the event for a command that lacks a field. Trying again cannot
// help.
func (i *instance) unbuildable(e saga.Send, cause error) saga.Event {
	event := saga.Event{
		Type: saga.AnswerType(saga.Declined, e.Mode), At: i.o.now(), Step: e.Step, Attempt: e.Attempt,
		Code: saga.CommandIncomplete, Message: cause.Error(),
	}
	if e.Mode == saga.Ask {
		event.Type = saga.StepNotTold
	}
	return event
}

// keyOf is the idempotency key of a command. A question has none: it changes
// nothing.
func (i *instance) keyOf(e saga.Send) string {
	switch {
	case e.Mode == saga.Ask:
		return ""
	case e.Mode == saga.Compensate && i.state.Steps[e.Step-1].Reversal:
		return protocol.ReversalKey(i.id, e.Step)
	}
	return protocol.IdempotencyKey(i.id, e.Step, e.Mode == saga.Compensate)
}
