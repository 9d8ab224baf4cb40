package cart

import (
	"context"
	"errors"
	"time"

	"amends/protocol"

	"github.com/nats-io/nuid"
)

// An answer is a protocol.Cart, a protocol.CartFailed, or a protocol.Outcome.
type answer any

// add answers cart.add. Whether there is enough of a product is asked before the
// cart is touched; nothing is held back for it (S3-06, S3-10).
func (d *desk) add(ctx context.Context, q protocol.CartAdd) (answer, error) {
	available, known, err := d.available(ctx, q.SKU)
	if err != nil {
		return nil, err
	}
	return d.change(ctx, q.User(), func(c Cart, at int64, id string) (Cart, bool, error) {
		if !known {
			no := c.refuse(protocol.CartUnknownSKU, "There is no such product")
			no.SKU = q.SKU
			return c, false, no
		}
		return c.Add(protocol.Line{SKU: q.SKU, Quantity: q.Quantity}, available, or(q.RequestID, id), at)
	})
}

// remove answers cart.remove.
func (d *desk) remove(ctx context.Context, q protocol.CartRemove) (answer, error) {
	return d.change(ctx, q.User(), func(c Cart, at int64, id string) (Cart, bool, error) {
		return c.Remove(protocol.Line{SKU: q.SKU, Quantity: q.Quantity}, or(q.RequestID, id), at)
	})
}

// get answers cart.get. A user without a cart has an empty one.
func (d *desk) get(ctx context.Context, q protocol.CartGet) (answer, error) {
	c, found, err := d.carts.Get(ctx, q.User())
	if err != nil {
		return nil, err
	}
	if !found {
		c.UserID = q.User()
	}
	return shown(d.catchUp(ctx, c)), nil
}

// change changes the items of a cart, and shows it. The id is one for whatever
// names itself by none.
func (d *desk) change(ctx context.Context, user string, change func(c Cart, at int64, id string) (Cart, bool, error)) (answer, error) {
	id := nuid.Next()
	attempt := func() (Cart, error) {
		return d.carts.Change(ctx, user, func(c Cart) (Cart, bool, error) {
			return change(c.named(user, id), d.now().UnixMicro(), id)
		})
	}
	c, err := attempt()
	no, refused := errors.AsType[*Refused](err)
	if refused && c.Checkout != nil && d.catchUp(ctx, c).Checkout == nil {
		// There may be room for it, now that the checkout has ended.
		c, err = attempt()
		no, refused = errors.AsType[*Refused](err)
	}
	switch {
	case refused:
		return no.CartFailed, nil
	case err != nil:
		return nil, err
	}
	return shown(d.catchUp(ctx, c)), nil
}

// named is the cart of a user, with an id of its own if it has none yet.
func (c Cart) named(user, id string) Cart {
	if c.CartID == "" {
		c.UserID, c.CartID = user, id
	}
	return c
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// shown is the cart as its user sees it.
func shown(c Cart) protocol.Cart {
	out := protocol.Cart{Type: protocol.TypeCart, UserID: c.UserID, Version: c.Version, Items: c.Items}
	if out.Items == nil {
		out.Items = []protocol.Line{}
	}
	if c.Checkout != nil {
		running := purchaseOf(*c.Checkout)
		running.Status = protocol.StatusPending
		out.Checkout = &running
	}
	if c.Last != nil {
		last := purchaseOf(c.Last.Checkout)
		last.Status, last.OrderID, last.Reason = c.Last.Status, c.Last.OrderID, c.Last.Reason
		last.EndedAt = timestamp(c.Last.EndedAt)
		out.LastCheckout = &last
	}
	return out
}

func purchaseOf(c Checkout) protocol.CartPurchase {
	return protocol.CartPurchase{SagaID: c.SagaID, Version: c.Version, Items: c.Items, StartedAt: timestamp(c.StartedAt)}
}

func timestamp(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
