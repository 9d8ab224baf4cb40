package audit_test

import (
	"fmt"
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
		"asked for":           {charge + `"status":"capturing"`, audit.None, 0},
		"taken":               {charge + `"status":"captured"`, audit.Live, 0},
		"a part given back":   {charge + `"status":"captured","partial_refunds":[{"amount":30.00}]`, audit.Live, 0},
		"going back":          {charge + `"status":"refunding","refund":{"amount":100.00}`, audit.Live, 0},
		"given back":          {charge + `"status":"refunded","refund":{"amount":100.00}`, audit.Undone, 100_00},
		"given back in parts": {charge + `"status":"refunded","partial_refunds":[{"amount":30.00}],"refund":{"amount":70.00}`, audit.Undone, 100_00},
	} {
		t.Run(name, func(t *testing.T) {
			value := `{"saga_id":"s","step":2,"promise":{},"guests":{"4":{}},"effect":{` + test.row + `}}`
			id, effects := audit.ReadEffects(protocol.BucketPayments, "s.2", []byte(value))
			if test.state == audit.None {
				if id != "s" || len(effects) != 0 {
					t.Errorf("got %v of %s, want no effect", effects, id)
				}
				return
			}
			c, ok := effects[0].(*audit.Charge)
			if !ok || len(effects) != 1 || c.State != test.state || c.Refunded != test.refunded {
				t.Errorf("got %+v", effects)
			}
		})
	}
	if _, effects := audit.ReadEffects(protocol.BucketPayments, "s.4", []byte(`{"saga_id":"s","step":4,"host":2}`)); len(effects) != 0 {
		t.Errorf("a step whose fence is kept elsewhere has %v", effects)
	}
}

// TestPaymentsInTwoParts: an authorization and its captures are effects of the
// steps that asked for them (D3, D4, D5).
func TestPaymentsInTwoParts(t *testing.T) {
	const capture = `{"payment_id":"p-s-4","transaction_id":"t","amount":60.00,"status":"captured"}`
	for name, test := range map[string]struct {
		authorization, guests string
		want                  string
	}{
		"asked for":        {`"status":"authorizing"`, ``, ``},
		"set aside":        {`"status":"authorized"`, ``, `2:Live `},
		"being let go":     {`"status":"voiding"`, ``, `2:Live `},
		"let go":           {`"status":"voided"`, ``, `2:Undone `},
		"captured":         {`"status":"authorized","captures":[` + capture + `]`, ``, `2:Live 4:Live `},
		"capture asked":    {`"status":"authorized","captures":[{"payment_id":"p-s-4","amount":60.00,"status":"capturing"}]`, ``, `2:Live `},
		"capture given up": {`"status":"authorized"`, `"4":{"compensation":{"accepted":true,"at":5}}`, `2:Live 4:None `},
		"of another saga":  {`"status":"authorized","captures":[{"payment_id":"p-q-4","amount":60.00,"status":"captured"}]`, ``, `2:None `},
		"no such status":   {`"status":"paid"`, ``, `2:None `},
	} {
		t.Run(name, func(t *testing.T) {
			value := `{"saga_id":"s","step":2,"guests":{` + test.guests + `},"effect":{"user_id":"u42","currency":"USD",` +
				`"authorization":{"authorization_id":"a-s-2","amount":100.00,` + test.authorization + `}}}`
			_, effects := audit.ReadEffects(protocol.BucketPayments, "s.2", []byte(value))
			got := ""
			for _, e := range effects {
				got += fmt.Sprintf("%d:%s ", e.Place().Step, [...]string{"None", "Live", "Undone"}[audit.StateOf(e)])
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
