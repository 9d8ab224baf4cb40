package chaos_test

import (
	"encoding/json"
	"testing"

	"amends/protocol"
)

// cartAnswer is what document 003 answers to both calls.
type cartAnswer struct{ Status, Error string }

// TestDocument003: put into a cart and buy it, as a client of HTTP does.
func TestDocument003(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	w := webSite(t, s)
	s.start("cart") // a second one, in a process of its own (S3-12)
	nc := s.connect()
	add := func(client, product string, want cartAnswer) {
		t.Helper()
		var got cartAnswer
		code := w.call("POST", "/addToCart", `{"clientID":"`+client+`","productID":"`+product+`","quantity":2}`, &got)
		if code != 200 || got != want {
			t.Errorf("answered %d %+v, want %+v", code, got, want)
		}
	}
	buy := func(client string, want cartAnswer) {
		t.Helper()
		var got cartAnswer
		if code := w.call("POST", "/checkOutCart", `{"clientID":"`+client+`"}`, &got); code != 200 || got != want {
			t.Errorf("answered %d %+v, want %+v", code, got, want)
		}
	}
	cart := func(client string) (c protocol.Cart) {
		t.Helper()
		reply, err := nc.Request(protocol.SubjectCart, []byte(`{"user_id":"`+client+`"}`), slowly)
		if err == nil {
			err = json.Unmarshal(reply.Data, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	// S3-01, S3-06: pieces of the same product add up; what is not there is refused.
	add("u999", "abc123", cartAnswer{Status: "Success"})
	add("u999", "abc123", cartAnswer{Status: "Success"})
	add("u999", "product4", cartAnswer{Status: "Failed", Error: protocol.CartNotEnough})
	before := levelOf(t, nc, "abc123")
	if c := cart("u999"); len(c.Items) != 1 || c.Items[0].Quantity != 4 {
		t.Errorf("the cart is %+v", c)
	}

	// S3-02, S3-07, S3-11: a checkout that fails leaves cart and stock as they were.
	buy("u999", cartAnswer{Status: "Failed", Error: "Payment declined: DECLINED"})
	if c := cart("u999"); len(c.Items) != 1 || c.Items[0].Quantity != 4 {
		t.Errorf("after the failure the cart is %+v", c)
	}
	if after := levelOf(t, nc, "abc123"); after != before {
		t.Errorf("S3-10: the stock was %+v and is %+v", before, after)
	}
	buy("nobody", cartAnswer{Status: "Failed", Error: protocol.CartEmpty})

	t.Run("S3-07 S3-09: a checkout that completes empties the cart, and the goods have left", func(t *testing.T) {
		add("u42", "abc123", cartAnswer{Status: "Success"})
		buy("u42", cartAnswer{Status: "Success"})
		if c := cart("u42"); len(c.Items) != 0 {
			t.Errorf("after the checkout the cart is %+v", c)
		}
		if after := levelOf(t, nc, "abc123"); after.OnHand != before.OnHand-2 || after.Reserved != 0 {
			t.Errorf("the stock was %+v and is %+v", before, after)
		}
	})
	audit(t, s)
}
