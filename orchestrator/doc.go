// Package orchestrator is the shell around the pure core of package saga: it
// turns NATS messages into events, and effects into NATS messages.
//
// The way of one checkout through the files:
//
//	intake.go     checkout.start: decode, price, put into the inbox
//	inbox.go      pull from the work queue; one message is one ownership
//	instance.go   the actor of one saga: event → saga.Next → journal → effects
//	write.go      the record with one more event, by compare-and-set
//	read.go       what to make of a record that was read back
//	operation.go  what is going on about each step: a command, or a wait
//	bus.go        commands to the workers, and their answers
//	mishap.go     what goes wrong with them on purpose
//	answer.go     what an answer says
//	outcome.go    what the client is told in the end
//
// A saga that waits long leaves the process (leave.go, timers.go) and is woken
// (wake.go) by its timer or by whoever adds to its journal (interject.go): a
// result that comes later (callbacks.go), or a person (acts.go, plan.go).
// incidents.go shows what needs a person; reconcile.go finds what was forgotten.
package orchestrator
