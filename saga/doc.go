// Package saga is the pure core: given a definition, the state of one saga and
// an event, Next says what the new state is and what has to be done about it.
//
// The contract with the shell around it, in this order:
//
//  1. Turn what happened into an Event, with the time inside it.
//  2. Ask Next. If the state did not advance (State.Seq is unchanged) the event
//     was stale, or known: there is nothing to journal. Only a worker that is still
//     absent has an effect then, the wait until its command is offered again.
//  3. Journal the event (Seal chains it to those before it) in place of the record
//     that Next was asked about, and wait until the journal has it. A write that
//     was not acknowledged is unknown: read before anything else.
//  4. Only then perform the effects.
//  5. After a crash: Unseal the journal, Replay the events, perform Pending of
//     the state. Every effect may therefore happen more than once; commands
//     carry an idempotency key, so participants make that harmless.
//
// Effects say what is to be going on, not what has changed: Pending lists all of
// it after every event. A Send whose step, mode and attempt are under way already
// is left alone; what is under way and not listed is not wanted any more. An
// operation is over when another effect takes its place or its time is out, not
// when some answer came: a stale one changes nothing.
//
// Waits and the deadline are noticed by whoever is awake: when the time of a Wait
// is over, perform Pending; if the step is WAITING and its Due has passed, that is
// an event, StepTimedOut. When State.Expires has passed, that is DeadlinePassed.
//
// A saga has one owner at a time, who writes its events; its epoch fences off those
// before it. Acts of people and results that come later are journaled by whoever
// receives them, under the owner's epoch, and answered only then: an act is durable
// at once, its Refusal is exact, and a result that was answered is not lost. So an
// owner whose write is refused reads the record again. If it is still its own and
// only longer, the owner goes on from there, and puts the event that it wanted to
// write to Next once more; otherwise it lets go of the saga without a word.
//
// A saga that is Idle, and none of whose operations is under way, needs no owner.
// Whoever lets it sleep
//
//   - first makes sure that the record is still its own: the acknowledgement of an
//     owner that was replaced would take the saga from the next one;
//   - sets a durable timer for the earliest of its waits and State.Expires, and
//     acknowledges only when the timer is safe;
//   - then looks at the record once more, and puts the saga back into the inbox if
//     somebody has added to it.
//
// A timer that goes off puts the saga into the inbox, and goes off again later as
// long as it is there already: whoever holds it may be about to leave. That is all;
// a timer may go off twice, late, or for nothing.
//
// The package imports no clock, no context, no I/O, no goroutine and no other
// package of the project. That is what lets the simulator run millions of
// faulty sagas through the very code that runs in production, and through a model
// of a shell that keeps this contract (sim_*_test.go).
package saga
