package protocol_test

import (
	"strings"
	"testing"

	"amends/protocol"
)

type (
	request   = protocol.RequestPayment
	authorize = protocol.AuthorizePayment
	capture   = protocol.CapturePayment
	void      = protocol.VoidPayment
	commit    = protocol.CommitReservation
	query     = protocol.QueryStep
)

const address = "checkout.callback.checkout42.1.t0k3n"

var (
	requesting, authorizing  = action("RequestPayment"), action("AuthorizePayment")
	capturing, voiding       = action("CapturePayment"), compensation("VoidPayment")
	committing, inquiring    = action("CommitReservation"), action("QueryStep")
	reversingRefund          = reversal("RefundPayment")
	manyReservations         = make([]protocol.Reservation, 101)
	longReference, tornLabel = strings.Repeat("a", 129), "canary\r\n"
)

func reversal(name string) protocol.Command {
	c := compensation(name)
	c.Reversal = true
	return c
}

// reversed is an action that claims to be a reversal.
func reversed(name string) protocol.Command {
	c := action(name)
	c.Reversal = true
	return c
}

// payments are good and bad commands of the types that document 000 lacks.
var payments = []struct {
	name    string
	message validator
	code    protocol.Code // "" where the command is good
	field   string
}{
	{"request", request{requesting, "u42", "249.99", "USD", address}, "", ""},
	{"request in dollars", request{requesting, "u42", "249.99", "", address}, "", ""},
	{"request by another type", request{charging, "u42", "1", "USD", address}, unknownType, "type"},
	{"request as a compensation", request{compensation("RequestPayment"), "u42", "1", "", address}, invalid, "compensating"},
	{"request as a reversal", request{reversed("RequestPayment"), "u42", "1", "", address}, invalid, "reversal"},
	{"request of nobody", request{requesting, "", "1", "USD", address}, missing, "user_id"},
	{"request of a card", request{requesting, "4111111111111111", "1", "USD", address}, invalid, "user_id"},
	{"request of nothing", request{requesting, "u42", "", "USD", address}, missing, "amount"},
	{"request of a negative amount", request{requesting, "u42", "-1", "USD", address}, invalid, "amount"},
	{"request of no currency", request{requesting, "u42", "1", "CANARY", address}, invalid, "currency"},
	{"request without an address", request{requesting, "u42", "1", "", ""}, missing, "callback"},
	{"request to a long address", request{requesting, "u42", "1", "", address + strings.Repeat("x", 256)}, tooLarge, "callback"},
	{"request to a torn address", request{requesting, "u42", "1", "", address + "\n"}, invalid, "callback"},
	{"request to a bucket", request{requesting, "u42", "1", "", "$KV.SAGAS.checkout42"}, invalid, "callback"},
	{"request to a client", request{requesting, "u42", "1", "", "_INBOX.canary"}, invalid, "callback"},
	{"request to a pattern", request{requesting, "u42", "1", "", "checkout.callback.checkout42.1.*"}, invalid, "callback"},
	{"request to a tail", request{requesting, "u42", "1", "", "checkout.callback.checkout42.1.>"}, invalid, "callback"},
	{"request without a token", request{requesting, "u42", "1", "", "checkout.callback.checkout42.1."}, invalid, "callback"},
	{"request with two tokens", request{requesting, "u42", "1", "", address + ".canary"}, invalid, "callback"},
	{"request to another saga", request{requesting, "u42", "1", "", "checkout.callback.canary.1.t"}, invalid, "callback"},
	{"request to another step", request{requesting, "u42", "1", "", "checkout.callback.checkout42.2.t"}, invalid, "callback"},

	{"authorize", authorize{authorizing, "u42", "249.99", "USD"}, "", ""},
	{"authorize in dollars", authorize{authorizing, "u42", "249.99", ""}, "", ""},
	{"authorize nobody", authorize{authorizing, "", "1", "USD"}, missing, "user_id"},
	{"authorize nothing", authorize{authorizing, "u42", "", "USD"}, missing, "amount"},
	{"authorize half a yen", authorize{authorizing, "u42", "0.5", "JPY"}, invalid, "amount"},
	{"authorize no currency", authorize{authorizing, "u42", "1", "usd"}, invalid, "currency"},
	{"authorize under another type", authorize{charging, "u42", "1", "USD"}, unknownType, "type"},
	{"authorize as a compensation", authorize{compensation("AuthorizePayment"), "u42", "1", ""}, invalid, "compensating"},

	{"capture", capture{capturing, "a1", "249.99", "USD"}, "", ""},
	{"capture all", capture{capturing, "a1", "", ""}, "", ""},
	{"capture dollars", capture{capturing, "a1", "249.99", ""}, "", ""},
	{"capture without an id", capture{capturing, "", "1", "USD"}, missing, "authorization_id"},
	{"capture of a long id", capture{capturing, longReference, "", ""}, tooLarge, "authorization_id"},
	{"capture of a torn id", capture{capturing, tornLabel, "", ""}, invalid, "authorization_id"},
	{"capture of no amount", capture{capturing, "a1", "", "USD"}, missing, "amount"},
	{"capture of a mil", capture{capturing, "a1", "0.001", "USD"}, invalid, "amount"},
	{"capture under another type", capture{charging, "a1", "", ""}, unknownType, "type"},
	{"capture as a compensation", capture{compensation("CapturePayment"), "a1", "", ""}, invalid, "compensating"},

	{"void", void{voiding, "a1"}, "", ""},
	{"void the unknown", void{voiding, ""}, "", ""},
	{"void of a long id", void{voiding, longReference}, tooLarge, "authorization_id"},
	{"void of a torn id", void{voiding, tornLabel}, invalid, "authorization_id"},
	{"void under another type", void{refunding, "a1"}, unknownType, "type"},
	{"void as an action", void{action("VoidPayment"), "a1"}, invalid, "compensating"},

	{"commit", commit{committing, held}, "", ""},
	{"commit nothing", commit{committing, nil}, missing, "reservations"},
	{"commit of 101", commit{committing, manyReservations}, tooLarge, "reservations"},
	{"commit without a sku", commit{committing, manyReservations[:1]}, missing, "reservations[0].sku"},
	{"commit without an id", commit{committing, anonymous}, missing, "reservations[0].reservation_id"},
	{"commit under another type", commit{releasing, held}, unknownType, "type"},
	{"commit as a compensation", commit{compensation("CommitReservation"), held}, invalid, "compensating"},

	{"query", query{inquiring}, "", ""},
	{"query under another type", query{charging}, unknownType, "type"},
	{"query of no saga", query{protocol.Command{Type: "QueryStep", Step: 1}}, missing, "saga_id"},
	{"query of no step", query{protocol.Command{Type: "QueryStep", SagaID: "s1"}}, invalid, "step"},
	{"query as a compensation", query{compensation("QueryStep")}, invalid, "compensating"},

	{"D21 reversal of a payment", refund{reversingRefund, "p1", "249.99", "USD"}, "", ""},
	{"D21 reversal of a reservation", release{reversal("ReleaseReservation"), held}, "", ""},
	{"D21 reversal of a shipment", protocol.CancelShipment{Command: reversal("CancelShipment")}, "", ""},
	{"D21 reversal of an authorization", void{reversal("VoidPayment"), "a1"}, "", ""},
	{"reversal that undoes nothing", refund{reversed("RefundPayment"), "p1", "", ""}, invalid, "compensating"},
	{"reversal of doing", charge{reversed("ChargePayment"), "u42", "1", "USD"}, invalid, "reversal"},
}

func TestD3_S4_09_S3_09_CommandsValidate(t *testing.T) {
	for _, c := range payments {
		t.Run(c.name, func(t *testing.T) { checkValidity(t, c.message, c.code, c.field) })
	}
}

// TestRepliesToThemValidate holds that an authorization says when it lapses (D4),
// and that an answer to a question is whole (D9).
func TestRepliesToThemValidate(t *testing.T) {
	reply := []byte(`{"type":"ChargePayment_ok"}`)
	for _, c := range []struct {
		name    string
		message validator
		code    protocol.Code
		field   string
	}{
		{"authorized", protocol.AuthorizePaymentOK{AuthorizationID: "a1", ExpiresAt: aTime}, "", ""},
		{"authorized without an id", protocol.AuthorizePaymentOK{ExpiresAt: aTime}, missing, "authorization_id"},
		{"authorized for ever", protocol.AuthorizePaymentOK{AuthorizationID: "a1"}, missing, "expires_at"},
		{"authorized until canary", protocol.AuthorizePaymentOK{AuthorizationID: "a1", ExpiresAt: "canary"}, invalid, "expires_at"},
		{"authorized until a day", protocol.AuthorizePaymentOK{AuthorizationID: "a1", ExpiresAt: "2026-11-28"}, invalid, "expires_at"},
		{"known", protocol.QueryStepOK{Outcome: "known", Reply: reply}, "", ""},
		{"known without a reply", protocol.QueryStepOK{Outcome: "known"}, missing, "reply"},
		{"known by null", protocol.QueryStepOK{Outcome: "known", Reply: []byte("null")}, missing, "reply"},
		{"pending", protocol.QueryStepOK{Outcome: "pending"}, "", ""},
		{"pending with a reply", protocol.QueryStepOK{Outcome: "pending", Reply: reply}, invalid, "reply"},
		{"none", protocol.QueryStepOK{Outcome: "none", Reply: []byte("null")}, "", ""},
		{"none with a reply", protocol.QueryStepOK{Outcome: "none", Reply: reply}, invalid, "reply"},
		{"no outcome", protocol.QueryStepOK{}, missing, "outcome"},
		{"another outcome", protocol.QueryStepOK{Outcome: "canary"}, invalid, "outcome"},
	} {
		t.Run(c.name, func(t *testing.T) { checkValidity(t, c.message, c.code, c.field) })
	}
}
