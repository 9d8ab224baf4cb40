package protocol

import "encoding/json"

// Suffixes that turn the type of a command into the type of its answer:
// ReserveInventory is answered by ReserveInventory_ok, ReserveInventory_failed
// (a final no), ReserveInventory_error (try again) or, where the result of a step
// may come later, ReserveInventory_pending.
const (
	SuffixOK      = "_ok"
	SuffixFailed  = "_failed"
	SuffixError   = "_error"
	SuffixPending = "_pending"
)

// Types of the commands of document 000 (S0-02 … S0-04). ReleaseInventory is
// another name of ReleaseReservation there (A3).
const (
	TypeReserveInventory   = "ReserveInventory"
	TypeReleaseReservation = "ReleaseReservation"
	TypeReleaseInventory   = "ReleaseInventory"
	TypeChargePayment      = "ChargePayment"
	TypeRefundPayment      = "RefundPayment"
	TypeCreateShipment     = "CreateShipment"
	TypeCancelShipment     = "CancelShipment"
)

// Types of the commands of the other documents: a payment whose result comes
// later (S4-09), one in two parts (D3), and the commitment of reserved goods
// (S3-09).
const (
	TypeRequestPayment    = "RequestPayment"
	TypeAuthorizePayment  = "AuthorizePayment"
	TypeCapturePayment    = "CapturePayment"
	TypeVoidPayment       = "VoidPayment"
	TypeCommitReservation = "CommitReservation"
)

// TypeQueryStep asks a worker what became of an action (D9).
const TypeQueryStep = "QueryStep"

// Command is what every command says: which step of which saga to do or undo.
// Step counts from 1; in a compensation it is the step that is undone (S0-15).
type Command struct {
	Type         string `json:"type"`
	SagaID       string `json:"saga_id"`
	Step         int    `json:"step"`
	Compensating bool   `json:"compensating,omitempty"`
	// Reversal marks a second compensation: the action was reported done after
	// its compensation had been accepted (D21).
	Reversal bool `json:"reversal,omitempty"`
}

// Header returns the command itself; the messages below embed it.
func (c Command) Header() Command { return c }

// Reply is what every reply echoes.
type Reply struct {
	Type   string `json:"type"`
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
}

// Pending says that a worker has taken an action in and will send its result
// later, to the address that came with the command (S4-09).
type Pending struct {
	RequestID string `json:"request_id,omitempty"`
}

// Failure is the final no of a participant: a decline, never retried (D20).
type Failure struct {
	Error       string   `json:"error"`
	DeclineCode string   `json:"decline_code,omitempty"`
	Unavailable []string `json:"unavailable,omitempty"` // SKUs, for out_of_stock
}

// Trouble is a technical no: the command may be tried again, or not.
type Trouble struct {
	Error        string `json:"error"`
	Message      string `json:"message,omitempty"`
	Retryable    bool   `json:"retryable"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
}

// What a worker does about an order of which it has not enough (D15).
const (
	PolicyAllOrNothing = "all_or_nothing" // hold nothing, and decline
	PolicyPartial      = "partial"        // hold what there is
	PolicyBackorder    = "backorder"      // hold what there is, and the rest when it comes
)

// ReserveInventory asks to hold goods for an order (S0-07). What is absent is up
// to the worker.
type ReserveInventory struct {
	Command
	Items []Line `json:"items"`
	// Policy is one of the constants PolicyAllOrNothing … PolicyBackorder.
	Policy string `json:"policy,omitempty"`
	// HoldMS is how long to hold the goods, in milliseconds; then they may go to
	// others, unless they were committed or the hold was renewed (D17).
	HoldMS int64 `json:"hold_ms,omitempty"`
}

// Reservation is the hold on one SKU (S0-08).
type Reservation struct {
	SKU           string `json:"sku"`
	ReservationID string `json:"reservation_id"`
	// Quantity is how many pieces are held where that is less than was asked for,
	// and the rest is not to be had.
	Quantity int64 `json:"quantity,omitempty"`
	// Backordered is how many of those that were asked for are held only as soon
	// as they come.
	Backordered int64 `json:"backordered,omitempty"`
}

// ReserveInventoryOK lists one reservation per SKU (S0-08), and names all of them
// together (S1-04, X11).
type ReserveInventoryOK struct {
	Reservations  []Reservation `json:"reservations"`
	ReservationID string        `json:"reservation_id,omitempty"`
	Unavailable   []string      `json:"unavailable,omitempty"` // SKUs of which less is held than was asked for
}

// ReleaseReservation gives held goods back (S0-15). Reservations is absent when
// the outcome of the reservation is unknown; saga and step name it all the same.
type ReleaseReservation struct {
	Command
	Reservations []Reservation `json:"reservations,omitempty"`
}

// ChargePayment asks to take money (S0-09). Document 000 names no currency: one
// that is absent is DefaultCurrency.
type ChargePayment struct {
	Command
	UserID   string  `json:"user_id"`
	Amount   Decimal `json:"amount"`
	Currency string  `json:"currency,omitempty"`
}

// ChargePaymentOK names the payment (S0-10). It answers RequestPayment (S4-12) and
// CapturePayment (D3) as well.
type ChargePaymentOK struct {
	PaymentID     string `json:"payment_id"`
	TransactionID string `json:"transaction_id"`
}

// RefundPayment gives the money of a charge back. PaymentID is absent when the
// outcome of the charge is unknown.
type RefundPayment struct {
	Command
	PaymentID string  `json:"payment_id,omitempty"`
	Amount    Decimal `json:"amount,omitempty"`
	Currency  string  `json:"currency,omitempty"`
}

// CreateShipment asks for a shipping label (S0-11).
type CreateShipment struct {
	Command
	Items   []Line `json:"items"`
	Address string `json:"address"`
}

// CreateShipmentOK names the shipment (S0-12).
type CreateShipmentOK struct {
	ShipmentID     string `json:"shipment_id"`
	TrackingNumber string `json:"tracking_number"`
}

// CancelShipment takes a label back. ShipmentID is absent when the outcome of
// the creation is unknown.
type CancelShipment struct {
	Command
	ShipmentID string `json:"shipment_id,omitempty"`
}

// RequestPayment asks to take money, and to send the result to Callback later
// (S4-09). It is undone by RefundPayment, whatever has become of it.
type RequestPayment struct {
	Command
	UserID   string  `json:"user_id"`
	Amount   Decimal `json:"amount"`
	Currency string  `json:"currency,omitempty"`
	Callback string  `json:"callback"` // the subject on which the result is awaited
}

// AuthorizePayment asks to set money aside, to be captured or voided (D3).
type AuthorizePayment struct {
	Command
	UserID   string  `json:"user_id"`
	Amount   Decimal `json:"amount"`
	Currency string  `json:"currency,omitempty"`
}

// AuthorizePaymentOK names the authorization and when it lapses (D4).
type AuthorizePaymentOK struct {
	AuthorizationID string `json:"authorization_id"`
	ExpiresAt       string `json:"expires_at"` // RFC 3339
}

// CapturePayment takes money that was set aside; all of it if no amount is said.
type CapturePayment struct {
	Command
	AuthorizationID string  `json:"authorization_id"`
	Amount          Decimal `json:"amount,omitempty"`
	Currency        string  `json:"currency,omitempty"`
}

// VoidPayment gives up an authorization. AuthorizationID is absent when its
// outcome is unknown.
type VoidPayment struct {
	Command
	AuthorizationID string `json:"authorization_id,omitempty"`
}

// CommitReservation turns held goods into sold ones: they leave the stock
// (S3-09).
type CommitReservation struct {
	Command
	Reservations []Reservation `json:"reservations"`
}

// CommitReservationOK says that the goods have left the stock.
type CommitReservationOK struct {
	// ReReserved says that the reservation had expired, and that there was still
	// enough (D18).
	ReReserved bool `json:"re_reserved,omitempty"`
}

// QueryStep asks what became of the action of a step (D9). It changes nothing.
type QueryStep struct {
	Command
}

// Outcomes of an action, as QueryStepOK tells them.
const (
	OutcomeKnown   = "known"   // it was decided: Reply has the answer
	OutcomePending = "pending" // it was taken in; the result comes later
	OutcomeNone    = "none"    // the worker has never heard of it
)

// QueryStepOK tells what became of an action: Reply is the whole reply to it, as
// it was or will be given, if Outcome is OutcomeKnown, and absent otherwise.
type QueryStepOK struct {
	Outcome string          `json:"outcome"`
	Reply   json.RawMessage `json:"reply,omitempty"`
}
