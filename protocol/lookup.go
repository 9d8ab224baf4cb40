package protocol

// Questions of people to a participant, which change nothing and on which no saga
// depends.

// RowQuery asks a participant for what it holds for one step of a saga: the
// payment, the shipment (S2-16). Unlike QueryStep, which asks for the answer to an
// action, it shows the business row as it is now.
type RowQuery struct {
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
}

// Validate checks that the question names a step. The error is an *Error.
func (q RowQuery) Validate() error {
	return firstOf(CheckID("saga_id", q.SagaID), checkRange("step", int64(q.Step), 1, MaxSteps))
}

// StockQuery asks how much there is of one SKU.
type StockQuery struct {
	SKU string `json:"sku"`
}

// Validate checks the sku. The error is an *Error.
func (q StockQuery) Validate() error { return CheckID("sku", q.SKU) }

// StockLevel answers a StockQuery, in pieces. Available is OnHand less Reserved
// (X14).
type StockLevel struct {
	Type      string `json:"type"` // TypeStock
	SKU       string `json:"sku"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
}
