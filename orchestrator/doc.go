// Package orchestrator is the shell around the pure core of package saga: it
// turns NATS messages into events, and effects into NATS messages.
//
// The way of one checkout through the files:
//
//	intake.go     checkout.start: decode, price, put into the inbox
//	inbox.go      pull from the work queue; one message is one ownership
//	instance.go   the actor of one saga: event → saga.Next → journal → effects
//	journal.go    the record of a saga in the bucket SAGAS, by compare-and-set
//	bus.go        commands to the workers, and their answers
//	outcome.go    what the client is told in the end
//
// The contract, in order: journal, then act. An instance whose compare-and-set
// is refused has lost its saga to another owner and dies without a sound: it
// neither acknowledges nor returns its inbox message.
package orchestrator
