package protocol_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"amends/protocol"
)

const schemaFile = "schema.v1.json"

// full are the messages with every field set, by the name of their definition.
// What is written of them must be just what the schema lists.
var full = map[string]any{
	"Line":        aLine,
	"Reservation": aReservation,
	"StartRequest": protocol.StartRequest{
		Type: "checkout", MsgID: json.RawMessage(`"m1"`), SagaID: "s1", Definition: "checkout", UserID: "u42",
		Items: []protocol.Line{aLine}, ShippingAddress: "123 Main St", WaitMS: new(int64),
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
		Reason: "out of stock", WaitingFor: "an operator", NextAttemptAt: aTime, Incident: "i1", StartedAt: aTime,
		UpdatedAt: aTime, Owner: "node1", Revision: 7,
	},
	"ListRequest": protocol.ListRequest{Status: "STUCK", Limit: 10},
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
		Command: compensation("ReleaseReservation"), Reservations: []protocol.Reservation{aReservation},
	},
	"ReleaseReservation_ok": answered("ReleaseReservation_ok", nil),
	"ChargePayment": protocol.ChargePayment{
		Command: action("ChargePayment"), UserID: "u42", Amount: "249.99", Currency: "USD",
	},
	"ChargePayment_ok": answered("ChargePayment_ok", protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "t1"}),
	"RefundPayment": protocol.RefundPayment{
		Command: compensation("RefundPayment"), PaymentID: "p1", Amount: "249.99", Currency: "USD",
	},
	"RefundPayment_ok": answered("RefundPayment_ok", nil),
	"CreateShipment": protocol.CreateShipment{
		Command: action("CreateShipment"), Items: []protocol.Line{aLine}, Address: "123 Main St",
	},
	"CreateShipment_ok": answered("CreateShipment_ok", protocol.CreateShipmentOK{
		ShipmentID: "s1", TrackingNumber: "1Z999AA1",
	}),
	"CancelShipment": protocol.CancelShipment{
		Command: compensation("CancelShipment"), ShipmentID: "s1",
	},
	"CancelShipment_ok": answered("CancelShipment_ok", nil),
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
		SagaID: "s1", Definition: "checkout", Status: "COMPLETED", StartedAt: aTime, UpdatedAt: aTime,
	}
	aStepStatus = protocol.StepStatus{
		Step: 1, Transaction: "ReserveInventory", Service: "inventory", Status: "COMPENSATED", Attempts: 1,
		CompensationAttempts: 1, Result: json.RawMessage(`{"a":1}`), LastError: "timeout",
	}
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
	"ReleaseReservation_ok": answered("", nil),
	"RefundPayment_ok":      answered("", nil),
	"CancelShipment_ok":     answered("", nil),
	"Declined":              answered("", protocol.Failure{}), "Unavailable": answered("", protocol.Trouble{}),
}

// answered is a reply as EncodeReply writes it.
func answered(typeName string, payload any) json.RawMessage {
	body, err := protocol.EncodeReply(protocol.Reply{Type: typeName, SagaID: "checkout42", Step: 1}, payload)
	if err != nil {
		panic(err)
	}
	return body
}

// definition is one definition of the schema, as far as the tests look into it.
type definition struct {
	Properties map[string]any `json:"properties"`
	Required   []string       `json:"required"`
}

// definitions reads the schema as plain JSON: the definitions of objects.
func definitions(t *testing.T) map[string]definition {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]definition `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(schema.Defs, func(_ string, d definition) bool { return d.Properties == nil })
	return schema.Defs
}

// accepts fails the test unless the schema's definition takes the message.
func accepts(t *testing.T, compiler *jsonschema.Compiler, name, message string) {
	t.Helper()
	schema, err := compiler.Compile(schemaFile + "#/$defs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s refuses %s: %v", name, message, err)
	}
}

func names(t *testing.T, message any) []string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(marshal(t, message)), &fields); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(fields))
}

func TestSchemaAgreesWithTheTypes(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	defs := definitions(t)
	for name, d := range defs {
		t.Run(name, func(t *testing.T) {
			if full[name] == nil || sparse[name] == nil {
				t.Fatal("no type of this name is tested")
			}
			accepts(t, compiler, name, marshal(t, full[name]))
			got, want := names(t, full[name]), slices.Sorted(maps.Keys(d.Properties))
			if want = withoutCompensating(got, want); !slices.Equal(got, want) {
				t.Errorf("the type has %q, the schema %q", got, want)
			}
			if got, want := names(t, sparse[name]), slices.Sorted(slices.Values(d.Required)); !slices.Equal(got, want) {
				t.Errorf("the type always writes %q, the schema requires %q", got, want)
			}
		})
	}
	for name := range full {
		if _, ok := defs[name]; !ok {
			t.Errorf("the schema has no definition of %s", name)
		}
	}
}

// withoutCompensating leaves "compensating" out of what an action may say, since
// no type writes it there.
func withoutCompensating(got, want []string) []string {
	if slices.Contains(got, "compensating") {
		return want
	}
	return slices.DeleteFunc(want, func(name string) bool { return name == "compensating" })
}

// TestSchemaAcceptsDocument000 holds every message of the document against its
// definition, as it stands there.
func TestSchemaAcceptsDocument000(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	defs := map[string]string{
		"checkout": "StartRequest", "checkout_complete": "Outcome", "checkout_failed": "Outcome",
		"ChargePayment_failed": "Declined",
	}
	for _, message := range document000(t) {
		var head protocol.Reply
		if err := json.Unmarshal(message, &head); err != nil {
			t.Fatal(err)
		}
		name := head.Type
		if defs[name] != "" {
			name = defs[name]
		}
		accepts(t, compiler, name, string(message))
	}
}
