package payment

import (
	"context"
	"errors"

	"amends/protocol"
)

// Gateway is the provider that moves the money. Any may stand behind it; the
// simulated one is amends/payment/simulated. A wrapper around a gateway is the
// place for faults that are made on purpose (S2-08).
//
// An error says that nobody knows what has become of the order (D9): the same
// order is looked for, and submitted again, until there is a receipt. ErrNoAnswer
// tells a time-out from other trouble. Both methods return when ctx ends, at the
// latest.
type Gateway interface {
	// Submit hands in an order. The provider tells orders apart by their keys: one
	// that it knows is not carried out again, and has the same receipt (D6).
	Submit(ctx context.Context, o Order) (Receipt, error)
	// Find tells what became of an order, and changes nothing. The receipt of one
	// that the provider has never heard of is in the state None.
	Find(ctx context.Context, o Order) (Receipt, error)
}

// Instant is a gateway that knows the receipt of some orders without being
// called, because nothing of them is kept anywhere but in the row that holds the
// receipt. Then there is nothing that a crash could leave in two minds, and the
// order need not be stored before it is carried out.
type Instant interface {
	Gateway
	// Answer is the receipt of an order; ok is false if it has to be submitted. It
	// is a function of the order alone.
	Answer(o Order) (r Receipt, ok bool)
}

// ErrNoAnswer says that the gateway did not answer in time: the order may have
// been carried out, or will be, or never came.
var ErrNoAnswer = errors.New("the payment gateway did not answer in time")

// Kind says what an order is for.
type Kind string

// The kinds. Reverse undoes another order whatever has become of it: what it
// holds is let go, what it took is given back, and if it comes later it is
// refused (D5, D10). Reversing an authorization reverses its captures.
const (
	KindCharge    Kind = "charge"
	KindAuthorize Kind = "authorize"
	KindCapture   Kind = "capture" // of an authorization
	KindRefund    Kind = "refund"  // of a charge or a capture
	KindReverse   Kind = "reverse"
)

// Order is what a gateway is asked to do.
type Order struct {
	Key    string         // idempotency key, such as checkout42.2.do
	Kind   Kind           // what for
	Of     string         // key of the order that it captures, refunds or reverses
	UserID string         // whose payment token is meant; never a card (D22)
	Amount protocol.Money // zero in a Reverse
	At     int64          // now, in microseconds since 1970 UTC
}

// State is what became of an order.
type State int

// The states of an order.
const (
	None       State = iota // the provider has never heard of it
	Processing              // taken in; the provider decides later
	Approved                // done
	Declined                // a final no
)

// Receipt is what a gateway says of an order.
type Receipt struct {
	State         State
	TransactionID string           // the provider's name of an approved order
	ExpiresAt     int64            // when an authorization lapses (D4), in microseconds since 1970 UTC
	Returned      protocol.Money   // what a Reverse has given back; zero if nothing had been taken
	Failure       protocol.Failure // of a declined order (D20)
}
