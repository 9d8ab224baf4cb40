package shipping

import (
	"context"
	"strings"
	"time"

	"amends/protocol"
	"amends/worker"
)

// The carrier is a simulated one. It does everything that a carrier may do to a
// saga, if the address holds one of these words, in any case. README.md lists
// them; a test holds the list to what happens.
const (
	undeliverable  = "undeliverable"   // nobody delivers there
	notServed      = "not-served"      // this carrier does not
	carrierDown    = "carrier-down"    // no attempt succeeds; each may be repeated
	carrierBusy    = "carrier-busy"    // the third attempt succeeds
	carrierBroken  = "carrier-broken"  // no attempt succeeds; none may be repeated
	carrierSilent  = "carrier-silent"  // no attempt is heard or answered
	carrierSlow    = "carrier-slow"    // takes a second
	answerLost     = "answer-lost"     // the label is made; the second attempt hears of it
	answerNever    = "answer-never"    // the label is made; nobody ever hears of it
	courierWaiting = "courier-waiting" // the parcel is handed over at once
	cancelBusy     = "cancel-busy"     // the third attempt to cancel succeeds
	cancelDown     = "cancel-down"     // no attempt to cancel succeeds; each may be repeated
	cancelSilent   = "cancel-silent"   // no attempt to cancel is heard or answered
)

const (
	// slowness is what a slow carrier takes: less than the time-out of a step.
	slowness = time.Second
	// busyRetryAfter is when a busy carrier wants to be asked again, in
	// milliseconds.
	busyRetryAfter = 50
)

// has tells whether an address holds a word of the carrier.
func has(address, word string) bool { return strings.Contains(strings.ToLower(address), word) }

// refusal says why nothing can be sent to an address; "" if it can.
func refusal(address string) string {
	switch {
	case has(address, undeliverable):
		return ReasonAddressUndeliverable
	case has(address, notServed):
		return ReasonNotServed
	}
	return ""
}

// trouble is a fault of the carrier, in the words of document 002 (S2-15).
func trouble(retryable bool, retryAfterMS int64) worker.Fault {
	return worker.Fault{Trouble: &protocol.Trouble{
		Error: "shipping_service_error", Message: "Shipping service error",
		Retryable: retryable, RetryAfterMS: retryAfterMS,
	}}
}

// creationFault is what goes wrong when a label is made.
func creationFault(_ context.Context, cmd protocol.CreateShipment, attempt int) worker.Fault {
	switch address := cmd.Address; {
	case has(address, carrierDown):
		return trouble(true, 0)
	case has(address, carrierBusy) && attempt < 3:
		return trouble(true, busyRetryAfter)
	case has(address, carrierBroken):
		return trouble(false, 0)
	case has(address, carrierSilent):
		return worker.Fault{Lost: true}
	case has(address, carrierSlow):
		return worker.Fault{Delay: slowness}
	case has(address, answerLost):
		return worker.Fault{Mute: attempt == 1}
	case has(address, answerNever):
		return worker.Fault{Mute: true}
	}
	return worker.Fault{}
}

// cancellationFault is what goes wrong when a label is cancelled. The command
// names no address; that of the label counts.
func cancellationFault(shipments *worker.Book[Shipment]) func(context.Context, protocol.CancelShipment, int) worker.Fault {
	return func(ctx context.Context, cmd protocol.CancelShipment, attempt int) worker.Fault {
		id, err := protocol.ParseSagaID(cmd.SagaID)
		if err != nil {
			return worker.Fault{}
		}
		done, err := shipments.Effect(ctx, id, cmd.Step)
		if err != nil || done == nil {
			return worker.Fault{}
		}
		switch {
		case has(done.Address, cancelBusy) && attempt < 3:
			return trouble(true, busyRetryAfter)
		case has(done.Address, cancelDown):
			return trouble(true, 0)
		case has(done.Address, cancelSilent):
			return worker.Fault{Lost: true}
		}
		return worker.Fault{}
	}
}
