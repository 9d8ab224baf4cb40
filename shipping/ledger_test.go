package shipping

import (
	"errors"
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
	for address, reason := range map[string]string{
		"123 Main St": "", "1 Undeliverable Rd": ReasonAddressUndeliverable, "UNDELIVERABLE": ReasonAddressUndeliverable,
		"Deliverable Ave": "", "Not-Served Island": ReasonNotServed,
	} {
		shipment, ok, declined := Create(orderTo(address), 7)
		if reason != "" {
			if declined == nil || declined.Error != reason || shipment.ShipmentID != "" {
				t.Errorf("%s: got %+v, %+v", address, shipment, declined)
			}
			continue
		}
		if declined != nil || shipment.Status != Created || shipment.CreatedAt != 7 || shipment.CancelUntil != 0 ||
			shipment.Address != address || len(shipment.Items) != 1 {
			t.Errorf("%s: got %+v, %+v", address, shipment, declined)
		}
		if ok.ShipmentID != "s-checkout42-3" || ok.ShipmentID != shipment.ShipmentID || ok.TrackingNumber != "1ZTZ30FS0314004202" || ok.TrackingNumber != shipment.TrackingNumber {
			t.Errorf("%s: got %+v", address, ok)
		}
	}
}

func TestCancel(t *testing.T) {
	made, _, _ := Create(orderTo("123 Main St"), 7)
	for id, declined := range map[string]bool{"": false, "s-checkout42-3": false, "s-checkout43-3": true} {
		after, failure := Cancel(protocol.CancelShipment{ShipmentID: id}, made, 9)
		if declined != (failure != nil) || declined && failure.Error != ReasonShipmentMismatch {
			t.Errorf("cancelling %q: got %+v", id, failure)
		}
		if !declined && (after.Status != Cancelled || after.CancelledAt != 9 || after.CreatedAt != 7) {
			t.Errorf("cancelling %q: got %+v", id, after)
		}
	}
}

// TestD23CancelWindow: a label may be cancelled until its parcel is handed over,
// or counts as handed over.
func TestD23CancelWindow(t *testing.T) {
	for _, c := range []struct {
		name     string
		rules    Rules
		address  string
		at       int64
		declined bool
	}{
		{"no window", Rules{}, "123 Main St", 1 << 60, false},
		{"in the window", Rules{CancelWindow: 100}, "123 Main St", 106, false},
		{"at its end", Rules{CancelWindow: 100}, "123 Main St", 107, true},
		{"after it", Rules{CancelWindow: 100}, "123 Main St", 108, true},
		{"the courier waits for it", Rules{}, "1 Courier-Waiting St", 7, true},
		{"the courier waits for nobody", Rules{Faultless: true}, "1 Courier-Waiting St", 7, false},
	} {
		made, _, _ := c.rules.Create(orderTo(c.address), 7)
		_, failure := Cancel(protocol.CancelShipment{}, made, c.at)
		if c.declined != (failure != nil) || c.declined && failure.Error != ReasonHandedOver {
			t.Errorf("%s: got %+v", c.name, failure)
		}
	}
}

func TestHandOver(t *testing.T) {
	made, _, _ := Create(orderTo("123 Main St"), 7)
	gone, changed, err := HandOver(made, 8)
	if err != nil || !changed || gone.Status != HandedOver || gone.HandedOverAt != 8 {
		t.Errorf("got %+v, %v, %v", gone, changed, err)
	}
	again, changed, err := HandOver(gone, 9)
	if err != nil || changed || again.HandedOverAt != 8 {
		t.Errorf("again: got %+v, %v, %v", again, changed, err)
	}
	cancelled, _ := Cancel(protocol.CancelShipment{}, made, 9)
	if after, changed, err := HandOver(cancelled, 10); !errors.Is(err, &protocol.Error{Code: protocol.CodeActRefused}) || changed || after.Status != Cancelled {
		t.Errorf("a cancelled one: got %+v, %v, %v", after, changed, err)
	}
}

// TestShipmentIDsNameTheirStep: the id of a shipment leads back to its step, and
// no other text does.
func TestShipmentIDsNameTheirStep(t *testing.T) {
	for _, saga := range []string{"a", "a-1", "1-2-3", "s-1", "_", "a--"} {
		for _, step := range []int{1, 3, 64} {
			name := shipmentPrefix + stepName(protocol.Command{SagaID: saga, Step: step})
			if id, of, known := stepOf(name); !known || id.String() != saga || of != step {
				t.Errorf("%s: got %s, %d, %v", name, id, of, known)
			}
		}
	}
	for _, name := range []string{"", "s-", "s-a", "s-a-", "s-a-0", "s-a-65", "s-a-01", "s-a-+1", "s-a--1x", "x-a-1", "s-a.b-1", "s--1", "a-1", "s-a-1 "} {
		if id, of, known := stepOf(name); known {
			t.Errorf("%q names step %d of %s", name, of, id)
		}
	}
}
