package shipping

import (
	"context"
	"encoding/json"
	"fmt"

	"amends/protocol"
	"amends/worker"
)

// Query names one shipment, in one of three ways: by saga and step, by its id, or
// by its tracking number (S2-16).
type Query struct {
	SagaID         string `json:"saga_id,omitempty"`
	Step           int    `json:"step,omitempty"`
	ShipmentID     string `json:"shipment_id,omitempty"`
	TrackingNumber string `json:"tracking_number,omitempty"`
}

// Validate checks that the shipment is named in exactly one way. The error is a
// *protocol.Error.
func (q Query) Validate() error {
	ways := 0
	for _, used := range [...]bool{q.SagaID != "" || q.Step != 0, q.ShipmentID != "", q.TrackingNumber != ""} {
		if used {
			ways++
		}
	}
	switch {
	case ways > 1:
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "shipment_id",
			Message: "name the shipment in one way only: by saga_id and step, shipment_id or tracking_number",
		}
	case q.TrackingNumber != "":
		return checkTracking(q.TrackingNumber)
	case len(q.ShipmentID) > protocol.MaxReferenceBytes:
		return &protocol.Error{
			Code: protocol.CodeTooLarge, Field: "shipment_id",
			Message: fmt.Sprintf("is longer than %d bytes", protocol.MaxReferenceBytes),
		}
	case q.ShipmentID != "":
		return nil
	}
	return protocol.RowQuery{SagaID: q.SagaID, Step: q.Step}.Validate()
}

// errNotFound is said of a shipment that was never made, in the words of document
// 002 (S2-15).
var errNotFound = &protocol.Error{Code: protocol.CodeNotFound, Message: "Shipment not found"}

// counter is where people ask for shipments, and hand parcels over.
type counter struct {
	shipments *worker.Book[Shipment]
	numbers   *worker.Finder[Shipment]
}

// find returns the step of the shipment that a query names.
func (c counter) find(ctx context.Context, q Query) (id protocol.SagaID, step int, err error) {
	switch {
	case q.ShipmentID != "":
		id, step, known := stepOf(q.ShipmentID)
		if !known {
			return id, 0, errNotFound
		}
		return id, step, nil
	case q.TrackingNumber != "":
		id, step, found, err := c.numbers.Find(ctx, q.TrackingNumber)
		if err == nil && !found {
			err = errNotFound
		}
		return id, step, err
	}
	id, err = protocol.ParseSagaID(q.SagaID)
	return id, q.Step, err
}

// get shows a shipment (shipping.get).
func (c counter) get(ctx context.Context, q Query) (json.RawMessage, error) {
	id, step, err := c.find(ctx, q)
	if err != nil {
		return nil, err
	}
	return show(id, step)(c.shipments.Effect(ctx, id, step))
}

// handOver notes that the carrier has a parcel, and shows its shipment
// (shipping.handover).
func (c counter) handOver(ctx context.Context, q Query) (json.RawMessage, error) {
	id, step, err := c.find(ctx, q)
	if err != nil {
		return nil, err
	}
	return show(id, step)(c.shipments.Revise(ctx, protocol.StepKey(id, step), HandOver))
}

// show is the answer that shows the shipment of a step.
func show(id protocol.SagaID, step int) func(*Shipment, error) (json.RawMessage, error) {
	return func(s *Shipment, err error) (json.RawMessage, error) {
		switch {
		case err != nil:
			return nil, err
		case s == nil:
			return nil, errNotFound
		}
		return protocol.EncodeReply(protocol.Reply{Type: "shipment", SagaID: id.String(), Step: step}, s)
	}
}
