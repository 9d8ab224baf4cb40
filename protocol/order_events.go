package protocol

// Domain events: what has become of an order, for whoever wants to follow. They
// come in two vocabularies side by side, those of two source documents; no name
// stands in both.

// The domain events of document 001 (S1-05 … S1-09). Names and fields are
// exactly those of the document.
const (
	Event001InventoryUnavailable   = "InventoryUnavailableEvent"
	Event001InventoryReserved      = "InventoryReservedEvent"
	Event001PaymentFailed          = "PaymentFailedEvent"
	Event001PaymentProcessed       = "PaymentProcessedEvent"
	Event001OrderPaid              = "OrderPaidEvent"
	Event001OrderCancelled         = "OrderCancelledEvent"
	Event001OrderFulfillmentFailed = "OrderFulfillmentFailedEvent"
)

// The choreography events (N0-3), and those that the course leaves out: a
// compensation is a fact of its own (D13). Each is an OrderFact.
const (
	EventOrderAccepted  = "OrderAccepted"
	EventOrderCompleted = "OrderCompleted"

	EventInventoryReserved          = "InventoryReserved"
	EventInventoryReservationFailed = "InventoryReservationFailed"
	EventInventoryReleased          = "InventoryReleased"
	EventInventoryCommitted         = "InventoryCommitted"
	EventInventoryCommitFailed      = "InventoryCommitFailed"

	EventPaymentCharged    = "PaymentCharged"
	EventPaymentAuthorized = "PaymentAuthorized"
	EventPaymentFailed     = "PaymentFailed"
	EventPaymentRefunded   = "PaymentRefunded"
	EventPaymentVoided     = "PaymentVoided"

	EventShipmentCreated   = "ShipmentCreated"
	EventShipmentFailed    = "ShipmentFailed"
	EventShipmentCancelled = "ShipmentCancelled"

	EventStepDone   = "StepDone" // of an action that has no events of its own
	EventStepFailed = "StepFailed"
	EventStepUndone = "StepUndone"
)

// OrderFact is the body of a choreography event (N0-3). Which ids it has depends
// on what the step is about.
type OrderFact struct {
	SagaID  string `json:"saga_id"`
	OrderID string `json:"order_id"`

	Definition string `json:"definition,omitempty"` // of OrderAccepted and OrderCompleted
	UserID     string `json:"user_id,omitempty"`    // likewise
	Items      []Line `json:"items,omitempty"`      // of OrderAccepted

	Step    int    `json:"step,omitempty"`
	Service string `json:"service,omitempty"`
	Action  string `json:"action,omitempty"` // the type of its command, such as ChargePayment

	Reservations    []Reservation `json:"reservations,omitempty"`
	PaymentID       string        `json:"payment_id,omitempty"`
	TransactionID   string        `json:"transaction_id,omitempty"`
	AuthorizationID string        `json:"authorization_id,omitempty"`
	ShipmentID      string        `json:"shipment_id,omitempty"`
	TrackingNumber  string        `json:"tracking_number,omitempty"`
	Amount          Decimal       `json:"amount,omitempty"`
	Currency        string        `json:"currency,omitempty"`

	Error       string   `json:"error,omitempty"` // of what failed
	DeclineCode string   `json:"decline_code,omitempty"`
	Unavailable []string `json:"unavailable,omitempty"` // SKUs

	Timestamp string `json:"timestamp"` // RFC 3339 in UTC
}

// OrderedItem is one line of an order in the words of document 001.
type OrderedItem struct {
	ProductID string `json:"ProductId"`
	Quantity  int64  `json:"Quantity"`
}

// InventoryUnavailableEvent says that goods are short (S1-05).
type InventoryUnavailableEvent struct {
	OrderID          string   `json:"OrderId"`
	UnavailableItems []string `json:"UnavailableItems"` // SKUs
	NotifiedAt       string   `json:"NotifiedAt"`
}

// InventoryReservedEvent says that all goods are held, under one id (S1-06, X11).
type InventoryReservedEvent struct {
	OrderID       string        `json:"OrderId"`
	ReservationID string        `json:"ReservationId"`
	Items         []OrderedItem `json:"Items"`
	ReservedAt    string        `json:"ReservedAt"`
}

// PaymentFailedEvent says that the payment was refused (S1-07).
type PaymentFailedEvent struct {
	OrderID  string `json:"OrderId"`
	Reason   string `json:"Reason"`
	FailedAt string `json:"FailedAt"`
}

// PaymentProcessedEvent says that money was taken (S1-08). Currency is ours: no
// amount goes without one (D1).
type PaymentProcessedEvent struct {
	PaymentID   string  `json:"PaymentId"`
	OrderID     string  `json:"OrderId"`
	Amount      Decimal `json:"Amount"`
	Currency    string  `json:"Currency,omitempty"`
	ProcessedAt string  `json:"ProcessedAt"`
}

// PaymentMethodCreditCard is the one method that document 001 knows.
const PaymentMethodCreditCard = "CreditCard"

// OrderPaidEvent says that the order is paid (S1-08).
type OrderPaidEvent struct {
	OrderID       string  `json:"OrderId"`
	PaymentID     string  `json:"PaymentId"`
	PaymentMethod string  `json:"PaymentMethod"`
	Amount        Decimal `json:"Amount"`
	Currency      string  `json:"Currency,omitempty"`
	PaidAt        string  `json:"PaidAt"`
}

// Who cancels an order, if nobody is named.
const (
	CancelledBySystem  = "System"  // a failure did, or the deadline (S1-05)
	CancelledByUnknown = "Unknown" // a person who did not say who
)

// OrderCancelledEvent says that the order did not come about, and that all that
// was done for it is undone (S1-05, S1-18).
type OrderCancelledEvent struct {
	OrderID      string `json:"OrderId"`
	CancelledBy  string `json:"CancelledBy"`
	Reason       string `json:"Reason"`
	RefundIssued bool   `json:"RefundIssued"`
	CancelledAt  string `json:"CancelledAt"`
}

// OrderFulfillmentFailedEvent says that something went wrong that is no refusal:
// nobody answered, the deadline passed, or a person is needed (S1-09).
type OrderFulfillmentFailedEvent struct {
	OrderID      string `json:"OrderId"`
	ErrorMessage string `json:"ErrorMessage"`
	FailedAt     string `json:"FailedAt"`
}
