package embedded_test

import (
	"testing"

	"amends/catalog"
	"amends/protocol"
)

// A cart costs what the catalogue says when it is bought, whatever its client
// believes, to the cent (X8, D2); products of two currencies are no order, and stay
// in the cart (D1).
func TestX8_ACartCostsWhatTheCatalogueSays(t *testing.T) {
	s := openShop(t)
	paid := func(client string) (amount protocol.Decimal) {
		t.Helper()
		s.add(client, "abc123", 2)
		s.add(client, "xyz789", 1)
		var outcome protocol.Outcome
		s.ask(protocol.SubjectCartCheckout, `{"user_id":"`+client+`","amount":1.00,"wait_ms":30000}`, &outcome)
		if outcome.Status != protocol.StatusCompleted {
			t.Fatalf("it ends as %+v", outcome)
		}
		return s.payment(outcome.SagaID, 2).Amount
	}
	if got := paid("u42"); got != "249.99" {
		t.Errorf("paid %s, not 249.99", got)
	}

	list, err := catalog.Open(s.client, 0)
	s.must(err)
	t.Cleanup(func() { _ = list.Close() })
	dearer, err := catalog.Parse("prices.yaml", []byte("- {sku: abc123, name: Desk lamp, price: 100.01, currency: USD}\n"))
	s.must(err)
	_, err = list.Import(s.Context(), dearer, catalog.Options{})
	s.must(err)
	// An orchestrator follows the catalogue, and may be a moment behind.
	got := paid("u43")
	for n := 0; n < 100 && got == "249.99"; n++ {
		got = paid("u43")
	}
	if got != "250.01" {
		t.Errorf("paid %s after the price has changed, not 250.01", got)
	}

	const ticket = "3852cb18-9c19-4326-ac77-a1a0264bd98c" // priced in BRL
	s.add("u44", "abc123", 1)
	s.add("u44", ticket, 1)
	var refused protocol.Error
	s.ask(protocol.SubjectCartCheckout, `{"user_id":"u44"}`, &refused)
	if refused.Code != protocol.CodeInvalidField || refused.Field != "items" {
		t.Errorf("two currencies are answered %+v", refused)
	}
	if cart := s.cart("u44"); len(cart.Items) != 2 || cart.Checkout != nil {
		t.Errorf("the cart is %+v", cart)
	}
}
