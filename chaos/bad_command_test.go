package chaos_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// workerStreams are written for every command that is carried out.
var workerStreams = []string{
	protocol.BucketStream(protocol.BucketInventory), protocol.BucketStream(protocol.BucketPayments), protocol.BucketStream(protocol.BucketShipments),
}

// edit is one way to spoil a command: what is replaced by what.
type edit struct {
	name, old, new string
	code           protocol.Code
	field          string
}

// commandRows are good commands and the ways to spoil each, beside those of all
// commands.
var commandRows = []struct {
	subject, body string
	edits         []edit
}{
	{protocol.SubjectReserve, `{"saga_id":"bad-command","type":"ReserveInventory","step":1,"items":[{"sku":"abc123","quantity":1}]}`, []edit{
		{"no items", `[{"sku":"abc123","quantity":1}]`, `[]`, protocol.CodeMissingField, "items"},
		{"quantity 0", `"quantity":1`, `"quantity":0`, protocol.CodeInvalidField, "items[0].quantity"},
		{"quantity 1e2", `"quantity":1`, `"quantity":1e2`, protocol.CodeInvalidField, "items[0].quantity"},
		{"sku with a dot", `"abc123"`, `"canary.x"`, protocol.CodeInvalidID, "items[0].sku"},
		{"one sku twice", `"quantity":1}`, `"quantity":1},{"sku":"abc123","quantity":1}`, protocol.CodeInvalidField, "items[1].sku"},
		{"101 items", `[{"sku":"abc123","quantity":1}]`, manyItems(101), protocol.CodeTooLarge, "items"},
	}},
	{protocol.SubjectCharge, `{"saga_id":"bad-command","type":"ChargePayment","step":2,"user_id":"u42","amount":100.00,"currency":"USD"}`, []edit{
		{"no user_id", `"user_id":"u42",`, ``, protocol.CodeMissingField, "user_id"},
		{"a card number", `"u42"`, `"4111111111111111"`, protocol.CodeInvalidField, "user_id"},
		{"no amount", `"amount":100.00,`, ``, protocol.CodeMissingField, "amount"},
		{"amount -1", `100.00`, `-1`, protocol.CodeInvalidField, "amount"},
		{"amount NaN", `100.00`, `NaN`, protocol.CodeMalformedRequest, ""},
		{"amount 1e2", `100.00`, `1e2`, protocol.CodeInvalidField, "amount"},
		{"amount a text", `100.00`, `"canary"`, protocol.CodeInvalidField, "amount"},
		{"amount of 3 decimals", `100.00`, `249.999`, protocol.CodeInvalidField, "amount"},
		{"amount over 64 bits", `100.00`, `92233720368547758.08`, protocol.CodeInvalidField, "amount"},
		{"yen with decimals", `100.00,"currency":"USD"`, `100.5,"currency":"JPY"`, protocol.CodeInvalidField, "amount"},
		{"unknown currency", `"USD"`, `"canary"`, protocol.CodeInvalidField, "currency"},
	}},
	{protocol.SubjectCreateShipment, `{"saga_id":"bad-command","type":"CreateShipment","step":3,"items":[{"sku":"abc123","quantity":1}],"address":"123 Main St"}`, []edit{
		{"no items", `[{"sku":"abc123","quantity":1}]`, `[]`, protocol.CodeMissingField, "items"},
		{"no address", `,"address":"123 Main St"`, ``, protocol.CodeMissingField, "address"},
		{"address with a line break", `"123 Main St"`, `"canary\n"`, protocol.CodeInvalidField, "address"},
		{"address with a card number", `"123 Main St"`, `"4111-1111-1111-1111"`, protocol.CodeInvalidField, "address"},
	}},
	{protocol.SubjectRelease, `{"saga_id":"bad-command","type":"ReleaseReservation","step":1,"compensating":true,"reservations":[{"sku":"abc123","reservation_id":"r1"}]}`, []edit{
		{"no reservation_id", `,"reservation_id":"r1"`, ``, protocol.CodeMissingField, "reservations[0].reservation_id"},
		{"reservation_id of 129 bytes", `"r1"`, `"` + strings.Repeat("c", 129) + `"`, protocol.CodeTooLarge, "reservations[0].reservation_id"},
	}},
	{protocol.SubjectRefund, `{"saga_id":"bad-command","type":"RefundPayment","step":2,"compensating":true,"payment_id":"p1","amount":100.00,"currency":"USD"}`, []edit{
		{"amount -1", `100.00`, `-1`, protocol.CodeInvalidField, "amount"},
		{"payment_id with a NUL", `"p1"`, `"canary\u0000"`, protocol.CodeInvalidField, "payment_id"},
		{"payment_id a number", `"p1"`, `4711`, protocol.CodeInvalidField, "payment_id"},
	}},
	{protocol.SubjectCancelShipment, `{"saga_id":"bad-command","type":"CancelShipment","step":3,"compensating":true,"shipment_id":"s1"}`, []edit{
		{"shipment_id of 5,000 bytes", `"s1"`, `"` + strings.Repeat("c", 5000) + `"`, protocol.CodeTooLarge, "shipment_id"},
	}},
}

// badCommands: a worker refuses what it is not to do as strictly as the client
// API, and nothing of it reaches its book.
func badCommands(t *testing.T, nc *nats.Conn) {
	for _, c := range commandRows {
		rows := badForms(c.body)
		for _, e := range append(editsOfAll(c.body), c.edits...) {
			if !strings.Contains(c.body, e.old) {
				t.Fatalf("%s: %q changes nothing", c.subject, e.name)
			}
			rows = append(rows, badInput{name: e.name, body: strings.Replace(c.body, e.old, e.new, 1), code: e.code, field: e.field})
		}
		rows = append(rows, badKeys(c.body)...)
		for _, in := range rows {
			in.name = c.subject + ": " + in.name
			unchanged(t, nc, workerStreams, func() { refuse(t, nc, c.subject, in) })
		}
		good(t, nc)
	}
}

// editsOfAll spoil every command.
func editsOfAll(body string) []edit {
	step := body[strings.Index(body, `"step":`):][:len(`"step":1`)]
	edits := []edit{
		{"no saga_id", `"saga_id":"bad-command",`, ``, protocol.CodeMissingField, "saga_id"},
		{"saga_id a number", `"bad-command"`, `4711`, protocol.CodeInvalidField, "saga_id"},
		{"no type", `"type"`, `"typ"`, protocol.CodeUnknownType, "type"},
		{"another type", `"type":"`, `"type":"canary`, protocol.CodeUnknownType, "type"},
		{"no step", step, `"x":0`, protocol.CodeInvalidField, "step"},
		{"step 0", step, `"step":0`, protocol.CodeInvalidField, "step"},
		{"step 65", step, `"step":65`, protocol.CodeInvalidField, "step"},
		{"step 1.0", step, `"step":1.0`, protocol.CodeInvalidField, "step"},
		{"step a text", step, `"step":"canary"`, protocol.CodeInvalidField, "step"},
	}
	if strings.Contains(body, `"compensating":true`) {
		return append(edits, edit{"without the mark of a compensation", `"compensating":true,`, ``, protocol.CodeInvalidField, "compensating"})
	}
	return append(edits, edit{"with the mark of a compensation", `{`, `{"compensating":true,`, protocol.CodeInvalidField, "compensating"})
}

// badKeys are commands whose header names another key than they do (D6).
func badKeys(body string) []badInput {
	var rows []badInput
	for _, key := range []string{"canary.1.do", "bad-command.64.do", "bad-command.1", "bad-command", canary, strings.Repeat("c", 5000)} {
		rows = append(rows, badInput{
			name: fmt.Sprintf("with the key %.20s", key), body: body, header: nats.Header{protocol.HeaderKey: {key}},
			code: protocol.CodeInvalidField, field: protocol.HeaderKey,
		})
	}
	return rows
}
