package saga_test

import (
	"encoding/json"

	"amends/saga"
)

const (
	ms     = saga.Millisecond
	second = 1000 * ms
)

// checkout is the saga of document 000 written out in Go: three steps with
// their compensations, and exactly the fields that stand there (S0-02 … S0-15).
func checkout() *saga.Definition {
	return &saga.Definition{Name: "checkout", Steps: []saga.Step{{
		Name: "reserve", Service: "inventory", Kind: saga.Compensatable, Reason: "Inventory unavailable",
		Action: patient(saga.Operation{
			Type: "ReserveInventory", Subject: "inventory.reserve",
			Send: []saga.Field{{Name: "items", From: "request.items"}},
			Keep: []string{"reservations"},
		}),
		Compensation: patient(saga.Operation{
			Type: "ReleaseReservation", Subject: "inventory.release",
			Send: []saga.Field{{Name: "reservations", From: "reserve.reservations"}},
		}),
	}, {
		Name: "charge", Service: "payment", Kind: saga.Compensatable, Reason: "Payment declined: {decline_code}",
		Action: patient(saga.Operation{
			Type: "ChargePayment", Subject: "payment.charge",
			Send: []saga.Field{{Name: "user_id", From: "request.user_id"}, {Name: "amount", From: "request.amount"}},
			Keep: []string{"payment_id", "transaction_id"},
		}),
		Compensation: patient(saga.Operation{
			Type: "RefundPayment", Subject: "payment.refund",
			Send: []saga.Field{{Name: "payment_id", From: "charge.payment_id"}},
		}),
	}, {
		Name: "ship", Service: "shipping", Kind: saga.Compensatable, Reason: "Shipping failed: {error}",
		Action: patient(saga.Operation{
			Type: "CreateShipment", Subject: "shipping.create",
			Send: []saga.Field{{Name: "items", From: "request.items"}, {Name: "address", From: "request.shipping_address"}},
			Keep: []string{"shipment_id", "tracking_number"},
		}),
		Compensation: patient(saga.Operation{
			Type: "CancelShipment", Subject: "shipping.cancel",
			Send: []saga.Field{{Name: "shipment_id", From: "ship.shipment_id"}},
		}),
	}}}
}

// patient gives an operation three attempts of two seconds.
func patient(op saga.Operation) saga.Operation {
	op.Timeout = 2 * second
	op.Retry = saga.Retry{Attempts: 3, Initial: 100 * ms, Max: second}
	return op
}

// checkout42 is the request of document 000, with the price that the catalogue
// gives it (A2).
func checkout42(id string) *saga.Start {
	return &saga.Start{
		SagaID: id, OrderID: "o123", Definition: "checkout", DefinitionHash: checkout().Hash(), RequestHash: "r",
		Callbacks: "checkout.callback." + id,
		Request: raw(`{"user_id":"u42","amount":249.99,"shipping_address":"123 Main St",
			"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`),
	}
}

// replies are the answers to the actions; the first three are those of document
// 000.
var replies = map[string]string{
	"ReserveInventory": `{"reservations":[{"sku":"abc123","reservation_id":"r1"},{"sku":"xyz789","reservation_id":"r2"}]}`,
	"ChargePayment":    `{"payment_id":"p1","transaction_id":"txn_12345"}`,
	"CreateShipment":   `{"shipment_id":"s1","tracking_number":"1Z999AA1"}`,
	"HoldSeat":         `{"seat":"12A"}`,
	"RequestPayment":   `{"payment_id":"p1"}`,
	"FinishOrder":      `{}`,
	"BookFlight":       `{"booking":"f1"}`,
	"BookHotel":        `{"booking":"h1"}`,
	"BookCar":          `{"booking":"c1"}`,
	"IssueTickets":     `{}`,
	"SendMail":         `{}`,
}

// raw splits a JSON object into its fields, whose bytes stay as they are.
func raw(object string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		panic(err) // a slip in a test's text
	}
	return fields
}

// kept picks from an answer what the definition says to keep.
func kept(op *saga.Operation, answer string) map[string]json.RawMessage {
	fields, picked := raw(answer), map[string]json.RawMessage{}
	for _, name := range op.Keep {
		if value, ok := fields[name]; ok {
			picked[name] = value
		}
	}
	return picked
}
