package protocol_test

import (
	"encoding/json"

	"amends/protocol"
)

// full are the messages with every field set, by the name of their definition.
// What is written of them must be just what the schema lists.
var full = map[string]any{
	"Line":        aLine,
	"Reservation": aReservation,
	"StartRequest": protocol.StartRequest{
		Type: "checkout", MsgID: json.RawMessage(`"m1"`), SagaID: "s1", Definition: "checkout", UserID: "u42",
		Items: []protocol.Line{aLine}, ShippingAddress: "123 Main St", Amount: "249.99", Currency: "USD", WaitMS: new(int64),
	},
	"Outcome": protocol.Outcome{
		Type: "checkout_failed", SagaID: "s1", Status: "ABORTED", OrderID: "o1", Reason: "out of stock",
		InReplyTo: json.RawMessage("1"), Warnings: []string{"colour"},
	},
	"StatusRequest": protocol.StatusRequest{SagaID: "s1"},
	"StepStatus":    aStepStatus,
	"Status": protocol.Status{
		Type: "checkout_status", SagaID: "s1", Definition: "checkout", DefinitionHash: "9f2c",
		Status: "STUCK", CurrentStep: 2,
		CompletedSteps: []int{1}, CompensatingSteps: []int{1}, Steps: []protocol.StepStatus{aStepStatus}, OrderID: "o1",
		Reason: "out of stock", WaitingFor: "an operator", NextAttemptAt: aTime, Deadline: aTime,
		Incidents: []protocol.Incident{anIncident}, StartedAt: aTime, UpdatedAt: aTime, Owner: "node1", Revision: 7,
	},
	"ListRequest": protocol.ListRequest{Filter: aFilter, Limit: 10},
	"Summary":     aSummary,
	"List":        protocol.List{Type: "checkout_list", Sagas: []protocol.Summary{aSummary}, Total: 1},
	"Error":       &protocol.Error{Code: protocol.CodeInvalidField, Message: "is required", Field: "items"},
	"ReserveInventory": protocol.ReserveInventory{
		Command: action("ReserveInventory"), Items: []protocol.Line{aLine},
	},
	"ReserveInventory_ok": answered("ReserveInventory_ok", protocol.ReserveInventoryOK{
		Reservations: []protocol.Reservation{aReservation},
	}),
	"ReleaseReservation": protocol.ReleaseReservation{
		Command: reversal("ReleaseReservation"), Reservations: []protocol.Reservation{aReservation},
	},
	"ReleaseReservation_ok": answered("ReleaseReservation_ok", nil),
	"ChargePayment": protocol.ChargePayment{
		Command: action("ChargePayment"), UserID: "u42", Amount: "249.99", Currency: "USD",
	},
	"ChargePayment_ok": answered("ChargePayment_ok", protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "t1"}),
	"RefundPayment": protocol.RefundPayment{
		Command: reversal("RefundPayment"), PaymentID: "p1", Amount: "249.99", Currency: "USD",
	},
	"RefundPayment_ok": answered("RefundPayment_ok", nil),
	"CreateShipment": protocol.CreateShipment{
		Command: action("CreateShipment"), Items: []protocol.Line{aLine}, Address: "123 Main St",
	},
	"CreateShipment_ok": answered("CreateShipment_ok", protocol.CreateShipmentOK{
		ShipmentID: "s1", TrackingNumber: "1Z999AA1",
	}),
	"CancelShipment": protocol.CancelShipment{
		Command: reversal("CancelShipment"), ShipmentID: "s1",
	},
	"CancelShipment_ok": answered("CancelShipment_ok", nil),
	"CommitReservation": protocol.CommitReservation{
		Command: action("CommitReservation"), Reservations: []protocol.Reservation{aReservation},
	},
	"CommitReservation_ok": answered("CommitReservation_ok", nil),
	"RequestPayment": protocol.RequestPayment{
		Command: action("RequestPayment"), UserID: "u42", Amount: "249.99", Currency: "USD", Callback: address,
	},
	"RequestPayment_ok": answered("RequestPayment_ok", protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "t1"}),
	"AuthorizePayment": protocol.AuthorizePayment{
		Command: action("AuthorizePayment"), UserID: "u42", Amount: "249.99", Currency: "USD",
	},
	"AuthorizePayment_ok": answered("AuthorizePayment_ok", protocol.AuthorizePaymentOK{
		AuthorizationID: "a1", ExpiresAt: aTime,
	}),
	"CapturePayment": protocol.CapturePayment{
		Command: action("CapturePayment"), AuthorizationID: "a1", Amount: "249.99", Currency: "USD",
	},
	"CapturePayment_ok": answered("CapturePayment_ok", protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "t1"}),
	"VoidPayment":       protocol.VoidPayment{Command: reversal("VoidPayment"), AuthorizationID: "a1"},
	"VoidPayment_ok":    answered("VoidPayment_ok", nil),
	"QueryStep":         protocol.QueryStep{Command: action("QueryStep")},
	"QueryStep_ok": answered("QueryStep_ok", protocol.QueryStepOK{
		Outcome: "known", Reply: answered("ReserveInventory_failed", protocol.Failure{Error: "out_of_stock"}),
	}),
	"Pending": answered("RequestPayment_pending", protocol.Pending{RequestID: "q1"}),
	"CallbackAccepted": protocol.CallbackAccepted{
		Type: "callback_accepted", SagaID: "s1", Step: 2, Effect: "reversing",
	},
	"RowQuery":   protocol.RowQuery{SagaID: "s1", Step: 2},
	"StockQuery": protocol.StockQuery{SKU: "abc123"},
	"StockLevel": protocol.StockLevel{Type: "stock", SKU: "abc123", OnHand: 5, Reserved: 2, Available: 3},
	"CancelRequest": protocol.CancelRequest{
		SagaID: "s1", Kill: true, Reason: "a test order", By: "ann", WaitMS: new(int64),
	},
	"RetryRequest":       protocol.RetryRequest{SagaID: "s1", Reason: "bank is back", By: "ann", WaitMS: new(int64)},
	"ResolveRequest":     goodResolve(),
	"MigrateRequest":     protocol.MigrateRequest{SagaID: "s1", Hash: "9f2c", Reason: "fixed", By: "ann", WaitMS: new(int64)},
	"PlanRequest":        protocol.PlanRequest{Act: "cancel", SagaID: "s1", Filter: aFilter, Limit: 20},
	"Plan":               aPlan,
	"PlannedSaga":        aPlan.Sagas[0],
	"PlannedStep":        aPlan.Sagas[0].Steps[0],
	"Amount":             anAmount,
	"Incident":           anIncident,
	"DefinitionsRequest": protocol.DefinitionsRequest{Name: "checkout"},
	"Definitions": protocol.Definitions{
		Type: "checkout_definitions", Definitions: []protocol.DefinitionSummary{aDefinition},
	},
	"DefinitionSummary": aDefinition,
	"Declined": answered("ReserveInventory_failed", protocol.Failure{
		Error: "out_of_stock", DeclineCode: "NONE", Unavailable: []string{"abc123"},
	}),
	"Unavailable": answered("ChargePayment_error", protocol.Trouble{
		Error: "gateway_timeout", Message: "no answer in 2 s", Retryable: true, RetryAfterMS: 500,
	}),
	"Product": protocol.Product{SKU: "abc123", Name: "Lamp", Price: "99.99", Currency: "USD"},
}

const aTime = "2026-11-21T10:00:00.000Z"

var (
	aLine        = protocol.Line{SKU: "abc123", Quantity: 2}
	aReservation = protocol.Reservation{SKU: "abc123", ReservationID: "r1"}
	aSummary     = protocol.Summary{
		SagaID: "s1", Definition: "checkout", Status: "STUCK", Step: "charge", Code: "insufficient_funds",
		Incident: "poison", StartedAt: aTime, UpdatedAt: aTime,
	}
	aStepStatus = protocol.StepStatus{
		Step: 1, Transaction: "ReserveInventory", Service: "inventory", Status: "COMPENSATED", Attempts: 1,
		CompensationAttempts: 1, RequestID: "q1", NextAttemptAt: aTime, Result: json.RawMessage(`{"a":1}`), LastError: "timeout",
	}
	aFilter = protocol.Filter{
		Status: "STUCK", Definition: "checkout", Step: "charge", Code: "insufficient_funds", Incident: "any",
		OlderThanMS: 60_000,
	}
	anAmount   = protocol.Amount{Amount: "249.99", Currency: "USD"}
	anIncident = protocol.Incident{
		SagaID: "s1", Definition: "checkout", Kind: "compensation_failed", Step: 2, Command: "RefundPayment",
		Cause: "no answer", FirstAt: aTime, LastAt: aTime, Attempts: 20, AtRisk: &anAmount,
		Actions: []string{"retry", "resolve", "kill"},
	}
	aPlan = protocol.Plan{
		Type: "checkout_plan", Act: "cancel", Total: 1, Refused: 1, Returns: []protocol.Amount{anAmount},
		Stays: []protocol.Amount{anAmount},
		Sagas: []protocol.PlannedSaga{{
			SagaID: "s1", Status: "PENDING", Refused: "it is past its pivot", Then: "ABORTED", AtRisk: &anAmount,
			Steps: []protocol.PlannedStep{{
				Step: 2, Command: "RefundPayment", Service: "payment", Compensating: true, Unknown: true,
				Amount: "249.99", Currency: "USD",
			}},
		}},
	}
	aDefinition = protocol.DefinitionSummary{Name: "checkout", Hash: "9f2c", Loaded: true, Steps: []string{"reserve"}}
)

// sparse are the same types with nothing set: what is still written of them
// must be just what the schema requires.
var sparse = map[string]any{
	"Line": protocol.Line{}, "Reservation": protocol.Reservation{}, "StartRequest": protocol.StartRequest{},
	"Outcome": protocol.Outcome{}, "StatusRequest": protocol.StatusRequest{}, "StepStatus": protocol.StepStatus{},
	"Status": protocol.Status{}, "ListRequest": protocol.ListRequest{}, "Summary": protocol.Summary{},
	"List": protocol.List{}, "Error": &protocol.Error{}, "Product": protocol.Product{},
	"ReserveInventory": protocol.ReserveInventory{}, "ReserveInventory_ok": answered("", protocol.ReserveInventoryOK{}),
	"ChargePayment": protocol.ChargePayment{}, "ChargePayment_ok": answered("", protocol.ChargePaymentOK{}),
	"CreateShipment": protocol.CreateShipment{}, "CreateShipment_ok": answered("", protocol.CreateShipmentOK{}),
	// A compensation always says that it is one.
	"ReleaseReservation":    protocol.ReleaseReservation{Command: compensation("")},
	"RefundPayment":         protocol.RefundPayment{Command: compensation("")},
	"CancelShipment":        protocol.CancelShipment{Command: compensation("")},
	"VoidPayment":           protocol.VoidPayment{Command: compensation("")},
	"ReleaseReservation_ok": answered("", nil),
	"RefundPayment_ok":      answered("", nil),
	"CancelShipment_ok":     answered("", nil),
	"VoidPayment_ok":        answered("", nil),
	"CommitReservation":     protocol.CommitReservation{}, "CommitReservation_ok": answered("", nil),
	"RequestPayment": protocol.RequestPayment{}, "RequestPayment_ok": answered("", protocol.ChargePaymentOK{}),
	"AuthorizePayment": protocol.AuthorizePayment{}, "AuthorizePayment_ok": answered("", protocol.AuthorizePaymentOK{}),
	"CapturePayment": protocol.CapturePayment{}, "CapturePayment_ok": answered("", protocol.ChargePaymentOK{}),
	"QueryStep": protocol.QueryStep{}, "QueryStep_ok": answered("", protocol.QueryStepOK{}),
	"Pending": answered("", protocol.Pending{}), "CallbackAccepted": protocol.CallbackAccepted{},
	"RowQuery": protocol.RowQuery{}, "StockQuery": protocol.StockQuery{}, "StockLevel": protocol.StockLevel{},
	"CancelRequest": protocol.CancelRequest{}, "RetryRequest": protocol.RetryRequest{},
	"ResolveRequest": protocol.ResolveRequest{}, "MigrateRequest": protocol.MigrateRequest{},
	"PlanRequest": protocol.PlanRequest{}, "Plan": protocol.Plan{}, "PlannedSaga": protocol.PlannedSaga{},
	"PlannedStep": protocol.PlannedStep{}, "Amount": protocol.Amount{}, "Incident": protocol.Incident{},
	"DefinitionsRequest": protocol.DefinitionsRequest{}, "Definitions": protocol.Definitions{},
	"DefinitionSummary": protocol.DefinitionSummary{},
	"Declined":          answered("", protocol.Failure{}), "Unavailable": answered("", protocol.Trouble{}),
}
