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

// The Go values of the document.
var (
	abc2, xyz1  = protocol.Line{SKU: "abc123", Quantity: 2}, protocol.Line{SKU: "xyz789", Quantity: 1}
	orderLines  = []protocol.Line{abc2, xyz1}
	reservedAll = []protocol.Reservation{{SKU: "abc123", ReservationID: "r1"}, {SKU: "xyz789", ReservationID: "r2"}}

	reserve42 = protocol.Command{Type: "ReserveInventory", SagaID: "checkout42", Step: 1}
	charge42  = protocol.Command{Type: "ChargePayment", SagaID: "checkout42", Step: 2}
	ship42    = protocol.Command{Type: "CreateShipment", SagaID: "checkout42", Step: 3}
	reserve43 = protocol.Command{Type: "ReserveInventory", SagaID: "checkout43", Step: 1}
	charge43  = protocol.Command{Type: "ChargePayment", SagaID: "checkout43", Step: 2}
	release43 = protocol.Command{Type: "ReleaseReservation", SagaID: "checkout43", Step: 1, Compensating: true}

	completed42 = protocol.Outcome{
		Type: protocol.TypeCheckoutComplete, SagaID: "checkout42", Status: protocol.StatusCompleted, OrderID: "o123",
	}
	aborted43 = protocol.Outcome{
		Type: protocol.TypeCheckoutFailed, SagaID: "checkout43", Status: protocol.StatusAborted,
		Reason: "Payment declined: DECLINED",
	}
)

func startOf(msgID, saga, user string, items ...protocol.Line) protocol.StartRequest {
	return protocol.StartRequest{
		Type: protocol.TypeCheckout, MsgID: json.RawMessage(msgID), SagaID: saga,
		UserID: user, Items: items, ShippingAddress: "123 Main St",
	}
}

// answerTo is a reply to be written by EncodeReply.
type answerTo struct {
	command protocol.Command
	suffix  string
	payload any
}

// MarshalJSON makes a reply look like any other message to the table below.
func (a answerTo) MarshalJSON() ([]byte, error) {
	return protocol.EncodeReply(a.command.Reply(a.suffix), a.payload)
}

// inGo are the messages of the document as Go values, in its order.
var inGo = []struct {
	name    string
	message any
}{
	{"S0-06 checkout", startOf("1", "checkout42", "u42", abc2, xyz1)},
	{"S0-07 ReserveInventory", protocol.ReserveInventory{Command: reserve42, Items: orderLines}},
	{"S0-08 ReserveInventory_ok", answerTo{reserve42, "_ok", protocol.ReserveInventoryOK{Reservations: reservedAll}}},
	{"S0-09 ChargePayment", protocol.ChargePayment{Command: charge42, UserID: "u42", Amount: "249.99"}},
	{"S0-10 ChargePayment_ok", answerTo{charge42, "_ok", protocol.ChargePaymentOK{
		PaymentID: "p1", TransactionID: "txn_12345",
	}}},
	{"S0-11 CreateShipment", protocol.CreateShipment{Command: ship42, Items: orderLines, Address: "123 Main St"}},
	{"S0-12 CreateShipment_ok", answerTo{ship42, "_ok", protocol.CreateShipmentOK{
		ShipmentID: "s1", TrackingNumber: "1Z999AA1",
	}}},
	{"S0-13 checkout_complete", completed42},
	{"S0-08 again", answerTo{reserve43, "_ok", protocol.ReserveInventoryOK{Reservations: reservedAll}}},
	{"S0-14 ChargePayment_failed", answerTo{charge43, "_failed", protocol.Failure{
		Error: "insufficient_funds", DeclineCode: "DECLINED",
	}}},
	{"S0-15 ReleaseReservation", protocol.ReleaseReservation{Command: release43, Reservations: reservedAll}},
	{"S0-16 ReleaseReservation_ok", answerTo{release43, "_ok", nil}},
	{"S0-17 checkout_failed", aborted43},
	{"S0-23 checkout42", startOf("2", "checkout42", "u42", abc2)},
	{"S0-24 checkout43", startOf("2", "checkout43", "u999", abc2)},
}

// TestDocument000Bytes compares each message byte by byte with the document,
// white space aside.
func TestDocument000Bytes(t *testing.T) {
	messages := document000(t)
	if len(messages) != len(inGo) {
		t.Fatalf("the document has %d messages, the table %d", len(messages), len(inGo))
	}
	for i, c := range inGo {
		t.Run(c.name, func(t *testing.T) {
			if got, want := marshal(t, c.message), compact(t, messages[i]); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

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
	held := `{"reservations":` + elided["reservations"] + `}`
	const (
		payment  = `{"payment_id":"p1","transaction_id":"txn_12345"}`
		shipment = `{"shipment_id":"s1","tracking_number":"1Z999AA1"}`
	)
	for _, c := range []struct {
		name    string
		at      int
		command protocol.Command
		verdict protocol.Verdict
		fields  string // JSON of Answer.Fields
	}{
		{"S0-08 ReserveInventory_ok", 2, reserve42, protocol.Accepted, held},
		{"S0-10 ChargePayment_ok", 4, charge42, protocol.Accepted, payment},
		{"S0-12 CreateShipment_ok", 6, ship42, protocol.Accepted, shipment},
		{"S0-14 ChargePayment_failed", 9, charge43, protocol.Declined, `null`},
		{"S0-16 ReleaseReservation_ok", 11, release43, protocol.Accepted, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := protocol.ParseReply(c.command.Type, sagaID(t, c.command.SagaID), c.command.Step, messages[c.at])
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != c.verdict || a.SagaID != c.command.SagaID || a.Step != c.command.Step {
				t.Errorf("got %v for step %d of %s", a.Verdict, a.Step, a.SagaID)
			}
			if got, want := marshal(t, a.Fields), compact(t, []byte(c.fields)); got != want {
				t.Errorf("fields %s, want %s", got, want)
			}
			if c.verdict == protocol.Declined && a.Failure.Error+a.Failure.DeclineCode != "insufficient_fundsDECLINED" {
				t.Errorf("failure %+v", a.Failure)
			}
		})
	}
}
