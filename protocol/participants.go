package protocol

// Suffixes that turn the type of a command into the type of its answer:
// ReserveInventory is answered by ReserveInventory_ok, ReserveInventory_failed
// (a final no) or ReserveInventory_error (try again).
const (
	SuffixOK     = "_ok"
	SuffixFailed = "_failed"
	SuffixError  = "_error"
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

// Command is what every command says: which step of which saga to do or undo.
// Step counts from 1; in a compensation it is the step that is undone (S0-15).
type Command struct {
	Type         string `json:"type"`
	SagaID       string `json:"saga_id"`
	Step         int    `json:"step"`
	Compensating bool   `json:"compensating,omitempty"`
}

// Header returns the command itself; the messages below embed it.
func (c Command) Header() Command { return c }

// Reply is what every reply echoes.
type Reply struct {
	Type   string `json:"type"`
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
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

// ReserveInventory asks to hold goods for an order (S0-07).
type ReserveInventory struct {
	Command
	Items []Line `json:"items"`
}

// Reservation is the hold on one SKU (S0-08).
type Reservation struct {
	SKU           string `json:"sku"`
	ReservationID string `json:"reservation_id"`
}

// ReserveInventoryOK lists one reservation per SKU (S0-08).
type ReserveInventoryOK struct {
	Reservations []Reservation `json:"reservations"`
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

// ChargePaymentOK names the payment (S0-10).
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
