package protocol

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Orders are what customers and the people who serve them see of sagas. The
// service "order" tells how one stands and lists them; nobody's saga depends on
// it.

// ConsumerOrders is the durable consumer on the stream of SAGAS: how far domain
// events have been written.
const ConsumerOrders = "order"

// Headers of saga records by which orders are listed.
const (
	HeaderOrder  = "Amends-Order"  // the order_id
	HeaderUser   = "Amends-User"   // the user_id
	HeaderStatus = "Amends-Status" // in the words of the definition
)

// SubjectOrderEvents is the pattern of all events of one order:
// order.<order_id>.* and no other. The order id must have been checked.
func SubjectOrderEvents(orderID string) string { return "order." + orderID + ".*" }

// OrderKey is the key under which the bucket ORDERS_VIEW holds an order of a
// customer: <user_id>.<saga_id>.
func OrderKey(userID string, id SagaID) string { return userID + "." + id.String() }

// OrdersOf is the pattern <user_id>.* of the keys of all orders of a customer.
func OrdersOf(userID string) string { return userID + ".*" }

// EventID names one event of one order for ever, in the header Nats-Msg-Id:
// <saga_id>.<seq>.<Event>. seq is the number of the event of the journal that it
// follows from, counted from 1.
func EventID(sagaID string, seq int, event string) string {
	return sagaID + "." + strconv.Itoa(seq) + "." + event
}

// ParseEventID takes an EventID apart; ok is false for any other text.
func ParseEventID(text string) (sagaID string, seq int, event string, ok bool) {
	sagaID, rest, _ := strings.Cut(text, ".")
	number, event, _ := strings.Cut(rest, ".")
	seq, err := strconv.Atoi(number)
	ok = err == nil && seq > 0 && CheckID("saga_id", sagaID) == nil && CheckID("event", event) == nil
	return sagaID, seq, event, ok
}

// Types of the answers of the service "order".
const (
	TypeOrder     = "order"
	TypeOrderList = "order_list"
)

// OrderQuery asks for one order, by its own id or by that of its saga.
type OrderQuery struct {
	OrderID string `json:"order_id,omitempty"`
	SagaID  string `json:"saga_id,omitempty"`
}

// Validate checks that exactly one of the two ids is given. The error is an
// *Error.
func (q OrderQuery) Validate() error {
	switch {
	case q.OrderID == "" && q.SagaID == "":
		return missing("order_id")
	case q.OrderID != "" && q.SagaID != "":
		return invalid("saga_id", "must be absent when there is an order_id")
	case q.OrderID != "":
		return CheckID("order_id", q.OrderID)
	}
	return CheckID("saga_id", q.SagaID)
}

// Order is where one order stands. Status is in the words of its definition,
// SagaStatus one of the constants StatusPending … StatusKilled. Fields that do
// not apply are absent.
type Order struct {
	Type       string `json:"type"` // TypeOrder
	OrderID    string `json:"order_id"`
	SagaID     string `json:"saga_id"`
	Definition string `json:"definition"`
	Status     string `json:"status"`
	SagaStatus string `json:"saga_status"`

	UserID          string  `json:"user_id,omitempty"`
	Items           []Line  `json:"items,omitempty"`
	Amount          Decimal `json:"amount,omitempty"`
	Currency        string  `json:"currency,omitempty"`
	ShippingAddress string  `json:"shipping_address,omitempty"`

	PaymentID       string `json:"payment_id,omitempty"`
	TransactionID   string `json:"transaction_id,omitempty"`
	AuthorizationID string `json:"authorization_id,omitempty"`
	Refunded        bool   `json:"refunded,omitempty"` // what was paid has been given back
	ShipmentID      string `json:"shipment_id,omitempty"`
	TrackingNumber  string `json:"tracking_number,omitempty"`

	Reason    string   `json:"reason,omitempty"`    // of the first failure, in words
	Code      string   `json:"code,omitempty"`      // the same, for programs
	Incidents []string `json:"incidents,omitempty"` // the causes of the open ones; checkout.status has all of them

	StartedAt string       `json:"started_at"`
	UpdatedAt string       `json:"updated_at"`
	EndedAt   string       `json:"ended_at,omitempty"`
	Events    []OrderEntry `json:"events"` // what has become of it, oldest first
}

// OrderEntry is one event of an Order.
type OrderEntry struct {
	Event string `json:"event"`
	At    string `json:"at"`
}

// OrderListRequest asks for the newest orders that match; what is absent matches
// every order.
type OrderListRequest struct {
	Status     string `json:"status,omitempty"`  // in the words of the definition, or of the saga
	UserID     string `json:"user_id,omitempty"` // of the customer
	Definition string `json:"definition,omitempty"`
	Limit      int    `json:"limit,omitempty"` // 1 to 1,000; default 100
	Page       string `json:"page,omitempty"`  // Next of the page before; the newest if absent
}

// Validate checks the filter, that limit is at most MaxListLimit, and that page is
// one. The error is an *Error.
func (r OrderListRequest) Validate() error {
	_, errPage := ParseOrderPlace(r.Page)
	return firstOf(
		checkOptionalID("status", r.Status),
		checkOptionalID("user_id", r.UserID),
		checkOptionalID("definition", r.Definition),
		checkRange("limit", int64(r.Limit), 0, MaxListLimit),
		errPage,
	)
}

// OrderPlace is where a page of orders begins. The place stays where it is, whatever
// comes and goes before it.
type OrderPlace struct {
	// Below is the revision below which the records were last changed; 0 is the end.
	Below uint64
	// Began and SagaID are of the last order before the place: when it began, in
	// microseconds since 1970 UTC, and its saga. No SagaID is before everything.
	Began  int64
	SagaID string
}

// String is the place as a page names it: "", <began>.<saga_id>,
// <began>.<saga_id>.<below>, or ..<below>.
func (p OrderPlace) String() string {
	place, below := "", ""
	if p.SagaID != "" {
		place = strconv.FormatInt(p.Began, 10) + "." + p.SagaID
	}
	if p.Below > 0 {
		below = "." + strconv.FormatUint(p.Below, 10)
		place = cmp.Or(place, ".")
	}
	return place + below
}

// ParseOrderPlace takes the name of a page apart. The error is an *Error.
func ParseOrderPlace(page string) (OrderPlace, error) {
	p := OrderPlace{Began: math.MaxInt64}
	began, rest, _ := strings.Cut(page, ".")
	sagaID, below, _ := strings.Cut(rest, ".")
	// What is no number does not become what it was again.
	p.Below, _ = strconv.ParseUint(below, 10, 64)
	if sagaID != "" {
		p.Began, _ = strconv.ParseInt(began, 10, 64)
		p.SagaID = sagaID
	}
	if p.String() != page || p.SagaID != "" && CheckID("page", p.SagaID) != nil {
		return OrderPlace{}, invalid("page", "must be the next of an earlier page")
	}
	return p, nil
}

// OrderList is the newest orders that match, newest first. One question looks at so
// many records and no more: there may be fewer orders than were asked for, or none,
// and a Next behind which the search goes on.
type OrderList struct {
	Type   string         `json:"type"` // TypeOrderList
	Orders []OrderSummary `json:"orders"`
	Next   string         `json:"next,omitempty"` // the page behind these; absent if there is nothing more
}

// OrderSummary is one row of an OrderList.
type OrderSummary struct {
	OrderID    string `json:"order_id"`
	SagaID     string `json:"saga_id"`
	UserID     string `json:"user_id,omitempty"`
	Definition string `json:"definition"`
	Status     string `json:"status"`
	SagaStatus string `json:"saga_status"`
	Code       string `json:"code,omitempty"`     // of the first failure
	Incident   string `json:"incident,omitempty"` // kind of the first open one
	StartedAt  string `json:"started_at"`
	UpdatedAt  string `json:"updated_at"`
}
