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
	fence
	Guests map[string]fence `json:"guests"` // of later steps that act on this row
}

// fence is the verdicts on the commands of one step.
type fence struct {
	Action       *verdict `json:"action"`
	Compensation *verdict `json:"compensation"`
	Reversal     *verdict `json:"reversal"`
}

type verdict struct {
	Accepted bool  `json:"accepted"`
	At       int64 `json:"at"` // microseconds since 1970 UTC
}

// remember decodes a participant's value.
func remember[R any](value []byte) (m memory[R], err error) {
	usual := members(value, func(name, value []byte) bool {
		switch string(name) {
		case "saga_id":
			return setText(&m.SagaID, value)
		case "step":
			return setInt(&m.Step, value)
		case "action":
			return setVerdict(&m.Action, value)
		case "compensation":
			return setVerdict(&m.Compensation, value)
		case "effect":
			m.Effect = new(R)
			return readRowOf(m.Effect, value)
		case "promise":
			return true
		}
		return false
	})
	if usual {
		return m, nil
	}
	m = memory[R]{}
	return m, json.Unmarshal(value, &m)
}

func setVerdict(to **verdict, value []byte) bool {
	v := &verdict{}
	*to = v
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "accepted":
			v.Accepted = string(value) == "true"
			return v.Accepted || string(value) == "false"
		case "at":
			return setInt(&v.At, value)
		}
		return true
	})
}

// undoneAt is when a compensation was accepted first; 0 if none was.
func (f *fence) undoneAt() int64 {
	for _, v := range []*verdict{f.Compensation, f.Reversal} {
		if v != nil && v.Accepted {
			return max(v.At, 1)
		}
	}
	return 0
}

// isRevived tells whether the action was accepted after its compensation (I11).
func (f *fence) isRevived() bool {
	undone := f.undoneAt()
	return undone != 0 && f.Action != nil && f.Action.Accepted && f.Action.At > undone
}

// ReadEffects reads a participant's value: one effect, or none as after a
// decline, or several where later steps act on the same row. The saga id is empty
// if the key does not tell it.
func ReadEffects(bucket, key string, value []byte) (sagaID string, effects []Effect) {
	name := key
	if bucket == protocol.BucketInventory {
		name = strings.TrimPrefix(key, reservationPrefix)
	}
	sagaID, step, err := parseStepKey(name)
	if err != nil {
		return "", []Effect{&Unreadable{Bucket: bucket, Why: err.Error()}}
	}
	r := reading{bucket: bucket, sagaID: sagaID, step: step}
	switch bucket {
	case protocol.BucketInventory:
		effects, err = readRow(r, value, reservationOf)
	case protocol.BucketPayments:
		effects, err = readRow(r, value, paymentOf)
	default:
		effects, err = readRow(r, value, shipmentOf)
	}
	if err != nil {
		return sagaID, []Effect{&Unreadable{Bucket: bucket, Step: step, Why: err.Error()}}
	}
	return sagaID, effects
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

// reading is whose value is read.
type reading struct {
	bucket, sagaID string
	step           uint8
	fence          *fence
	guests         map[string]fence
}

// origin is that of an effect of the step itself.
func (r *reading) origin(state State) Origin {
	return Origin{Step: r.step, State: state, Revived: r.fence.isRevived()}
}

// guest is the origin of an effect of a later step.
func (r *reading) guest(step uint8, state State) Origin {
	f := r.guests[strconv.Itoa(int(step))]
	return Origin{Step: step, State: state, Revived: f.isRevived()}
}

func readRow[R any](r reading, value []byte, effectsOf func(*reading, *R) ([]Effect, error)) (effects []Effect, err error) {
	m, err := remember[R](value)
	if err != nil {
		return nil, fmt.Errorf("decoding it: %w", err)
	}
	if m.SagaID != r.sagaID || m.Step != int(r.step) {
		return nil, fmt.Errorf("it is of step %d of saga %q", m.Step, m.SagaID)
	}
	r.fence, r.guests = &m.fence, m.Guests
	if m.Effect != nil {
		if effects, err = effectsOf(&r, m.Effect); err != nil {
			return nil, err
		}
	}
	return r.tombstones(effects), nil
}

// tombstones adds those of steps that left nothing else.
func (r *reading) tombstones(effects []Effect) []Effect {
	bury := func(step uint8, f *fence) {
		has := func(e Effect) bool { return e.Place().Step == step }
		if f.undoneAt() != 0 && !slices.ContainsFunc(effects, has) {
			effects = append(effects, &Tombstone{Bucket: r.bucket, Origin: Origin{Step: step}})
		}
	}
	bury(r.step, r.fence)
	for number, f := range r.guests {
		if step, err := strconv.ParseUint(number, 10, 8); err == nil {
			bury(uint8(step), &f)
		}
	}
	return effects
}

// The documented forms of reservations and shipments.
type (
	reservationRow struct {
		Status string    `json:"status"`
		Lines  []holdRow `json:"lines"`
	}
	holdRow struct {
		SKU           string `json:"sku"`
		Quantity      int64  `json:"quantity"`
		Backordered   int64  `json:"backordered"`
		ReservationID string `json:"reservation_id"`
		Since         int64  `json:"since"`
	}
	shipmentRow struct {
		ShipmentID     string          `json:"shipment_id"`
		TrackingNumber string          `json:"tracking_number"`
		Items          []protocol.Line `json:"items"`
		Address        string          `json:"address"`
		Status         string          `json:"status"`
	}
)

func reservationOf(at *reading, row *reservationRow) ([]Effect, error) {
	r := &Reservation{Origin: at.origin(Live)}
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
	return []Effect{r}, r.fillLines(row)
}

// fillLines reads what the lines of a reservation say.
func (r *Reservation) fillLines(row *reservationRow) error {
	ordered := make([]protocol.Line, 0, len(row.Lines))
	held := make([]protocol.Line, 0, len(row.Lines))
	ids := make([]protocol.Reservation, 0, len(row.Lines))
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

func shipmentOf(at *reading, row *shipmentRow) ([]Effect, error) {
	status := row.Status
	if status == "handed_over" {
		status = "created" // a parcel on its way stands, as its label does
	}
	state, err := stateOf(status, "created", "cancelled")
	if err != nil {
		return nil, err
	}
	return []Effect{&Shipment{
		Origin: at.origin(state), Goods: GoodsOf(row.Items), Address: PrintOf(row.Address),
		ID: PrintOf(row.ShipmentID), Tracking: PrintOf(row.TrackingNumber),
	}}, nil
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
func printOfIDs(held []protocol.Reservation) (sum Print) {
	for _, h := range held {
		sum += mix(PrintOf(h.SKU) ^ mix(PrintOf(h.ReservationID)))
	}
	return max(sum, 1)
}
