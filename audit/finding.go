package audit

// Invariant names the promise that a finding breaks.
type Invariant string

// The invariants.
const (
	I1 Invariant = "I1" // a COMPLETED saga has one net charge of the amount, one live shipment, and holds its goods
	I2 Invariant = "I2" // an ABORTED saga has no net charge, no live shipment and holds no goods
	I3 Invariant = "I3" // stock is never negative, and never more is reserved than there is
	I4 Invariant = "I4" // no effect without a journal entry, and no entry "done" without an effect
	I5 Invariant = "I5" // an open saga is in the inbox, so that somebody works on it
	I6 Invariant = "I6" // a saga ends once, and in one way
)

// What has to hold before the invariants can be looked at.
const (
	Chain      Invariant = "chain"      // the events of a record are those that were written
	History    Invariant = "history"    // the events follow from each other by the definition
	Definition Invariant = "definition" // the definition that a saga began with is known here
	Record     Invariant = "record"     // a record is readable and is of its key
	Row        Invariant = "row"        // a participant's value is readable and is of its key
)

// Finding is one violation and where it is seen.
type Finding struct {
	Invariant Invariant `json:"invariant"`
	SagaID    string    `json:"saga_id,omitempty"`
	SKU       string    `json:"sku,omitempty"`
	What      string    `json:"what"`     // in words
	Evidence  string    `json:"evidence"` // the bucket, the key and what stands there
}
