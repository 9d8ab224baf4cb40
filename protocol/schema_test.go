package protocol_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"amends/protocol"
)

const schemaFile = "schema.v1.json"

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
			if want = written(got, want); !slices.Equal(got, want) {
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

// written leaves out of what an action may say the marks of a compensation, since
// no type writes them there.
func written(got, want []string) []string {
	if slices.Contains(got, "compensating") {
		return want
	}
	return slices.DeleteFunc(want, func(name string) bool { return name == "compensating" || name == "reversal" })
}

// TestSchemaAcceptsDocument000 holds every message of the document against its
// definition, as it stands there.
func TestSchemaAcceptsDocument000(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	for _, message := range document000(t) {
		var head protocol.Reply
		if err := json.Unmarshal(message, &head); err != nil {
			t.Fatal(err)
		}
		accepts(t, compiler, schemaName(head.Type), string(message))
	}
}

// schemaNames are the definitions of messages whose type is not their name.
var schemaNames = map[string]string{
	"checkout": "StartRequest", "checkout_complete": "Outcome", "checkout_failed": "Outcome",
	"checkout_accepted": "Outcome", "checkout_status": "Status", "checkout_list": "List", "checkout_plan": "Plan",
	"checkout_definitions": "Definitions", "callback_accepted": "CallbackAccepted", "stock": "StockLevel",
	"error": "Error", "cart": "Cart", "cart_failed": "CartFailed", "order": "Order", "order_list": "OrderList",
}

// schemaName is the definition of the messages of a type.
func schemaName(typeName string) string {
	_, suffix, _ := strings.Cut(typeName, "_")
	answers := map[string]string{"failed": "Declined", "error": "Unavailable", "pending": "Pending"}
	return cmp.Or(schemaNames[typeName], answers[suffix], typeName)
}

// requestNames are the definitions of requests without a type, by subject.
var requestNames = map[string]string{
	protocol.SubjectList: "ListRequest", protocol.SubjectCancel: "CancelRequest", protocol.SubjectRetry: "RetryRequest",
	protocol.SubjectResolve: "ResolveRequest", protocol.SubjectMigrate: "MigrateRequest",
	protocol.SubjectPlan: "PlanRequest", protocol.SubjectDefinitions: "DefinitionsRequest",
	protocol.SubjectPayment: "RowQuery", protocol.SubjectShipment: "RowQuery", protocol.SubjectStock: "StockQuery",
	protocol.SubjectCartAdd: "CartAdd", protocol.SubjectCartRemove: "CartRemove", protocol.SubjectCart: "CartGet",
	protocol.SubjectCartCheckout: "CartCheckout", protocol.SubjectOrder: "OrderQuery", protocol.SubjectOrderList: "OrderListRequest",
}

// TestSchemaAcceptsTheExamples holds every example of PROTOCOL.md against its
// definition.
func TestSchemaAcceptsTheExamples(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	example := regexp.MustCompile(`(?m)^(?:nats req (\S+) ')?(\{".*\})'?$`)
	for _, m := range example.FindAllStringSubmatch(string(text), -1) {
		subject, message := m[1], m[2]
		var head struct{ Type string }
		if err := json.Unmarshal([]byte(message), &head); err != nil {
			t.Fatal(err)
		}
		accepts(t, compiler, cmp.Or(requestNames[subject], schemaName(head.Type)), message)
	}
	for _, m := range regexp.MustCompile(`(?m)^\[(\{.*\})\]$`).FindAllStringSubmatch(string(text), -1) {
		accepts(t, compiler, "Incident", m[1])
	}
}

// TestSchemaRefuses holds what a schema can say beyond names and kinds.
func TestSchemaRefuses(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for _, c := range []struct{ name, message string }{
		{"CancelRequest", `{"saga_id":"s1","kill":true,"by":"ann"}`},
		{"CancelRequest", `{"saga_id":"s1","kill":true,"reason":"why"}`},
		{"ResolveRequest", `{"saga_id":"s1","step":1,"as":"done","reason":"why","by":"ann"}`},
		{"ResolveRequest", `{"saga_id":"s1","step":1,"as":"skip","fields":{"a":1},"reason":"why","by":"ann"}`},
		{"ResolveRequest", `{"saga_id":"s1","step":1,"as":"drop","reason":"why","by":"ann"}`},
		{"PlanRequest", `{"act":"resolve"}`},
		{"ListRequest", `{"incident":"trouble"}`},
		{"ListRequest", `{"status":"stuck"}`},
		{"QueryStep_ok", `{"type":"QueryStep_ok","saga_id":"s1","step":1,"outcome":"known"}`},
		{"QueryStep_ok", `{"type":"QueryStep_ok","saga_id":"s1","step":1,"outcome":"none","reply":{}}`},
		{"CapturePayment", `{"type":"CapturePayment","saga_id":"s1","step":1,"authorization_id":"a1","currency":"USD"}`},
		{"ChargePayment", `{"type":"ChargePayment","saga_id":"s1","step":1,"user_id":"u1","amount":1,"reversal":true}`},
		{"RequestPayment", `{"type":"RequestPayment","saga_id":"s1","step":1,"user_id":"u1","amount":1,"callback":"$KV.X.y"}`},
		{"Outcome", `{"type":"checkout_failed","saga_id":"s1","status":"KILLED"}`},
	} {
		schema, err := compiler.Compile(schemaFile + "#/$defs/" + c.name)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(c.message))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s takes %s", c.name, c.message)
		}
	}
}
