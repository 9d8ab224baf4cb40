package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
)

// Prefixes of the keys of bucket INVENTORY.
const (
	reservationPrefix = "reservation."
	stockPrefix       = "stock."
	deliveryPrefix    = "restock."
	horizonKey        = "horizon" // of the inventory alone: where it begins to read
)

// memory is the documented form of a participant's value: what it remembers of
// one step of one saga, as far as the audit is concerned.
type memory[R any] struct {
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
	Effect *R     `json:"effect"`
}

// The documented forms of the business rows.
type (
	reservationRow struct {
		Status string `json:"status"`
		Lines  []struct {
			SKU           string `json:"sku"`
			Quantity      int64  `json:"quantity"`
			Backordered   int64  `json:"backordered"`
			ReservationID string `json:"reservation_id"`
			Since         int64  `json:"since"`
		} `json:"lines"`
	}
	chargeRow struct {
		PaymentID     string           `json:"payment_id"`
		TransactionID string           `json:"transaction_id"`
		UserID        string           `json:"user_id"`
		Amount        protocol.Decimal `json:"amount"`
		Currency      string           `json:"currency"`
		Status        string           `json:"status"`
		// PartialRefunds leave something, and may stand beside a charge that stands.
		PartialRefunds []refundRow `json:"partial_refunds"`
		Refund         *refundRow  `json:"refund"`
		// Authorization marks a payment in two parts, of which the audit knows nothing
		// yet.
		Authorization json.RawMessage `json:"authorization"`
	}
	refundRow struct {
		Amount protocol.Decimal `json:"amount"`
	}
	shipmentRow struct {
		ShipmentID     string          `json:"shipment_id"`
		TrackingNumber string          `json:"tracking_number"`
		Items          []protocol.Line `json:"items"`
		Address        string          `json:"address"`
		Status         string          `json:"status"`
	}
)

// ReadEffect reads a participant's value. The effect is nil if nothing was done,
// as after a decline. The saga id is empty if the key does not tell it.
func ReadEffect(bucket, key string, value []byte) (sagaID string, effect Effect) {
	name := key
	if bucket == protocol.BucketInventory {
		name = strings.TrimPrefix(key, reservationPrefix)
	}
	sagaID, step, err := parseStepKey(name)
	if err != nil {
		return "", &Unreadable{Bucket: bucket, Why: err.Error()}
	}
	switch bucket {
	case protocol.BucketInventory:
		effect, err = readRow(sagaID, step, value, reservationOf)
	case protocol.BucketPayments:
		effect, err = readRow(sagaID, step, value, chargeOf)
	default:
		effect, err = readRow(sagaID, step, value, shipmentOf)
	}
	if err != nil {
		return sagaID, &Unreadable{Bucket: bucket, Step: step, Why: err.Error()}
	}
	return sagaID, effect
}

// parseStepKey takes <saga_id>.<step> apart.
func parseStepKey(key string) (sagaID string, step uint8, err error) {
	sagaID, number, _ := strings.Cut(key, ".")
	n, err := strconv.ParseUint(number, 10, 8)
	if _, invalid := protocol.ParseSagaID(sagaID); err != nil || invalid != nil || n < 1 || n > protocol.MaxSteps {
		return "", 0, fmt.Errorf("the key %q is not of the form <saga_id>.<step>", key)
	}
	return sagaID, uint8(n), nil
}

func readRow[R any](sagaID string, step uint8, value []byte, effectOf func(uint8, *R) (Effect, error)) (Effect, error) {
	var m memory[R]
	if err := json.Unmarshal(value, &m); err != nil {
		return nil, fmt.Errorf("decoding it: %w", err)
	}
	if m.SagaID != sagaID || m.Step != int(step) {
		return nil, fmt.Errorf("it is of step %d of saga %q", m.Step, m.SagaID)
	}
	if m.Effect == nil {
		return nil, nil
	}
	return effectOf(step, m.Effect)
}

func reservationOf(step uint8, row *reservationRow) (Effect, error) {
	r := &Reservation{Step: step, State: Live}
	switch row.Status {
	case "active":
	case "committed":
		r.End = Sold
	case "released":
		r.State = Undone
	case "expired":
		r.State, r.End = Undone, Lapsed
	default:
		return nil, fmt.Errorf("status %q is none of active, committed, released and expired", row.Status)
	}
	return r, r.fillLines(row)
}

// fillLines reads what the lines of a reservation say.
func (r *Reservation) fillLines(row *reservationRow) error {
	var ordered, held []protocol.Line
	var ids []protocol.Reservation
	r.Moves = &Moves{}
	for i, line := range row.Lines {
		if err := protocol.CheckID("sku", line.SKU); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if line.Quantity < 0 || line.Backordered < 0 || line.Quantity+line.Backordered < 1 {
			return fmt.Errorf("line %d holds %d pieces of %s", i+1, line.Quantity, line.SKU)
		}
		ordered = append(ordered, protocol.Line{SKU: line.SKU, Quantity: line.Quantity + line.Backordered})
		held = append(held, protocol.Line{SKU: line.SKU, Quantity: line.Quantity})
		ids = append(ids, protocol.Reservation{SKU: line.SKU, ReservationID: line.ReservationID})
		if r.End == Sold {
			r.Moves.Taken = append(r.Moves.Taken, Taken{SKU: line.SKU, Pieces: line.Quantity, Since: line.Since})
		}
	}
	r.Goods, r.IDs = GoodsOf(ordered), printOfIDs(ids)
	if r.holds() {
		r.Moves.Held = GoodsOf(held)
	}
	return nil
}

func chargeOf(step uint8, row *chargeRow) (Effect, error) {
	switch {
	case row.Authorization != nil, row.Status == "capturing": // nobody knows of any money yet
		return nil, nil
	case row.Status == "refunding": // none of it is back yet
		row.Status, row.Refund = "captured", nil
	}
	state, err := stateOf(row.Status, "captured", "refunded")
	if err != nil {
		return nil, err
	}
	c := &Charge{
		Step: step, State: state, User: PrintOf(row.UserID),
		Payment: PrintOf(row.PaymentID), Transaction: PrintOf(row.TransactionID),
	}
	if c.Amount, err = protocol.ParseMoney("amount", row.Amount, row.Currency); err != nil {
		return nil, err
	}
	c.Refunded, err = row.refunded(state)
	return c, err
}

// refunded is what was given back of a charge, in minor units; of one that stands,
// parts of it that were meant to go back are left out.
func (row *chargeRow) refunded(state State) (minor int64, err error) {
	refunds := row.PartialRefunds
	if state == Live {
		refunds = nil
	}
	if row.Refund != nil {
		refunds = append(slices.Clip(refunds), *row.Refund)
	}
	sum := protocol.Money{Currency: row.Currency}
	for _, r := range refunds {
		part, err := protocol.ParseMoney("refund.amount", r.Amount, row.Currency)
		if err == nil {
			sum, err = sum.Add(part)
		}
		if err != nil {
			return 0, err
		}
	}
	return sum.Minor, nil
}

func shipmentOf(step uint8, row *shipmentRow) (Effect, error) {
	status := row.Status
	if status == "handed_over" {
		status = "created" // a parcel on its way stands, as its label does
	}
	state, err := stateOf(status, "created", "cancelled")
	if err != nil {
		return nil, err
	}
	return &Shipment{
		Step: step, State: state, Goods: GoodsOf(row.Items), Address: PrintOf(row.Address),
		ID: PrintOf(row.ShipmentID), Tracking: PrintOf(row.TrackingNumber),
	}, nil
}

func stateOf(status, live, undone string) (State, error) {
	switch status {
	case live:
		return Live, nil
	case undone:
		return Undone, nil
	}
	return None, fmt.Errorf("status %q is neither %s nor %s", status, live, undone)
}

// printOfIDs is the fingerprint of reservation ids with their SKUs, in any
// order.
func printOfIDs(held []protocol.Reservation) Print {
	ids := make([]string, len(held))
	for i, h := range held {
		ids[i] = h.SKU + "=" + h.ReservationID
	}
	slices.Sort(ids)
	return PrintOf(strings.Join(ids, " "))
}
