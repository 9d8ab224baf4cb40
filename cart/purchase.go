package cart

import (
	"strconv"

	"amends/protocol"
)

// Begin locks the items of the cart for a checkout. If one of the asked version
// runs already, or has ended as the last one, nothing changes: it is that one.
// The error is a *Refused.
func (c Cart) Begin(q protocol.CartCheckout, by string, at int64) (Cart, bool, error) {
	switch {
	case c.Checkout != nil && (q.Version == 0 || q.Version == c.Checkout.Version):
		return c, false, nil
	case c.Checkout != nil:
		return c, false, c.refuse(protocol.CartCheckoutRunning, "another checkout of this cart has not ended yet")
	case c.isLast(q.Version):
		return c, false, nil
	case q.Version != 0 && q.Version != c.Version:
		return c, false, c.refuse(protocol.CartChanged, "the cart is not of this version any more; look at it again")
	case len(c.Items) == 0:
		return c, false, c.refuse(protocol.CartEmpty, "there is nothing in the cart")
	}
	c.Checkout = &Checkout{
		SagaID: "cart-" + c.CartID + "-" + strconv.FormatInt(c.Version, 10), Version: c.Version, Items: c.Items,
		Address: q.ShippingAddress, Amount: q.Amount, Currency: q.Currency,
		By: by, StartedAt: at, Attempts: 1, TriedAt: at,
	}
	c.Items, c.Version, c.ChangedAt = nil, c.Version+1, at
	return c, true, nil
}

// isLast tells whether the checkout that ended last was of this version.
func (c Cart) isLast(version int64) bool {
	return version != 0 && c.Last != nil && c.Last.Version == version
}

// runs tells whether this very attempt of a checkout is still the latest there is.
func (c Cart) runs(of Checkout) bool {
	return c.Checkout != nil && c.Checkout.SagaID == of.SagaID && c.Checkout.Attempts == of.Attempts
}

// Retry notes that the saga of a checkout will be asked for once more, unless
// somebody else has noted that first.
func (c Cart) Retry(of Checkout, by string, at int64) (Cart, bool, error) {
	if !c.runs(of) {
		return c, false, nil
	}
	again := *c.Checkout
	again.By, again.TriedAt = by, at
	again.Attempts++
	c.Checkout, c.ChangedAt = &again, at
	return c, true, nil
}

// Withdraw takes a checkout back whose saga was refused: the cart is as it was
// before, with what was added meanwhile. If there was another attempt, which may
// have started the saga, nothing changes. A version of its own is for one whose
// saga_id cannot be used again.
func (c Cart) Withdraw(of Checkout, ownVersion bool, at int64) (Cart, bool, error) {
	if !c.runs(of) || of.Attempts > 1 {
		return c, false, nil
	}
	untouched := c.Version == of.Version+1
	if c.Version++; untouched && !ownVersion {
		c.Version = of.Version
	}
	c.Items = c.returning(c.Items)
	c.Checkout, c.ChangedAt = nil, at
	return c, true, nil
}

// Settle ends a checkout. A completed one leaves the cart without its items; after
// any other end they are back in it, before those that were added meanwhile
// (S3-07). One that has been settled before stays as it is.
func (c Cart) Settle(sagaID string, end End, at int64) (Cart, bool, error) {
	if c.Checkout == nil || c.Checkout.SagaID != sagaID {
		return c, false, nil
	}
	if end.Status != protocol.StatusCompleted {
		c.Items = c.returning(c.Items)
		c.Version++
	}
	c.Last = &Ended{Checkout: *c.Checkout, End: end, EndedAt: at}
	c.Checkout, c.ChangedAt = nil, at
	return c, true, nil
}
