package audit_test

import (
	"testing"

	"amends/audit"
	"amends/protocol"
)

// TestPaymentsUnderWay: what the audit makes of a payment about which the gateway
// is being asked, that was given back in parts, or that comes in two parts.
func TestPaymentsUnderWay(t *testing.T) {
	const charge = `"payment_id":"p-s-2","user_id":"u42","currency":"USD","amount":100.00,`
	for name, test := range map[string]struct {
		row      string
		state    audit.State
		refunded int64 // cents
	}{
		"asked for":            {charge + `"status":"capturing"`, audit.None, 0},
		"taken":                {charge + `"status":"captured"`, audit.Live, 0},
		"a part given back":    {charge + `"status":"captured","partial_refunds":[{"amount":30.00}]`, audit.Live, 0},
		"going back":           {charge + `"status":"refunding","refund":{"amount":100.00}`, audit.Live, 0},
		"given back":           {charge + `"status":"refunded","refund":{"amount":100.00}`, audit.Undone, 100_00},
		"given back in parts":  {charge + `"status":"refunded","partial_refunds":[{"amount":30.00}],"refund":{"amount":70.00}`, audit.Undone, 100_00},
		"in two parts":         {`"user_id":"u42","currency":"USD","authorization":{"amount":100.00,"status":"authorized"}`, audit.None, 0},
		"in two parts, voided": {`"user_id":"u42","currency":"USD","authorization":{"amount":100.00,"status":"voided"}`, audit.None, 0},
	} {
		t.Run(name, func(t *testing.T) {
			value := `{"saga_id":"s","step":2,"promise":{},"guests":{"4":{}},"effect":{` + test.row + `}}`
			id, effect := audit.ReadEffect(protocol.BucketPayments, "s.2", []byte(value))
			if test.state == audit.None {
				if id != "s" || effect != nil {
					t.Errorf("got %v of %s, want no effect", effect, id)
				}
				return
			}
			c, ok := effect.(*audit.Charge)
			if !ok || c.State != test.state || c.Refunded != test.refunded {
				t.Errorf("got %+v", effect)
			}
		})
	}
	if _, effect := audit.ReadEffect(protocol.BucketPayments, "s.4", []byte(`{"saga_id":"s","step":4,"host":2}`)); effect != nil {
		t.Errorf("a step whose fence is kept elsewhere has %v", effect)
	}
}
