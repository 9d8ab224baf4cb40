package protocol_test

import (
	"strings"
	"testing"

	"amends/protocol"
)

type (
	reserve = protocol.ReserveInventory
	release = protocol.ReleaseReservation
	charge  = protocol.ChargePayment
	refund  = protocol.RefundPayment
	ship    = protocol.CreateShipment
	cancel  = protocol.CancelShipment
)

var (
	two  = []protocol.Line{{SKU: "abc123", Quantity: 2}}
	held = reserved("abc123")

	anonymous = []protocol.Reservation{{SKU: "abc123"}}

	charging, refunding = action("ChargePayment"), compensation("RefundPayment")
	shipping, releasing = action("CreateShipment"), compensation("ReleaseReservation")
)

func reserved(skus ...string) []protocol.Reservation {
	var made []protocol.Reservation
	for _, sku := range skus {
		made = append(made, protocol.Reservation{SKU: sku, ReservationID: "r_" + sku})
	}
	return made
}

// commands are good and bad commands of the six types.
var commands = []struct {
	name    string
	message validator
	code    protocol.Code // "" where the command is good
	field   string
}{
	{"reserve", reserve{Command: action("ReserveInventory"), Items: two}, "", ""},
	{"reserve nothing", reserve{Command: action("ReserveInventory"), Items: nil}, missing, "items"},
	{"reserve under another type", reserve{Command: action("ReserveTheCanary"), Items: two}, unknownType, "type"},
	{"reserve without a type", reserve{Command: action(""), Items: two}, unknownType, "type"},
	{"reserve as a compensation", reserve{Command: compensation("ReserveInventory"), Items: two}, invalid, "compensating"},

	{"release", release{releasing, held}, "", ""},
	{"A3 release by its other name", release{compensation("ReleaseInventory"), held}, "", ""},
	{"release of the unknown", release{releasing, nil}, "", ""},
	{"S0-15 release without compensating", release{action("ReleaseReservation"), held}, invalid, "compensating"},
	{"release with a bad sku", release{releasing, reserved("abc123", "a.b")}, badID, "reservations[1].sku"},
	{"release without a sku", release{releasing, make([]protocol.Reservation, 1)}, missing, "reservations[0].sku"},
	{"release without an id", release{releasing, anonymous}, missing, "reservations[0].reservation_id"},
	{"release of 101", release{releasing, make([]protocol.Reservation, 101)}, tooLarge, "reservations"},

	{"charge", charge{charging, "u42", "249.99", "USD"}, "", ""},
	{"S0-09 charge without a currency", charge{charging, "u42", "249.99", ""}, "", ""},
	{"charge nobody", charge{charging, "", "249.99", "USD"}, missing, "user_id"},
	{"charge nothing", charge{charging, "u42", "", "USD"}, missing, "amount"},
	{"charge a negative amount", charge{charging, "u42", "-1", "USD"}, invalid, "amount"},
	{"charge 3 decimals of EUR", charge{charging, "u42", "1.999", "EUR"}, invalid, "amount"},
	{"charge an unknown currency", charge{charging, "u42", "1", "CANARY"}, invalid, "currency"},
	{"charge as a compensation", charge{compensation("ChargePayment"), "u42", "1", "USD"}, invalid, "compensating"},

	{"refund", refund{refunding, "p1", "249.99", "USD"}, "", ""},
	{"refund of the unknown", refund{refunding, "", "", ""}, "", ""},
	{"refund in dollars", refund{refunding, "p1", "249.99", ""}, "", ""},
	{"refund of no amount", refund{refunding, "p1", "", "USD"}, missing, "amount"},
	{"refund of a fraction of a yen", refund{refunding, "p1", "0.5", "JPY"}, invalid, "amount"},
	{"refund of a long id", refund{refunding, strings.Repeat("p", 129), "", ""}, tooLarge, "payment_id"},
	{"refund as an action", refund{action("RefundPayment"), "p1", "", ""}, invalid, "compensating"},

	{"ship", ship{shipping, two, "123 Main St"}, "", ""},
	{"ship nothing", ship{shipping, nil, "123 Main St"}, missing, "items"},
	{"ship nowhere", ship{shipping, two, ""}, missing, "address"},
	{"ship to a card", ship{shipping, two, "4111 1111 1111 1111"}, invalid, "address"},

	{"cancel", cancel{compensation("CancelShipment"), "s1"}, "", ""},
	{"cancel the unknown", cancel{compensation("CancelShipment"), ""}, "", ""},
	{"cancel with a line break", cancel{compensation("CancelShipment"), "canary\n"}, invalid, "shipment_id"},
	{"cancel as an action", cancel{action("CancelShipment"), "s1"}, invalid, "compensating"},

	{"step 0", ship{protocol.Command{Type: "CreateShipment", SagaID: "s"}, two, "a"}, invalid, "step"},
	{"step 64", ship{protocol.Command{Type: "CreateShipment", SagaID: "s", Step: 64}, two, "a"}, "", ""},
	{"step 65", ship{protocol.Command{Type: "CreateShipment", SagaID: "s", Step: 65}, two, "a"}, invalid, "step"},
	{"no saga_id", ship{protocol.Command{Type: "CreateShipment", Step: 1}, two, "a"}, missing, "saga_id"},
}

func TestS0_02_03_04_CommandsValidate(t *testing.T) {
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) { checkValidity(t, c.message, c.code, c.field) })
	}
}

// TestS0_08_10_12_RepliesValidate holds that an acceptance without its ids is
// none: nothing could be undone by it later.
func TestS0_08_10_12_RepliesValidate(t *testing.T) {
	for _, good := range []validator{
		protocol.ReserveInventoryOK{Reservations: held},
		protocol.ChargePaymentOK{PaymentID: "p1", TransactionID: "txn_12345"},
		protocol.CreateShipmentOK{ShipmentID: "s1", TrackingNumber: "1Z999AA1"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	checkRefusal(t, protocol.ReserveInventoryOK{}.Validate(), missing, "reservations")
	checkRefusal(t, protocol.ChargePaymentOK{TransactionID: "t"}.Validate(), missing, "payment_id")
	checkRefusal(t, protocol.ChargePaymentOK{PaymentID: "p"}.Validate(), missing, "transaction_id")
	checkRefusal(t, protocol.CreateShipmentOK{TrackingNumber: "1Z"}.Validate(), missing, "shipment_id")
	checkRefusal(t, protocol.CreateShipmentOK{ShipmentID: "s"}.Validate(), missing, "tracking_number")
}
