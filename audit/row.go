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
			ReservationID string `json:"reservation_id"`
		} `json:"lines"`
	}
	chargeRow struct {
		PaymentID     string           `json:"payment_id"`
		TransactionID string           `json:"transaction_id"`
		UserID        string           `json:"user_id"`
		Amount        protocol.Decimal `json:"amount"`
		Currency      string           `json:"currency"`
		Status        string           `json:"status"`
		Refund        *struct {
			Amount protocol.Decimal `json:"amount"`
		} `json:"refund"`
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
	state, err := stateOf(row.Status, "active", "released")
	if err != nil {
		return nil, err
	}
	lines := make([]protocol.Line, len(row.Lines))
	held := make([]protocol.Reservation, len(row.Lines))
	for i, line := range row.Lines {
		if err := protocol.CheckID("sku", line.SKU); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if line.Quantity < 1 {
			return nil, fmt.Errorf("line %d holds %d pieces of %s", i+1, line.Quantity, line.SKU)
		}
		lines[i] = protocol.Line{SKU: line.SKU, Quantity: line.Quantity}
		held[i] = protocol.Reservation{SKU: line.SKU, ReservationID: line.ReservationID}
	}
	return &Reservation{Step: step, State: state, Goods: GoodsOf(lines), IDs: printOfIDs(held)}, nil
}

func chargeOf(step uint8, row *chargeRow) (Effect, error) {
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
	if row.Refund != nil {
		refunded, err := protocol.ParseMoney("refund.amount", row.Refund.Amount, row.Currency)
		if err != nil {
			return nil, err
		}
		c.Refunded = refunded.Minor
	}
	return c, nil
}

func shipmentOf(step uint8, row *shipmentRow) (Effect, error) {
	state, err := stateOf(row.Status, "created", "cancelled")
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
