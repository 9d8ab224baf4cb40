package protocol_test

import "testing"

// TestD22_CardNumbersAreRefused tries the shapes in which people type cards.
func TestD22_CardNumbersAreRefused(t *testing.T) {
	cards := []string{
		"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111  1111 - 1111 1111", "378282246310005",
		"3782 822463 10005", "6011111111111117", "4222222222222", "6304000000000000000", "card: 4111111111111111!",
		"Flat 5 4111 1111 1111 1111", "4111 1111 1111 1111 12345 Town", "é4111111111111111é",
		"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
	}
	for _, card := range cards {
		r := goodStart()
		r.ShippingAddress = card
		checkRefusal(t, r.Validate(), invalid, "shipping_address")
	}
	for _, address := range []string{
		"123 Main St", "4111111111111112", "4111 1111 1111 1112", "411111111111", "41111111111111111111",
		"4111.1111.1111.1111", "94105-1234, tel. 415 555 0100", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
	} {
		r := goodStart()
		r.ShippingAddress = address
		if err := r.Validate(); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}
