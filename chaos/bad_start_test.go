package chaos_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// orchestratorStreams are written for every checkout that is taken.
var orchestratorStreams = []string{protocol.BucketStream(protocol.BucketSagas), protocol.StreamInbox}

// goodStart is what the rows below change in one place.
const goodStart = `{"saga_id":"bad-start","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"123 Main St"}`

// startRows are bad by meaning: what is replaced by what.
var startRows = []struct {
	name, old, new string
	code           protocol.Code
	field          string
}{
	{"no user_id", `"user_id":"u42",`, ``, protocol.CodeMissingField, "user_id"},
	{"user_id empty", `"u42"`, `""`, protocol.CodeMissingField, "user_id"},
	{"user_id null", `"u42"`, `null`, protocol.CodeMissingField, "user_id"},
	{"user_id a number", `"u42"`, `4711`, protocol.CodeInvalidField, "user_id"},
	{"user_id a card number", `"u42"`, `"4111111111111111"`, protocol.CodeInvalidField, "user_id"},
	{"saga_id a number", `"bad-start"`, `4711`, protocol.CodeInvalidField, "saga_id"},
	{"no items", `"items":[{"sku":"abc123","quantity":1}],`, ``, protocol.CodeMissingField, "items"},
	{"items empty", `[{"sku":"abc123","quantity":1}]`, `[]`, protocol.CodeMissingField, "items"},
	{"items an object", `[{"sku":"abc123","quantity":1}]`, `{"sku":"canary"}`, protocol.CodeInvalidField, "items"},
	{"an item that is a text", `[{"sku":"abc123","quantity":1}]`, `["canary"]`, protocol.CodeInvalidField, "items[0]"},
	{"101 items", `[{"sku":"abc123","quantity":1}]`, manyItems(101), protocol.CodeTooLarge, "items"},
	{"10,000 items", `[{"sku":"abc123","quantity":1}]`, manyItems(10_000), protocol.CodeTooLarge, ""},
	{"one sku twice", `"quantity":1}`, `"quantity":1},{"sku":"abc123","quantity":2}`, protocol.CodeInvalidField, "items[1].sku"},
	{"no sku", `"sku":"abc123",`, ``, protocol.CodeMissingField, "items[0].sku"},
	{"no quantity", `,"quantity":1`, ``, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity 0", `"quantity":1`, `"quantity":0`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity -1", `"quantity":1`, `"quantity":-1`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity 2.0", `"quantity":1`, `"quantity":2.0`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity 1e2", `"quantity":1`, `"quantity":1e2`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity over 64 bits", `"quantity":1`, `"quantity":9223372036854775808`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity 1001", `"quantity":1`, `"quantity":1001`, protocol.CodeInvalidField, "items[0].quantity"},
	{"quantity a text", `"quantity":1`, `"quantity":"canary"`, protocol.CodeInvalidField, "items[0].quantity"},
	{"no address", `,"shipping_address":"123 Main St"`, ``, protocol.CodeMissingField, "shipping_address"},
	{"address blank", `"123 Main St"`, `"  "`, protocol.CodeMissingField, "shipping_address"},
	{"address of 513 bytes", `"123 Main St"`, `"` + strings.Repeat("c", 513) + `"`, protocol.CodeTooLarge, "shipping_address"},
	{"address with a line break", `"123 Main St"`, `"canary\r\nX: 1"`, protocol.CodeInvalidField, "shipping_address"},
	{"address with a NUL", `"123 Main St"`, `"canary\u0000"`, protocol.CodeInvalidField, "shipping_address"},
	{"address with a card number", `"123 Main St"`, `"4111 1111 1111 1111 canary"`, protocol.CodeInvalidField, "shipping_address"},
	{"another type", `{`, `{"type":"canary",`, protocol.CodeUnknownType, "type"},
	{"unknown definition", `{`, `{"definition":"canary",`, protocol.CodeDefinitionUnknown, "definition"},
	{"wait_ms -1", `{`, `{"wait_ms":-1,`, protocol.CodeInvalidField, "wait_ms"},
	{"wait_ms 60,001", `{`, `{"wait_ms":60001,`, protocol.CodeInvalidField, "wait_ms"},
	{"wait_ms a text", `{`, `{"wait_ms":"canary",`, protocol.CodeInvalidField, "wait_ms"},
	{"msg_id an object", `{`, `{"msg_id":{"canary":1},`, protocol.CodeInvalidField, "msg_id"},
	{"msg_id true", `{`, `{"msg_id":true,`, protocol.CodeInvalidField, "msg_id"},
	{"msg_id of 65 bytes", `{`, `{"msg_id":"` + strings.Repeat("c", 65) + `",`, protocol.CodeTooLarge, "msg_id"},
}

func manyItems(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"sku":"s%d","quantity":1}`, i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

// badStarts: nothing of a bad request is stored, and the next one is answered.
func badStarts(t *testing.T, nc *nats.Conn) {
	rows := badForms(goodStart)
	for _, r := range startRows {
		if !strings.Contains(goodStart, r.old) {
			t.Fatalf("row %q changes nothing", r.name)
		}
		rows = append(rows, badInput{name: r.name, body: strings.Replace(goodStart, r.old, r.new, 1), code: r.code, field: r.field})
	}
	for _, in := range rows {
		unchanged(t, nc, orchestratorStreams, func() { refuse(t, nc, protocol.SubjectStart, in) })
		good(t, nc)
	}
}

// refusedOrders are good requests for what cannot be had: a saga that ends
// ABORTED, all-or-nothing, and leaves the stock as it was. Fields that nobody
// knows are named, and do nothing.
func refusedOrders(t *testing.T, nc *nats.Conn) {
	before := stockOf(t, nc, "abc123")
	for name, more := range map[string]string{
		"unknown": `{"sku":"nosuch","quantity":1}`, "sold-out": `{"sku":"product4","quantity":1}`, "too-many": `{"sku":"product3","quantity":26}`,
	} {
		a := ask(t, nc, protocol.SubjectStart, strings.NewReplacer(
			"bad-start", "refused-"+name, `"quantity":1}`, `"quantity":1},`+more).Replace(goodStart))
		if a.Status != protocol.StatusAborted || a.Reason == "" {
			t.Errorf("an order with %s goods is answered %+v", name, a)
		}
	}
	if after := stockOf(t, nc, "abc123"); after != before {
		t.Errorf("refused orders changed the stock from %s to %s", before, after)
	}
	a := ask(t, nc, protocol.SubjectStart, checkout("", `,"price":-1,"SHIPPING":"x","saga_id2":"y"`))
	if a.Status != protocol.StatusCompleted || a.SagaID == "" || len(a.Warnings) != 3 {
		t.Errorf("a request without saga_id, with unknown fields, is answered %+v", a)
	}
}

func stockOf(t *testing.T, nc *nats.Conn, sku string) string {
	t.Helper()
	reply, err := nc.Request(protocol.SubjectStock, fmt.Appendf(nil, `{"sku":%q}`, sku), slowly)
	if err != nil {
		t.Fatal(err)
	}
	return string(reply.Data)
}
