package protocol

import "encoding/json"

// Types of the messages between client and orchestrator (S0-06, S0-13, S0-17).
const (
	TypeCheckout         = "checkout"
	TypeCheckoutComplete = "checkout_complete"
	TypeCheckoutFailed   = "checkout_failed"
	TypeCheckoutAccepted = "checkout_accepted"
	TypeCheckoutStatus   = "checkout_status"
	TypeCheckoutList     = "checkout_list"
	TypeCheckoutPlan     = "checkout_plan"
	TypeDefinitions      = "checkout_definitions"
	TypeCallbackAccepted = "callback_accepted"
	TypeStock            = "stock"
	TypeError            = "error"
)

// Line is one line of an order.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// StartRequest asks for one checkout (S0-06). SagaID may be absent: one is made.
type StartRequest struct {
	Type            string          `json:"type,omitempty"`   // "checkout" or absent
	MsgID           json.RawMessage `json:"msg_id,omitempty"` // echoed as in_reply_to
	SagaID          string          `json:"saga_id,omitempty"`
	Definition      string          `json:"definition,omitempty"` // default "checkout"
	UserID          string          `json:"user_id"`
	Items           []Line          `json:"items"`
	ShippingAddress string          `json:"shipping_address"`
	Amount          Decimal         `json:"amount,omitempty"` // the total as the client has it; its definition says what it means (X8)
	Currency        string          `json:"currency,omitempty"`
	WaitMS          *int64          `json:"wait_ms,omitempty"` // how long the caller waits for the end
}

// Outcome is what a client learns of its checkout: checkout_complete,
// checkout_failed or checkout_accepted.
type Outcome struct {
	Type      string          `json:"type"`
	SagaID    string          `json:"saga_id"`
	Status    string          `json:"status"`             // COMPLETED, ABORTED, STUCK, KILLED, or the phase while it runs
	OrderID   string          `json:"order_id,omitempty"` // of a completed checkout
	Reason    string          `json:"reason,omitempty"`   // of a failed one
	InReplyTo json.RawMessage `json:"in_reply_to,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"` // unknown fields that were ignored
}

// StatusRequest asks for one saga.
type StatusRequest struct {
	SagaID string `json:"saga_id"`
}

// Status is one saga as people ask for it; its shape follows N0-2.
type Status struct {
	Type              string       `json:"type"`
	SagaID            string       `json:"saga_id"`
	Definition        string       `json:"definition"`
	DefinitionHash    string       `json:"definition_hash"`
	Status            string       `json:"status"` // one of the constants StatusPending … StatusKilled
	CurrentStep       int          `json:"current_step,omitempty"`
	CompletedSteps    []int        `json:"completed_steps"`
	CompensatingSteps []int        `json:"compensating_steps"`
	Steps             []StepStatus `json:"steps"`
	OrderID           string       `json:"order_id,omitempty"`
	Reason            string       `json:"reason,omitempty"`
	WaitingFor        string       `json:"waiting_for,omitempty"`     // in words, while it waits
	NextAttemptAt     string       `json:"next_attempt_at,omitempty"` // when something happens by itself, if nothing does before
	Deadline          string       `json:"deadline,omitempty"`        // when the saga gives up
	Incidents         []Incident   `json:"incidents,omitempty"`       // the open ones
	StartedAt         string       `json:"started_at"`
	UpdatedAt         string       `json:"updated_at"`
	Owner             string       `json:"owner,omitempty"`
	Revision          uint64       `json:"revision"`
}

// StepStatus is one step of a saga.
type StepStatus struct {
	Step                 int             `json:"step"`
	Transaction          string          `json:"transaction"` // the action, such as ReserveInventory
	Service              string          `json:"service"`
	Status               string          `json:"status"` // one of the constants StepPending … StepSkipped
	Attempts             int             `json:"attempts,omitempty"`
	CompensationAttempts int             `json:"compensation_attempts,omitempty"`
	RequestID            string          `json:"request_id,omitempty"`      // of a result that comes later
	NextAttemptAt        string          `json:"next_attempt_at,omitempty"` // or until when its result is awaited
	Result               json.RawMessage `json:"result,omitempty"`
	LastError            string          `json:"last_error,omitempty"`
}

// Filter picks sagas; what is absent matches every saga.
type Filter struct {
	Status      string `json:"status,omitempty"`
	Definition  string `json:"definition,omitempty"`
	Step        string `json:"step,omitempty"`          // name of a step in progress
	Code        string `json:"code,omitempty"`          // of the first failure, such as insufficient_funds
	Incident    string `json:"incident,omitempty"`      // kind of an open incident, or AnyIncident
	OlderThanMS int64  `json:"older_than_ms,omitempty"` // unchanged for longer than this
}

// ListRequest asks for the newest sagas that match.
type ListRequest struct {
	Filter
	Limit int `json:"limit,omitempty"` // 1 to 1,000; default 100
}

// List is a page of sagas, newest first.
type List struct {
	Type  string    `json:"type"`
	Sagas []Summary `json:"sagas"`
	Total int       `json:"total"` // all that match, listed or not
}

// Summary is one row of a List.
type Summary struct {
	SagaID     string `json:"saga_id"`
	Definition string `json:"definition"`
	Status     string `json:"status"`
	Step       string `json:"step,omitempty"`     // in progress
	Code       string `json:"code,omitempty"`     // of the first failure
	Incident   string `json:"incident,omitempty"` // kind of the first open one
	StartedAt  string `json:"started_at"`
	UpdatedAt  string `json:"updated_at"`
}
