package shipping

import (
	"regexp"
	"testing"

	"amends/protocol"
)

func orderTo(address string) protocol.CreateShipment {
	return protocol.CreateShipment{
		Command: protocol.Command{Type: protocol.TypeCreateShipment, SagaID: "checkout42", Step: 3},
		Items:   []protocol.Line{{SKU: "abc123", Quantity: 2}}, Address: address,
	}
}

func TestCreate(t *testing.T) {
	for address, deliverable := range map[string]bool{
		"123 Main St": true, "1 Undeliverable Rd": false, "UNDELIVERABLE": false, "Deliverable Ave": true,
	} {
		shipment, ok, declined := Create(orderTo(address), 7)
		if !deliverable {
			if declined == nil || declined.Error != ReasonAddressUndeliverable || shipment.ShipmentID != "" {
				t.Errorf("%s: got %+v, %+v", address, shipment, declined)
			}
			continue
		}
		if declined != nil || shipment.Status != Created || shipment.CreatedAt != 7 || shipment.Address != address || len(shipment.Items) != 1 {
			t.Errorf("%s: got %+v, %+v", address, shipment, declined)
		}
		if ok.ShipmentID != "s-checkout42-3" || ok.ShipmentID != shipment.ShipmentID || ok.TrackingNumber != shipment.TrackingNumber {
			t.Errorf("%s: got %+v", address, ok)
		}
	}
}

func TestCancel(t *testing.T) {
	shipment, _, _ := Create(orderTo("123 Main St"), 7)
	for id, declined := range map[string]bool{"": false, "s-checkout42-3": false, "s-checkout43-3": true} {
		after, failure := Cancel(protocol.CancelShipment{ShipmentID: id}, shipment, 9)
		if declined != (failure != nil) || declined && failure.Error != ReasonShipmentMismatch {
			t.Errorf("cancelling %q: got %+v", id, failure)
		}
		if !declined && (after.Status != Cancelled || after.CancelledAt != 9 || after.CreatedAt != 7) {
			t.Errorf("cancelling %q: got %+v", id, after)
		}
	}
}

// TestCheckDigit holds the algorithm against numbers that the carrier publishes
// as examples or has printed on parcels.
func TestCheckDigit(t *testing.T) {
	for _, number := range []string{"1Z999AA10123456784", "1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591", "1Z8V92A70367203024"} {
		body, want := []byte(number[2:17]), number[17]
		if got := checkDigit(body); got != want {
			t.Errorf("%s: check digit %c, want %c", number, got, want)
		}
	}
}

func TestTrackingNumber(t *testing.T) {
	form := regexp.MustCompile(`^1Z[0-9A-Z]{6}03[0-9]{8}$`)
	seen := make(map[string]string)
	for _, saga := range []string{"order-1", "order-16", "order-161", "order-1610", "checkout42", "checkout43"} {
		for _, step := range []string{"-1", "-3"} {
			key := saga + step
			number := trackingNumber(key)
			if !form.MatchString(number) || number[17] != checkDigit([]byte(number[2:17])) || number != trackingNumber(key) {
				t.Errorf("%s: got %s", key, number)
			}
			if other, taken := seen[number]; taken {
				t.Errorf("%s and %s have the same number %s", key, other, number)
			}
			seen[number] = key
		}
	}
}
