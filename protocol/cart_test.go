package protocol_test

import (
	"strings"
	"testing"

	"amends/protocol"
)

// read decodes a request of the cart and checks it.
func read[M validator](text string) error {
	var m M
	if _, err := protocol.Decode([]byte(text), &m); err != nil {
		return err
	}
	return m.Validate()
}

// TestS3_CartRequests holds what the cart takes, and what it refuses with which
// code and field. No refusal repeats a value.
func TestS3_CartRequests(t *testing.T) {
	add, remove, get, checkout := read[protocol.CartAdd], read[protocol.CartRemove], read[protocol.CartGet], read[protocol.CartCheckout]
	long := strings.Repeat("canary", 11)
	for _, c := range []struct {
		read  func(string) error
		text  string
		code  protocol.Code // "" for what is taken
		field string
	}{
		{add, `{"user_id":"u42","sku":"abc123","quantity":2}`, "", ""},
		{add, `{"client_id":"u42","sku":"abc123","quantity":1000,"request_id":"r-1"}`, "", ""},
		{add, `{"user_id":"u42","client_id":"u42","sku":"abc123","quantity":1}`, "", ""},
		{add, `{"user_id":"u42","client_id":"canary","sku":"abc123","quantity":1}`, invalid, "client_id"},
		{add, `{"sku":"abc123","quantity":1}`, missing, "user_id"},
		{add, `{"user_id":"a.canary","sku":"abc123","quantity":1}`, badID, "user_id"},
		{add, `{"client_id":"canary>","sku":"abc123","quantity":1}`, badID, "client_id"},
		{add, `{"client_id":"4111111111111111","sku":"abc123","quantity":1}`, invalid, "client_id"},
		{add, `{"user_id":"4111111111111111","sku":"abc123","quantity":1}`, invalid, "user_id"},
		{add, `{"user_id":"u42","quantity":1}`, missing, "sku"},
		{add, `{"user_id":"u42","sku":"` + long + `","quantity":1}`, badID, "sku"},
		{add, `{"user_id":"u42","sku":"abc123"}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":0}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":-1}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":1001}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":1.5}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":"canary"}`, invalid, "quantity"},
		{add, `{"user_id":"u42","sku":"abc123","quantity":1,"request_id":"a b"}`, badID, "request_id"},
		{add, `{"user_id":"u42","user_id":"u43","sku":"abc123","quantity":1}`, duplicate, "user_id"},
		{add, `{"user_id":"u42","USER_ID":"u43","sku":"abc123","quantity":1}`, duplicate, "USER_ID"},
		{add, `[]`, malformed, ""},

		{remove, `{"user_id":"u42","sku":"abc123"}`, "", ""},
		{remove, `{"user_id":"u42","sku":"abc123","quantity":1,"request_id":"r"}`, "", ""},
		{remove, `{"user_id":"u42","sku":"abc123","quantity":-1}`, invalid, "quantity"},
		{remove, `{"user_id":"u42"}`, missing, "sku"},
		{remove, `{"sku":"abc123"}`, missing, "user_id"},

		{get, `{"client_id":"u42"}`, "", ""},
		{get, `{}`, missing, "user_id"},

		{checkout, `{"client_id":"u42"}`, "", ""},
		{checkout, `{"user_id":"u42","version":7,"shipping_address":"123 Main St","amount":249.99,"currency":"USD","wait_ms":0}`, "", ""},
		{checkout, `{"user_id":"u42","amount":249.99}`, "", ""},
		{checkout, `{"user_id":"u42","version":-1}`, invalid, "version"},
		{checkout, `{"user_id":"u42","version":9007199254740992}`, invalid, "version"},
		{checkout, `{"user_id":"u42","shipping_address":"a\ncanary"}`, invalid, "shipping_address"},
		{checkout, `{"user_id":"u42","shipping_address":"4111 1111 1111 1111"}`, invalid, "shipping_address"},
		{checkout, `{"user_id":"u42","wait_ms":60001}`, invalid, "wait_ms"},
		{checkout, `{"user_id":"u42","amount":0}`, invalid, "amount"},
		{checkout, `{"user_id":"u42","currency":"USD"}`, missing, "amount"},
		{checkout, `{}`, missing, "user_id"},
	} {
		err := c.read(c.text)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: refused: %v", c.text, err)
			}
			continue
		}
		t.Run(c.text[:min(len(c.text), 40)], func(t *testing.T) { checkRefusal(t, err, c.code, c.field) })
	}
}

// TestS3_01_ClientIDIsUserID: one owner by two names.
func TestS3_01_ClientIDIsUserID(t *testing.T) {
	for _, owner := range []protocol.CartOwner{{UserID: "u42"}, {ClientID: "u42"}, {UserID: "u42", ClientID: "u42"}} {
		if owner.User() != "u42" {
			t.Errorf("%+v is the cart of %q", owner, owner.User())
		}
	}
}

// TestX8_TotalOfTheClient: what a client may say its order costs.
func TestX8_TotalOfTheClient(t *testing.T) {
	for _, c := range []struct {
		amount   protocol.Decimal
		currency string
		want     protocol.Money
		code     protocol.Code
		field    string
	}{
		{"", "", protocol.Money{}, "", ""},
		{"249.99", "USD", protocol.Money{Minor: 24999, Currency: "USD"}, "", ""},
		{"249.9", "", protocol.Money{Minor: 24990, Currency: "USD"}, "", ""},
		{"500", "JPY", protocol.Money{Minor: 500, Currency: "JPY"}, "", ""},
		{"92233720368547758.07", "USD", protocol.Money{Minor: 1<<63 - 1, Currency: "USD"}, "", ""},
		{"92233720368547758.08", "USD", protocol.Money{}, invalid, "amount"},
		{"0", "USD", protocol.Money{}, invalid, "amount"},
		{"0.00", "", protocol.Money{}, invalid, "amount"},
		{"-1", "USD", protocol.Money{}, invalid, "amount"},
		{"-0", "USD", protocol.Money{}, invalid, "amount"},
		{"1e2", "USD", protocol.Money{}, invalid, "amount"},
		{"1.999", "USD", protocol.Money{}, invalid, "amount"},
		{"1.5", "JPY", protocol.Money{}, invalid, "amount"},
		{"canary", "USD", protocol.Money{}, invalid, "amount"},
		{"1", "canary", protocol.Money{}, invalid, "currency"},
		{"1", "usd", protocol.Money{}, invalid, "currency"},
		{"", "USD", protocol.Money{}, missing, "amount"},
	} {
		r := goodStart()
		r.Amount, r.Currency = c.amount, c.currency
		total, said, err := r.Total()
		if c.code != "" {
			checkRefusal(t, err, c.code, c.field)
			checkRefusal(t, r.Validate(), c.code, c.field)
			continue
		}
		if err != nil || r.Validate() != nil || total != c.want || said != (c.amount != "") {
			t.Errorf("%s %s: got %v, %v, %v", c.amount, c.currency, total, said, err)
		}
	}
}
