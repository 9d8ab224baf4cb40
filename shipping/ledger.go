package shipping

import (
	"strconv"
	"strings"

	"amends/protocol"
)

// Status is the state of a shipment.
type Status string

// The statuses of a shipment.
const (
	Created   Status = "created"
	Cancelled Status = "cancelled"
)

// Reasons for which a command is declined, as they stand in Failure.Error.
const (
	ReasonAddressUndeliverable = "address_undeliverable"
	ReasonShipmentMismatch     = "shipment_mismatch" // a cancel of another shipment than that of the step
)

// undeliverable is the word that makes an address one to which nobody delivers,
// in any case: the fixture of demos and tests for a shipment that fails.
const undeliverable = "undeliverable"

// Shipment is a shipping label and what became of it. Times are microseconds
// since 1970 UTC.
type Shipment struct {
	ShipmentID     string          `json:"shipment_id"`
	TrackingNumber string          `json:"tracking_number"`
	Items          []protocol.Line `json:"items"`
	Address        string          `json:"address"`
	Status         Status          `json:"status"`
	CreatedAt      int64           `json:"created_at"`
	CancelledAt    int64           `json:"cancelled_at,omitempty"`
}

// Create makes a shipping label, or declines an address to which nobody delivers
// (S0-11, S0-12). Its ids are made from the key of the command, so that no
// repetition can make another shipment.
func Create(cmd protocol.CreateShipment, at int64) (Shipment, protocol.CreateShipmentOK, *protocol.Failure) {
	if strings.Contains(strings.ToLower(cmd.Address), undeliverable) {
		return Shipment{}, protocol.CreateShipmentOK{}, &protocol.Failure{Error: ReasonAddressUndeliverable}
	}
	key := cmd.SagaID + "-" + strconv.Itoa(cmd.Step)
	shipment := Shipment{
		ShipmentID: "s-" + key, TrackingNumber: trackingNumber(key),
		Items: cmd.Items, Address: cmd.Address, Status: Created, CreatedAt: at,
	}
	return shipment, protocol.CreateShipmentOK{
		ShipmentID: shipment.ShipmentID, TrackingNumber: shipment.TrackingNumber,
	}, nil
}

// Cancel takes a label back (S0-04). A command that names a shipment must name
// that of the step.
func Cancel(cmd protocol.CancelShipment, done Shipment, at int64) (Shipment, *protocol.Failure) {
	if cmd.ShipmentID != "" && cmd.ShipmentID != done.ShipmentID {
		return Shipment{}, &protocol.Failure{Error: ReasonShipmentMismatch}
	}
	done.Status, done.CancelledAt = Cancelled, at
	return done, nil
}
