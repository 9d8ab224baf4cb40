package shipping

import (
	"strconv"
	"strings"

	"amends/protocol"
)

// Status is the state of a shipment.
type Status string

// The statuses of a shipment. A label may be cancelled as long as it is Created.
const (
	Created    Status = "created"
	HandedOver Status = "handed_over" // the carrier has the parcel
	Cancelled  Status = "cancelled"
)

// Reasons for which a command is declined, as they stand in Failure.Error.
const (
	ReasonAddressUndeliverable = "address_undeliverable"
	ReasonNotServed            = "destination_not_served"
	ReasonShipmentMismatch     = "shipment_mismatch" // a cancel of another shipment than that of the step
	ReasonHandedOver           = "handed_over"       // a cancel after the parcel has left (D23)
)

// Shipment is a shipping label and what became of it. Times are microseconds
// since 1970 UTC.
type Shipment struct {
	ShipmentID     string          `json:"shipment_id"`
	TrackingNumber string          `json:"tracking_number"`
	Items          []protocol.Line `json:"items"`
	Address        string          `json:"address"`
	Status         Status          `json:"status"`
	CreatedAt      int64           `json:"created_at"`
	CancelUntil    int64           `json:"cancel_until,omitempty"` // then the parcel counts as handed over; 0 is never
	HandedOverAt   int64           `json:"handed_over_at,omitempty"`
	CancelledAt    int64           `json:"cancelled_at,omitempty"`
}

// Rules are what a shop decides about its labels.
type Rules struct {
	// CancelWindow is how long after it was made a label may be cancelled, in
	// microseconds; 0 is until its parcel is handed over.
	CancelWindow int64
	// Faultless makes the courier wait for nobody's word (see carrier.go).
	Faultless bool
}

// Create is that of the rules for demonstrations.
func Create(cmd protocol.CreateShipment, at int64) (Shipment, protocol.CreateShipmentOK, *protocol.Failure) {
	return Rules{}.Create(cmd, at)
}

// Create makes a shipping label, or declines an address to which nobody delivers
// (S0-11, S0-12). Its ids are made from the key of the command, so that no
// repetition can make another shipment.
func (r Rules) Create(cmd protocol.CreateShipment, at int64) (Shipment, protocol.CreateShipmentOK, *protocol.Failure) {
	if reason := refusal(cmd.Address); reason != "" {
		return Shipment{}, protocol.CreateShipmentOK{}, &protocol.Failure{Error: reason}
	}
	key := stepName(cmd.Command)
	shipment := Shipment{
		ShipmentID: shipmentPrefix + key, TrackingNumber: trackingNumber(key),
		Items: cmd.Items, Address: cmd.Address, Status: Created, CreatedAt: at,
	}
	if r.CancelWindow > 0 {
		shipment.CancelUntil = at + r.CancelWindow
	}
	if !r.Faultless && has(cmd.Address, courierWaiting) {
		shipment.Status, shipment.HandedOverAt = HandedOver, at
	}
	return shipment, protocol.CreateShipmentOK{
		ShipmentID: shipment.ShipmentID, TrackingNumber: shipment.TrackingNumber,
	}, nil
}

// Cancel takes a label back (S0-04), unless the carrier has the parcel (D23). A
// command that names a shipment must name that of the step.
func Cancel(cmd protocol.CancelShipment, done Shipment, at int64) (Shipment, *protocol.Failure) {
	switch {
	case cmd.ShipmentID != "" && cmd.ShipmentID != done.ShipmentID:
		return Shipment{}, &protocol.Failure{Error: ReasonShipmentMismatch}
	case done.Status == HandedOver, done.CancelUntil != 0 && at >= done.CancelUntil:
		return Shipment{}, &protocol.Failure{Error: ReasonHandedOver}
	}
	done.Status, done.CancelledAt = Cancelled, at
	return done, nil
}

// HandOver notes that the carrier has the parcel. A parcel is handed over once;
// that of a cancelled label must not be. The error is a *protocol.Error.
func HandOver(done Shipment, at int64) (after Shipment, changed bool, err error) {
	switch done.Status {
	case Created:
		done.Status, done.HandedOverAt = HandedOver, at
		return done, true, nil
	case HandedOver:
		return done, false, nil
	case Cancelled:
	}
	return done, false, &protocol.Error{
		Code: protocol.CodeActRefused, Message: "its label was cancelled; do not hand the parcel over",
	}
}

// shipmentPrefix is how the id of a shipment begins: s-<saga_id>-<step>.
const shipmentPrefix = "s-"

// stepName names a step: <saga_id>-<step>.
func stepName(c protocol.Command) string { return c.SagaID + "-" + strconv.Itoa(c.Step) }

// stepOf finds the step in the id of its shipment. A saga id may hold dashes; a
// number holds none.
func stepOf(shipmentID string) (id protocol.SagaID, step int, known bool) {
	name := strings.TrimPrefix(shipmentID, shipmentPrefix)
	dash := strings.LastIndexByte(name, '-')
	if dash < 0 {
		return id, 0, false
	}
	id, err := protocol.ParseSagaID(name[:dash])
	step, bad := strconv.Atoi(name[dash+1:])
	if err != nil || bad != nil || step < 1 || step > protocol.MaxSteps {
		return id, 0, false
	}
	return id, step, shipmentID == shipmentPrefix+stepName(protocol.Command{SagaID: id.String(), Step: step})
}
