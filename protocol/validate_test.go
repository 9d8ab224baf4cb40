package protocol_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"amends/protocol"
)

func goodStart() protocol.StartRequest {
	wait := int64(4000)
	return protocol.StartRequest{
		Type: "checkout", MsgID: json.RawMessage("1"), SagaID: "checkout42", Definition: "checkout", UserID: "u42",
		Items:           []protocol.Line{{SKU: "abc123", Quantity: 2}, {SKU: "xyz789", Quantity: 1}},
		ShippingAddress: "123 Main St", WaitMS: &wait,
	}
}

func lines(n int) []protocol.Line {
	made := make([]protocol.Line, n)
	for i := range made {
		made[i] = protocol.Line{SKU: fmt.Sprint("sku", i), Quantity: 1}
	}
	return made
}

// badIDs are the identifiers of the bad-input table.
var badIDs = map[string]string{
	"dot": "a.b", "space": "a b", "star": "*", "wildcard": ">", "dots": "..", "unicode": "über", "NUL": "a\x00b",
	"line break": "a\r\nb", "65 characters": strings.Repeat("a", 65), "bucket": "$KV", "inbox": "_INBOX.x",
	"slash": "a/b", "5,000 characters": strings.Repeat("canary", 834), "tab": "a\tb", "quote": `a"b`,
}

func quoted(length int) json.RawMessage {
	return json.RawMessage(`"` + strings.Repeat("x", length) + `"`)
}

func milliseconds(n int64) *int64 { return &n }

type start = protocol.StartRequest

// spoilt are good requests with one thing changed.
var spoilt = []struct {
	name  string
	spoil func(*start)
	code  protocol.Code // "" where the request stays good
	field string
}{
	{"good", func(r *start) {}, "", ""},
	{"no type", func(r *start) { r.Type = "" }, "", ""},
	{"other type", func(r *start) { r.Type = "canary" }, unknownType, "type"},
	{"no saga_id", func(r *start) { r.SagaID = "" }, "", ""},
	{"longest saga_id", func(r *start) { r.SagaID = strings.Repeat("-", 64) }, "", ""},
	{"no definition", func(r *start) { r.Definition = "" }, "", ""},
	{"bad definition", func(r *start) { r.Definition = "../canary" }, badID, "definition"},

	{"no msg_id", func(r *start) { r.MsgID = nil }, "", ""},
	{"null msg_id", func(r *start) { r.MsgID = json.RawMessage("null") }, "", ""},
	{"text msg_id", func(r *start) { r.MsgID = quoted(64) }, "", ""},
	{"long msg_id", func(r *start) { r.MsgID = quoted(65) }, tooLarge, "msg_id"},
	{"huge msg_id", func(r *start) { r.MsgID = json.RawMessage(strings.Repeat("9", 65)) }, tooLarge, "msg_id"},
	{"object msg_id", func(r *start) { r.MsgID = json.RawMessage(`{"canary":1}`) }, invalid, "msg_id"},
	{"bool msg_id", func(r *start) { r.MsgID = json.RawMessage(`true`) }, invalid, "msg_id"},
	{"broken msg_id", func(r *start) { r.MsgID = json.RawMessage(`"`) }, invalid, "msg_id"},

	{"no user_id", func(r *start) { r.UserID = "" }, missing, "user_id"},
	{"card as user_id", func(r *start) { r.UserID = "4111111111111111" }, invalid, "user_id"},

	{"no items", func(r *start) { r.Items = nil }, missing, "items"},
	{"empty items", func(r *start) { r.Items = []protocol.Line{} }, missing, "items"},
	{"100 lines", func(r *start) { r.Items = lines(100) }, "", ""},
	{"101 lines", func(r *start) { r.Items = lines(101) }, tooLarge, "items"},
	{"10,000 lines", func(r *start) { r.Items = lines(10_000) }, tooLarge, "items"},
	{"no sku", func(r *start) { r.Items[1].SKU = "" }, missing, "items[1].sku"},
	{"same sku twice", func(r *start) { r.Items[1].SKU = "abc123" }, invalid, "items[1].sku"},
	{"quantity 1", func(r *start) { r.Items[0].Quantity = 1 }, "", ""},
	{"quantity 1000", func(r *start) { r.Items[0].Quantity = 1000 }, "", ""},
	{"quantity 0", func(r *start) { r.Items[0].Quantity = 0 }, invalid, "items[0].quantity"},
	{"quantity -1", func(r *start) { r.Items[1].Quantity = -1 }, invalid, "items[1].quantity"},
	{"quantity 1001", func(r *start) { r.Items[0].Quantity = 1001 }, invalid, "items[0].quantity"},

	{"no address", func(r *start) { r.ShippingAddress = "" }, missing, "shipping_address"},
	{"blank address", func(r *start) { r.ShippingAddress = " \t " }, missing, "shipping_address"},
	{"address of 512 bytes", func(r *start) { r.ShippingAddress = strings.Repeat("é", 256) }, "", ""},
	{"long address", func(r *start) { r.ShippingAddress = strings.Repeat("x", 513) }, tooLarge, "shipping_address"},
	{"address with a line break", func(r *start) { r.ShippingAddress = "canary\nTown" }, invalid, "shipping_address"},
	{"address with NUL", func(r *start) { r.ShippingAddress = "canary\x00" }, invalid, "shipping_address"},
	{"address with C1", func(r *start) { r.ShippingAddress = "canary\u009b" }, invalid, "shipping_address"},
	{"address in Latin-1", func(r *start) { r.ShippingAddress = "canary \xfc" }, invalid, "shipping_address"},
	{"card as address", func(r *start) { r.ShippingAddress = "4111-1111-1111-1111" }, invalid, "shipping_address"},

	{"no wait_ms", func(r *start) { r.WaitMS = nil }, "", ""},
	{"wait_ms 0", func(r *start) { r.WaitMS = milliseconds(0) }, "", ""},
	{"wait_ms 60000", func(r *start) { r.WaitMS = milliseconds(60_000) }, "", ""},
	{"wait_ms 60001", func(r *start) { r.WaitMS = milliseconds(60_001) }, invalid, "wait_ms"},
	{"wait_ms -1", func(r *start) { r.WaitMS = milliseconds(-1) }, invalid, "wait_ms"},
}

func TestStartRequestValidate(t *testing.T) {
	for _, c := range spoilt {
		t.Run(c.name, func(t *testing.T) {
			r := goodStart()
			c.spoil(&r)
			checkValidity(t, r, c.code, c.field)
		})
	}
}

func TestBadIDsAreRefusedEverywhere(t *testing.T) {
	for name, id := range badIDs {
		t.Run(name, func(t *testing.T) {
			r := goodStart()
			r.SagaID = id
			checkRefusal(t, r.Validate(), badID, "saga_id")
			r = goodStart()
			r.UserID = id
			checkRefusal(t, r.Validate(), badID, "user_id")
			r = goodStart()
			r.Items[1].SKU = id
			checkRefusal(t, r.Validate(), badID, "items[1].sku")
			checkRefusal(t, protocol.StatusRequest{SagaID: id}.Validate(), badID, "saga_id")
			cancel := protocol.CancelShipment{Command: compensation(protocol.TypeCancelShipment)}
			cancel.SagaID = id
			checkRefusal(t, cancel.Validate(), badID, "saga_id")
			_, err := protocol.ParseSKU("sku", id)
			checkRefusal(t, err, badID, "sku")
		})
	}
}

// TestStatusAndListRequestValidate holds the requests but for the filter, which
// TestFilterValidate holds.
func TestStatusAndListRequestValidate(t *testing.T) {
	checkRefusal(t, protocol.StatusRequest{}.Validate(), missing, "saga_id")
	checkRefusal(t, protocol.ListRequest{Limit: -1}.Validate(), invalid, "limit")
	checkRefusal(t, protocol.ListRequest{Limit: 1001}.Validate(), invalid, "limit")
	for _, r := range []validator{
		protocol.StatusRequest{SagaID: "checkout42"}, protocol.ListRequest{}, protocol.ListRequest{Limit: 1000},
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
