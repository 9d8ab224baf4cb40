package audit

// Invariant names the promise that a finding breaks.
type Invariant string

// The invariants. docs/guides/audit.md says more of each, and what to do.
const (
	I1  Invariant = "I1"  // stock: never negative, never more reserved than there is, every piece accounted for
	I2  Invariant = "I2"  // money: a saga has one charge at most, of the amount; all of it goes back or none
	I3  Invariant = "I3"  // order: COMPLETED has its goods, one charge, one shipment, and an order id
	I4  Invariant = "I4"  // abort: ABORTED has no charge, holds no goods and has no shipment
	I5  Invariant = "I5"  // no orphan: no effect without its journal, no step "done" without its effect
	I6  Invariant = "I6"  // terminal or visible: an open saga is worked on, or its incident is shown
	I7  Invariant = "I7"  // legal history: the chain is whole, and the events follow the definition
	I8  Invariant = "I8"  // no early word: what was told stands in the journal, and was told completely
	I9  Invariant = "I9"  // single writer: one record and one owner per saga, no fork in its events
	I10 Invariant = "I10" // idempotent: each answer is given once and stays the same, each event is told once
	I11 Invariant = "I11" // unknown is undone: what was given up has its tombstone, and nothing came after it
	I12 Invariant = "I12" // bounded refund: never more than was taken, of the same payment, and never dropped
)

// Invariants are all invariants, in their order.
func Invariants() []Invariant {
	return []Invariant{I1, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12}
}

// Finding is one violation and where it is seen.
type Finding struct {
	Invariant Invariant `json:"invariant"`
	SagaID    string    `json:"saga_id,omitempty"`
	SKU       string    `json:"sku,omitempty"`
	What      string    `json:"what"`     // in words
	Evidence  string    `json:"evidence"` // the bucket or stream, the key, and what stands there
}

// number sorts invariants: I2 comes before I10.
func (i Invariant) number() int {
	for n, known := range Invariants() {
		if i == known {
			return n
		}
	}
	return len(Invariants())
}
