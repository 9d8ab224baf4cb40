// Package saga is the pure core: given a definition, the state of one saga and
// an event, Next says what the new state is and what has to be done about it.
//
// The contract with the shell around it, in this order:
//
//  1. Turn what happened into an Event, with the time inside it.
//  2. Ask Next. If the state did not advance (State.Seq is unchanged) the event
//     was stale: only perform the effects, there is nothing to journal.
//  3. Journal the event (Seal chains it to those before it), and wait until the
//     journal has it.
//  4. Only then perform the effects.
//  5. After a crash: Unseal the journal, Replay the events, perform Pending of
//     the state. Every effect may therefore happen more than once; commands
//     carry an idempotency key, so participants make that harmless.
//
// The package imports no clock, no context, no I/O, no goroutine and no other
// package of the project. That is what lets the simulator run millions of
// faulty sagas through the very code that runs in production.
package saga
