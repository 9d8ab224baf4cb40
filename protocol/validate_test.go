package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"amends/protocol"
)

// A good message of each type, to be spoilt by the tables below.
func goodStart() protocol.StartRequest {
	wait := int64(4000)
	return protocol.StartRequest{
		Type: "checkout", MsgID: json.RawMessage("1"), SagaID: "checkout42", Definition: "checkout", UserID: "u42",
		Items:           []protocol.Line{{SKU: "abc123", Quantity: 2}, {SKU: "xyz789", Quantity: 1}},
		ShippingAddress: "123 Main St", WaitMS: &wait,
	}
}

func action(name string) protocol.Command {
	return protocol.Command{Type: name, SagaID: "checkout42", Step: 1}
}

func compensation(name string) protocol.Command {
	return protocol.Command{Type: name, SagaID: "checkout42", Step: 1, Compensating: true}
}

// checkRefusal holds err to a code and a field, and to not repeating the value.
func checkRefusal(t *testing.T, err error, code protocol.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Code != code || e.Field != field {
		t.Errorf("got %q of field %q, want %s of %q", e.Code, e.Field, code, field)
	}
	if strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), "4111") {
		t.Errorf("%v repeats the input", e)
	}
}

func lines(n int) []protocol.Line {
	made := make([]protocol.Line, n)
	for i := range made {
		made[i] = protocol.Line{SKU: fmt.Sprint("sku", i), Quantity: 1}
	}
	return made
}

// badIDs are the identifiers of the bad-input table (reliability.md §4e).
var badIDs = map[string]string{
	"dot": "a.b", "space": "a b", "star": "*", "wildcard": ">", "dots": "..", "unicode": "über", "NUL": "a\x00b",
	"line break": "a\r\nb", "65 characters": strings.Repeat("a", 65), "bucket": "$KV", "inbox": "_INBOX.x",
	"slash": "a/b", "5,000 characters": strings.Repeat("canary", 834), "tab": "a\tb", "quote": `a"b`,
}

func TestStartRequestValidate(t *testing.T) {
	wait := func(ms int64) *int64 { return &ms }
	for _, c := range []struct {
		name  string
		spoil func(*protocol.StartRequest)
		code  protocol.Code // "" where the request stays good
		field string
	}{
		{"good", func(r *protocol.StartRequest) {}, "", ""},
		{"no type", func(r *protocol.StartRequest) { r.Type = "" }, "", ""},
		{"other type", func(r *protocol.StartRequest) { r.Type = "canary" }, protocol.CodeUnknownType, "type"},
		{"no saga_id", func(r *protocol.StartRequest) { r.SagaID = "" }, "", ""},
		{"longest saga_id", func(r *protocol.StartRequest) { r.SagaID = strings.Repeat("-", 64) }, "", ""},
		{"no definition", func(r *protocol.StartRequest) { r.Definition = "" }, "", ""},
		{"bad definition", func(r *protocol.StartRequest) { r.Definition = "../canary" }, protocol.CodeInvalidID, "definition"},

		{"no msg_id", func(r *protocol.StartRequest) { r.MsgID = nil }, "", ""},
		{"null msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage("null") }, "", ""},
		{"text msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(`"` + strings.Repeat("x", 64) + `"`) }, "", ""},
		{"long msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(`"` + strings.Repeat("x", 65) + `"`) }, protocol.CodeTooLarge, "msg_id"},
		{"huge msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(strings.Repeat("9", 65)) }, protocol.CodeTooLarge, "msg_id"},
		{"object msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(`{"canary":1}`) }, protocol.CodeInvalidField, "msg_id"},
		{"bool msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(`true`) }, protocol.CodeInvalidField, "msg_id"},
		{"broken msg_id", func(r *protocol.StartRequest) { r.MsgID = json.RawMessage(`"`) }, protocol.CodeInvalidField, "msg_id"},

		{"no user_id", func(r *protocol.StartRequest) { r.UserID = "" }, protocol.CodeMissingField, "user_id"},
		{"card as user_id", func(r *protocol.StartRequest) { r.UserID = "4111111111111111" }, protocol.CodeInvalidField, "user_id"},

		{"no items", func(r *protocol.StartRequest) { r.Items = nil }, protocol.CodeMissingField, "items"},
		{"empty items", func(r *protocol.StartRequest) { r.Items = []protocol.Line{} }, protocol.CodeMissingField, "items"},
		{"100 lines", func(r *protocol.StartRequest) { r.Items = lines(100) }, "", ""},
		{"101 lines", func(r *protocol.StartRequest) { r.Items = lines(101) }, protocol.CodeTooLarge, "items"},
		{"10,000 lines", func(r *protocol.StartRequest) { r.Items = lines(10_000) }, protocol.CodeTooLarge, "items"},
		{"no sku", func(r *protocol.StartRequest) { r.Items[1].SKU = "" }, protocol.CodeMissingField, "items[1].sku"},
		{"same sku twice", func(r *protocol.StartRequest) { r.Items[1].SKU = "abc123" }, protocol.CodeInvalidField, "items[1].sku"},
		{"quantity 1", func(r *protocol.StartRequest) { r.Items[0].Quantity = 1 }, "", ""},
		{"quantity 1000", func(r *protocol.StartRequest) { r.Items[0].Quantity = 1000 }, "", ""},
		{"quantity 0", func(r *protocol.StartRequest) { r.Items[0].Quantity = 0 }, protocol.CodeInvalidField, "items[0].quantity"},
		{"quantity -1", func(r *protocol.StartRequest) { r.Items[1].Quantity = -1 }, protocol.CodeInvalidField, "items[1].quantity"},
		{"quantity 1001", func(r *protocol.StartRequest) { r.Items[0].Quantity = 1001 }, protocol.CodeInvalidField, "items[0].quantity"},

		{"no address", func(r *protocol.StartRequest) { r.ShippingAddress = "" }, protocol.CodeMissingField, "shipping_address"},
		{"blank address", func(r *protocol.StartRequest) { r.ShippingAddress = " \t " }, protocol.CodeMissingField, "shipping_address"},
		{"address of 512 bytes", func(r *protocol.StartRequest) { r.ShippingAddress = strings.Repeat("é", 256) }, "", ""},
		{"address of 513 bytes", func(r *protocol.StartRequest) { r.ShippingAddress = strings.Repeat("x", 513) }, protocol.CodeTooLarge, "shipping_address"},
		{"address with a line break", func(r *protocol.StartRequest) { r.ShippingAddress = "canary\nTown" }, protocol.CodeInvalidField, "shipping_address"},
		{"address with NUL", func(r *protocol.StartRequest) { r.ShippingAddress = "canary\x00" }, protocol.CodeInvalidField, "shipping_address"},
		{"address with C1", func(r *protocol.StartRequest) { r.ShippingAddress = "canary\u009b" }, protocol.CodeInvalidField, "shipping_address"},
		{"address in Latin-1", func(r *protocol.StartRequest) { r.ShippingAddress = "canary \xfc" }, protocol.CodeInvalidField, "shipping_address"},
		{"address with a card", func(r *protocol.StartRequest) { r.ShippingAddress = "Main St 5, 4111-1111-1111-1111" }, protocol.CodeInvalidField, "shipping_address"},

		{"no wait_ms", func(r *protocol.StartRequest) { r.WaitMS = nil }, "", ""},
		{"wait_ms 0", func(r *protocol.StartRequest) { r.WaitMS = wait(0) }, "", ""},
		{"wait_ms 60000", func(r *protocol.StartRequest) { r.WaitMS = wait(60_000) }, "", ""},
		{"wait_ms 60001", func(r *protocol.StartRequest) { r.WaitMS = wait(60_001) }, protocol.CodeInvalidField, "wait_ms"},
		{"wait_ms -1", func(r *protocol.StartRequest) { r.WaitMS = wait(-1) }, protocol.CodeInvalidField, "wait_ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := goodStart()
			c.spoil(&r)
			err := r.Validate()
			if c.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			checkRefusal(t, err, c.code, c.field)
		})
	}
}

func TestBadIDsAreRefusedEverywhere(t *testing.T) {
	for name, id := range badIDs {
		t.Run(name, func(t *testing.T) {
			r := goodStart()
			r.SagaID = id
			checkRefusal(t, r.Validate(), protocol.CodeInvalidID, "saga_id")
			r = goodStart()
			r.UserID = id
			checkRefusal(t, r.Validate(), protocol.CodeInvalidID, "user_id")
			r = goodStart()
			r.Items[1].SKU = id
			checkRefusal(t, r.Validate(), protocol.CodeInvalidID, "items[1].sku")
			checkRefusal(t, protocol.StatusRequest{SagaID: id}.Validate(), protocol.CodeInvalidID, "saga_id")
			cancel := protocol.CancelShipment{Command: compensation(protocol.TypeCancelShipment)}
			cancel.SagaID = id
			checkRefusal(t, cancel.Validate(), protocol.CodeInvalidID, "saga_id")
			_, err := protocol.ParseSKU("sku", id)
			checkRefusal(t, err, protocol.CodeInvalidID, "sku")
		})
	}
}

func TestStatusAndListRequestValidate(t *testing.T) {
	checkRefusal(t, protocol.StatusRequest{}.Validate(), protocol.CodeMissingField, "saga_id")
	checkRefusal(t, protocol.ListRequest{Status: "canary"}.Validate(), protocol.CodeInvalidField, "status")
	checkRefusal(t, protocol.ListRequest{Status: "stuck"}.Validate(), protocol.CodeInvalidField, "status")
	checkRefusal(t, protocol.ListRequest{Limit: -1}.Validate(), protocol.CodeInvalidField, "limit")
	checkRefusal(t, protocol.ListRequest{Limit: 1001}.Validate(), protocol.CodeInvalidField, "limit")
	good := []validator{protocol.StatusRequest{SagaID: "checkout42"}, protocol.ListRequest{}, protocol.ListRequest{Limit: 1000}}
	for _, status := range []string{"PENDING", "COMPENSATING", "COMPLETED", "ABORTED", "STUCK"} {
		good = append(good, protocol.ListRequest{Status: status})
	}
	for _, r := range good {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// TestS0_02_03_04_CommandsValidate spoils each of the six commands.
func TestS0_02_03_04_CommandsValidate(t *testing.T) {
	two := []protocol.Line{{SKU: "abc123", Quantity: 2}}
	held := []protocol.Reservation{{SKU: "abc123", ReservationID: "r1"}}
	type (
		reserve = protocol.ReserveInventory
		release = protocol.ReleaseReservation
		charge  = protocol.ChargePayment
		refund  = protocol.RefundPayment
		ship    = protocol.CreateShipment
		cancel  = protocol.CancelShipment
	)
	charging, refunding := action("ChargePayment"), compensation("RefundPayment")
	shipping, releasing := action("CreateShipment"), compensation("ReleaseReservation")
	for _, c := range []struct {
		name    string
		message validator
		code    protocol.Code
		field   string
	}{
		{"reserve", reserve{action("ReserveInventory"), two}, "", ""},
		{"reserve nothing", reserve{action("ReserveInventory"), nil}, protocol.CodeMissingField, "items"},
		{"reserve under another type", reserve{action("ReserveTheCanary"), two}, protocol.CodeUnknownType, "type"},
		{"reserve without a type", reserve{action(""), two}, protocol.CodeUnknownType, "type"},
		{"reserve as a compensation", reserve{compensation("ReserveInventory"), two}, protocol.CodeInvalidField, "compensating"},

		{"release", release{releasing, held}, "", ""},
		{"A3 release by its other name", release{compensation("ReleaseInventory"), held}, "", ""},
		{"release of the unknown", release{releasing, nil}, "", ""},
		{"S0-15 release without compensating", release{action("ReleaseReservation"), held}, protocol.CodeInvalidField, "compensating"},
		{"release with a bad sku", release{releasing, []protocol.Reservation{held[0], {SKU: "a.b", ReservationID: "r"}}}, protocol.CodeInvalidID, "reservations[1].sku"},
		{"release without an id", release{releasing, []protocol.Reservation{{SKU: "a"}}}, protocol.CodeMissingField, "reservations[0].reservation_id"},
		{"release of 101", release{releasing, make([]protocol.Reservation, 101)}, protocol.CodeTooLarge, "reservations"},

		{"charge", charge{charging, "u42", "249.99", "USD"}, "", ""},
		{"S0-09 charge without a currency", charge{charging, "u42", "249.99", ""}, "", ""},
		{"charge nobody", charge{charging, "", "249.99", "USD"}, protocol.CodeMissingField, "user_id"},
		{"charge nothing", charge{charging, "u42", "", "USD"}, protocol.CodeMissingField, "amount"},
		{"charge a negative amount", charge{charging, "u42", "-1", "USD"}, protocol.CodeInvalidField, "amount"},
		{"charge 3 decimals of EUR", charge{charging, "u42", "1.999", "EUR"}, protocol.CodeInvalidField, "amount"},
		{"charge an unknown currency", charge{charging, "u42", "1", "CANARY"}, protocol.CodeInvalidField, "currency"},
		{"charge as a compensation", charge{compensation("ChargePayment"), "u42", "1", "USD"}, protocol.CodeInvalidField, "compensating"},

		{"refund", refund{refunding, "p1", "249.99", "USD"}, "", ""},
		{"refund of the unknown", refund{refunding, "", "", ""}, "", ""},
		{"refund in dollars", refund{refunding, "p1", "249.99", ""}, "", ""},
		{"refund of no amount", refund{refunding, "p1", "", "USD"}, protocol.CodeMissingField, "amount"},
		{"refund of a fraction of a yen", refund{refunding, "p1", "0.5", "JPY"}, protocol.CodeInvalidField, "amount"},
		{"refund of a long id", refund{refunding, strings.Repeat("p", 129), "", ""}, protocol.CodeTooLarge, "payment_id"},
		{"refund as an action", refund{action("RefundPayment"), "p1", "", ""}, protocol.CodeInvalidField, "compensating"},

		{"ship", ship{shipping, two, "123 Main St"}, "", ""},
		{"ship nothing", ship{shipping, nil, "123 Main St"}, protocol.CodeMissingField, "items"},
		{"ship nowhere", ship{shipping, two, ""}, protocol.CodeMissingField, "address"},
		{"ship to a card", ship{shipping, two, "4111 1111 1111 1111"}, protocol.CodeInvalidField, "address"},

		{"cancel", cancel{compensation("CancelShipment"), "s1"}, "", ""},
		{"cancel the unknown", cancel{compensation("CancelShipment"), ""}, "", ""},
		{"cancel with a line break", cancel{compensation("CancelShipment"), "canary\n"}, protocol.CodeInvalidField, "shipment_id"},
		{"cancel as an action", cancel{action("CancelShipment"), "s1"}, protocol.CodeInvalidField, "compensating"},

		{"step 0", ship{protocol.Command{Type: "CreateShipment", SagaID: "s"}, two, "a"}, protocol.CodeInvalidField, "step"},
		{"step 64", ship{protocol.Command{Type: "CreateShipment", SagaID: "s", Step: 64}, two, "a"}, "", ""},
		{"step 65", ship{protocol.Command{Type: "CreateShipment", SagaID: "s", Step: 65}, two, "a"}, protocol.CodeInvalidField, "step"},
		{"no saga_id", ship{protocol.Command{Type: "CreateShipment", Step: 1}, two, "a"}, protocol.CodeMissingField, "saga_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.message.Validate()
			if c.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			checkRefusal(t, err, c.code, c.field)
		})
	}
}

// TestS0_08_10_12_RepliesValidate holds that an acceptance without its ids is
// none: nothing could be undone by it later.
func TestS0_08_10_12_RepliesValidate(t *testing.T) {
	held := []protocol.Reservation{{SKU: "abc123", ReservationID: "r1"}}
	for _, good := range []validator{
		protocol.ReserveInventoryOK{Reservations: held},
		protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "txn_12345"},
		protocol.CreateShipmentOK{ShipmentID: "s1", TrackingNumber: "1Z999AA1"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	checkRefusal(t, protocol.ReserveInventoryOK{}.Validate(), protocol.CodeMissingField, "reservations")
	checkRefusal(t, protocol.ChargePaymentOK{TransactionID: "t"}.Validate(), protocol.CodeMissingField, "payment_id")
	checkRefusal(t, protocol.ChargePaymentOK{PaymentID: "p"}.Validate(), protocol.CodeMissingField, "transaction_id")
	checkRefusal(t, protocol.CreateShipmentOK{TrackingNumber: "1Z"}.Validate(), protocol.CodeMissingField, "shipment_id")
	checkRefusal(t, protocol.CreateShipmentOK{ShipmentID: "s"}.Validate(), protocol.CodeMissingField, "tracking_number")
}

// TestD22_CardNumbersAreRefused tries the shapes in which people type cards.
func TestD22_CardNumbersAreRefused(t *testing.T) {
	cards := []string{
		"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111  1111 - 1111 1111", "378282246310005",
		"3782 822463 10005", "6011111111111117", "4222222222222", "6304000000000000000", "card: 4111111111111111!",
		"Flat 5 4111 1111 1111 1111", "4111 1111 1111 1111 12345 Town", "é4111111111111111é", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
	}
	for _, card := range cards {
		r := goodStart()
		r.ShippingAddress = card
		checkRefusal(t, r.Validate(), protocol.CodeInvalidField, "shipping_address")
	}
	for _, address := range []string{
		"123 Main St", "4111111111111112", "4111 1111 1111 1112", "411111111111", "41111111111111111111", "4111.1111.1111.1111",
		"94105-1234, tel. 415 555 0100", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
	} {
		r := goodStart()
		r.ShippingAddress = address
		if err := r.Validate(); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}
