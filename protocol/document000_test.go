package protocol_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"amends/protocol"
)

// The arrays that document 000 writes as [...], by the field they stand in.
var elided = map[string]string{
	"items":        `[{"sku": "abc123", "quantity": 2}, {"sku": "xyz789", "quantity": 1}]`,
	"reservations": `[{"sku": "abc123", "reservation_id": "r1"}, {"sku": "xyz789", "reservation_id": "r2"}]`,
}

// document000 returns every message of the document in its order: verbatim, but
// for the arrays that it elides.
func document000(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/document000.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var messages [][]byte
	for line := range strings.Lines(string(text)) {
		for field, array := range elided {
			line = strings.Replace(line, `"`+field+`": [...]`, `"`+field+`": `+array, 1)
		}
		messages = append(messages, []byte(strings.TrimSpace(line)))
	}
	return messages
}

// compact is the message without the white space that the document puts in.
func compact(t *testing.T, message []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, message); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func reply(t *testing.T, c protocol.Command, suffix string, payload any) string {
	t.Helper()
	body, err := protocol.EncodeReply(c.Reply(suffix), payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestDocument000Bytes builds each message of the document from Go values and
// compares it byte by byte, white space aside.
func TestDocument000Bytes(t *testing.T) {
	abc, xyz := protocol.Line{SKU: "abc123", Quantity: 2}, protocol.Line{SKU: "xyz789", Quantity: 1}
	reservations := []protocol.Reservation{{SKU: "abc123", ReservationID: "r1"}, {SKU: "xyz789", ReservationID: "r2"}}
	command := func(action, saga string, step int) protocol.Command {
		return protocol.Command{Type: action, SagaID: saga, Step: step, Compensating: strings.HasPrefix(action, "Release")}
	}
	start := func(msgID, saga, user string, items ...protocol.Line) protocol.StartRequest {
		return protocol.StartRequest{
			Type: protocol.TypeCheckout, MsgID: json.RawMessage(msgID), SagaID: saga,
			UserID: user, Items: items, ShippingAddress: "123 Main St",
		}
	}
	reserve := command(protocol.TypeReserveInventory, "checkout42", 1)
	charge := command(protocol.TypeChargePayment, "checkout42", 2)
	ship := command(protocol.TypeCreateShipment, "checkout42", 3)
	reserve43 := command(protocol.TypeReserveInventory, "checkout43", 1)
	charge43 := command(protocol.TypeChargePayment, "checkout43", 2)
	release43 := command(protocol.TypeReleaseReservation, "checkout43", 1)
	messages := document000(t)
	for i, c := range []struct{ name, got string }{
		{"S0-06 checkout", marshal(t, start("1", "checkout42", "u42", abc, xyz))},
		{"S0-07 ReserveInventory", marshal(t, protocol.ReserveInventory{Command: reserve, Items: []protocol.Line{abc, xyz}})},
		{"S0-08 ReserveInventory_ok", reply(t, reserve, "_ok", protocol.ReserveInventoryOK{Reservations: reservations})},
		{"S0-09 ChargePayment", marshal(t, protocol.ChargePayment{Command: charge, UserID: "u42", Amount: "249.99"})},
		{"S0-10 ChargePayment_ok", reply(t, charge, "_ok", protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "txn_12345"})},
		{"S0-11 CreateShipment", marshal(t, protocol.CreateShipment{Command: ship, Items: []protocol.Line{abc, xyz}, Address: "123 Main St"})},
		{"S0-12 CreateShipment_ok", reply(t, ship, "_ok", protocol.CreateShipmentOK{ShipmentID: "s1", TrackingNumber: "1Z999AA1"})},
		{"S0-13 checkout_complete", marshal(t, protocol.Outcome{
			Type: protocol.TypeCheckoutComplete, SagaID: "checkout42", Status: protocol.StatusCompleted, OrderID: "o123",
		})},
		{"S0-08 ReserveInventory_ok of checkout43", reply(t, reserve43, "_ok", protocol.ReserveInventoryOK{Reservations: reservations})},
		{"S0-14 ChargePayment_failed", reply(t, charge43, "_failed", protocol.Failure{Error: "insufficient_funds", DeclineCode: "DECLINED"})},
		{"S0-15 ReleaseReservation", marshal(t, protocol.ReleaseReservation{Command: release43, Reservations: reservations})},
		{"S0-16 ReleaseReservation_ok", reply(t, release43, "_ok", nil)},
		{"S0-17 checkout_failed", marshal(t, protocol.Outcome{
			Type: protocol.TypeCheckoutFailed, SagaID: "checkout43", Status: protocol.StatusAborted, Reason: "Payment declined: DECLINED",
		})},
		{"S0-23 checkout42", marshal(t, start("2", "checkout42", "u42", abc))},
		{"S0-24 checkout43", marshal(t, start("2", "checkout43", "u999", abc))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if want := compact(t, messages[i]); c.got != want {
				t.Errorf("got  %s\nwant %s", c.got, want)
			}
		})
	}
}

// validator is every message that checks itself.
type validator interface{ Validate() error }

// TestDocument000Decodes reads each request and command of the document as it
// stands there.
func TestDocument000Decodes(t *testing.T) {
	messages := document000(t)
	for _, c := range []struct {
		name string
		at   int
		into validator
	}{
		{"S0-06 checkout", 0, &protocol.StartRequest{}},
		{"S0-07 ReserveInventory", 1, &protocol.ReserveInventory{}},
		{"S0-09 ChargePayment", 3, &protocol.ChargePayment{}},
		{"S0-11 CreateShipment", 5, &protocol.CreateShipment{}},
		{"S0-15 ReleaseReservation", 10, &protocol.ReleaseReservation{}},
		{"S0-23 checkout42", 13, &protocol.StartRequest{}},
		{"S0-24 checkout43", 14, &protocol.StartRequest{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			unknown, err := protocol.Decode(messages[c.at], c.into)
			if err != nil || len(unknown) > 0 {
				t.Fatalf("decoded with unknown fields %q and error %v", unknown, err)
			}
			if err := c.into.Validate(); err != nil {
				t.Error(err)
			}
			if got, want := marshal(t, c.into), compact(t, messages[c.at]); got != want {
				t.Errorf("written again: %s\nwant %s", got, want)
			}
		})
	}
}

// TestDocument000Replies reads each reply of the document against its command.
func TestDocument000Replies(t *testing.T) {
	messages := document000(t)
	for _, c := range []struct {
		name    string
		at      int
		action  string
		saga    string
		step    int
		verdict protocol.Verdict
		fields  string // JSON of Answer.Fields
	}{
		{"S0-08 ReserveInventory_ok", 2, "ReserveInventory", "checkout42", 1, protocol.Accepted, `{"reservations":` + elided["reservations"] + `}`},
		{"S0-10 ChargePayment_ok", 4, "ChargePayment", "checkout42", 2, protocol.Accepted, `{"payment_id":"p1","transaction_id":"txn_12345"}`},
		{"S0-12 CreateShipment_ok", 6, "CreateShipment", "checkout42", 3, protocol.Accepted, `{"shipment_id":"s1","tracking_number":"1Z999AA1"}`},
		{"S0-14 ChargePayment_failed", 9, "ChargePayment", "checkout43", 2, protocol.Declined, `null`},
		{"S0-16 ReleaseReservation_ok", 11, "ReleaseReservation", "checkout43", 1, protocol.Accepted, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := protocol.ParseReply(c.action, sagaID(t, c.saga), c.step, messages[c.at])
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != c.verdict || a.SagaID != c.saga || a.Step != c.step {
				t.Errorf("got %v for step %d of %s", a.Verdict, a.Step, a.SagaID)
			}
			if got, want := marshal(t, a.Fields), compact(t, []byte(c.fields)); got != want {
				t.Errorf("fields %s, want %s", got, want)
			}
			if c.verdict == protocol.Declined && (a.Failure.Error != "insufficient_funds" || a.Failure.DeclineCode != "DECLINED") {
				t.Errorf("failure %+v", a.Failure)
			}
		})
	}
}

func sagaID(t testing.TB, text string) protocol.SagaID {
	t.Helper()
	id, err := protocol.ParseSagaID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
