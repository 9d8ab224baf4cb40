package worker

import "amends/protocol"

// Decision is what a ledger says about a command. Accept, Decline, Begin and
// Defer make one.
type Decision[E any] struct {
	row      *E
	ok       any
	declined *protocol.Failure
	begun    bool
	later    *Later // of a begun one: its sender does not wait
}

// Later says how the sender of a deferred action learns the result.
type Later struct {
	// RequestID is told to the sender; it may be absent.
	RequestID string
	// Callback is the subject on which the result is awaited. If it is absent,
	// it is that of the header Amends-Callback; without that, the sender has to
	// ask for the result.
	Callback string
}

// Accept leaves the row as it is given, and answers with the fields of ok, which
// is nil or becomes a JSON object.
func Accept[E any](row *E, ok any) Decision[E] { return Decision[E]{row: row, ok: ok} }

// Decline says no for good. The row is as it is given; nil is none.
func Decline[E any](row *E, why *protocol.Failure) Decision[E] {
	return Decision[E]{row: row, declined: why}
}

// Begin leaves the decision to somebody outside (see Outside), of whom nothing
// was asked yet: the row says what is going to be asked. It is stored first, so
// that a crash cannot make anybody forget it (D6, D24).
func Begin[E any](row *E) Decision[E] { return Decision[E]{row: row, begun: true} }

// Defer is Begin for an action whose sender is told at once that it was taken in,
// and the result later (S4-09).
func Defer[E any](row *E, later Later) Decision[E] {
	return Decision[E]{row: row, begun: true, later: &later}
}

// TroubleError is a technical no that tells the sender when to try again. Any
// other error of somebody outside is told as "unavailable".
type TroubleError struct{ protocol.Trouble }

func (e *TroubleError) Error() string { return e.Trouble.Error + ": " + e.Message }
