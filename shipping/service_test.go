package shipping_test

import (
	"testing"

	"amends/protocol"
	"amends/shipping"
	"amends/worker"
	"amends/worker/workertest"
)

var participant = workertest.Participant{
	New: shipping.New, Bucket: protocol.BucketShipments,
	Action: protocol.SubjectCreateShipment, Compensation: protocol.SubjectCancelShipment,
	Accept:  func(saga string) worker.Command { return create(saga, "123 Main St") },
	Differ:  func(saga string) worker.Command { return create(saga, "124 Main St") },
	Decline: func(saga string) worker.Command { return create(saga, "1 Undeliverable Rd") },
	Undo:    func(saga string) worker.Command { return cancel(saga) },
	Wrong: []workertest.Wrong{
		{Name: "no address", Change: with("address", " "), Code: protocol.CodeMissingField, Field: "address"},
		{Name: "address with line break", Change: with("address", "a\nb"), Code: protocol.CodeInvalidField, Field: "address"},
		{Name: "address with a card", Change: with("address", "4111 1111 1111 1111"), Code: protocol.CodeInvalidField, Field: "address"},
		{Name: "no items", Change: with("items", []any{}), Code: protocol.CodeMissingField, Field: "items"},
	},
}

func create(saga, address string) protocol.CreateShipment {
	return protocol.CreateShipment{
		Command: protocol.Command{Type: protocol.TypeCreateShipment, SagaID: saga, Step: 3},
		Items:   []protocol.Line{{SKU: "abc123", Quantity: 2}}, Address: address,
	}
}

func cancel(saga string) protocol.CancelShipment {
	return protocol.CancelShipment{
		Command: protocol.Command{Type: protocol.TypeCancelShipment, SagaID: saga, Step: 3, Compensating: true},
	}
}

// with changes one field of a command.
func with(field string, value any) func(map[string]any) {
	return func(command map[string]any) { command[field] = value }
}

func TestExercise(t *testing.T) { workertest.Exercise(t, participant) }

// TestDocument000 holds the answers to the letter of S0-12, A9 and S2-16.
func TestDocument000(t *testing.T) {
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectCreateShipment,
			Say:     `{"type":"CreateShipment","saga_id":"checkout42","step":3,"items":[{"sku":"abc123","quantity":2}],"address":"123 Main St"}`,
			Hear:    `{"type":"CreateShipment_ok","saga_id":"checkout42","step":3,"shipment_id":"s-checkout42-3","tracking_number":"1ZTZ30FS0314004202"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCreateShipment,
			Say:     `{"type":"CreateShipment","saga_id":"checkout43","step":3,"items":[{"sku":"abc123","quantity":2}],"address":"undeliverable"}`,
			Hear:    `{"type":"CreateShipment_failed","saga_id":"checkout43","step":3,"error":"address_undeliverable"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCancelShipment,
			Say:     `{"type":"CancelShipment","saga_id":"checkout42","step":3,"compensating":true,"shipment_id":"s-checkout42-3"}`,
			Hear:    `{"type":"CancelShipment_ok","saga_id":"checkout42","step":3}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectShipment, Say: `{"saga_id":"checkout42","step":3}`,
			Hear: `{"type":"shipment","saga_id":"checkout42","step":3,"shipment_id":"s-checkout42-3","tracking_number":"1ZTZ30FS0314004202",` +
				`"items":[{"sku":"abc123","quantity":2}],"address":"123 Main St","status":"cancelled",` +
				`"created_at":1700000000000000,"cancelled_at":1700000000000000}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectShipment, Say: `{"saga_id":"checkout43","step":3}`,
			Hear: `{"type":"error","code":"not_found","message":"there is no shipment of that saga and step"}`,
		},
	)
}
