package cart

import (
	"slices"
	"strconv"

	"amends/protocol"
)

// Cart is the record of one user: the value under the key <user_id> of bucket
// CARTS. Times are microseconds since 1970 UTC.
type Cart struct {
	UserID string `json:"user_id"`
	// CartID is made with the record, and Version changes with the items: together
	// they name one content of one cart, for ever.
	CartID  string          `json:"cart_id"`
	Version int64           `json:"version"`
	Items   []protocol.Line `json:"items"`
	// Checkout is the one that runs: its items are locked, and what is added
	// meanwhile goes into the next cart (D12).
	Checkout *Checkout `json:"checkout,omitempty"`
	Last     *Ended    `json:"last,omitempty"`
	// Recent are the latest changes, so that none of them is made twice.
	Recent    []Change `json:"recent,omitempty"`
	ChangedAt int64    `json:"changed_at"`
}

// Checkout is a checkout that has not ended, with all that its saga was or will
// be asked for: so any replica can go on with it.
type Checkout struct {
	SagaID    string           `json:"saga_id"`
	Version   int64            `json:"version"` // of the cart that is bought
	Items     []protocol.Line  `json:"items"`
	Address   string           `json:"address"`
	Amount    protocol.Decimal `json:"amount,omitempty"` // the total that the user has seen
	Currency  string           `json:"currency,omitempty"`
	By        string           `json:"by"` // the request that began it
	StartedAt int64            `json:"started_at"`
	// Attempts counts how often its saga was asked for, and TriedAt is when it was
	// last. Both are written before the asking.
	Attempts int   `json:"attempts"`
	TriedAt  int64 `json:"tried_at"`
}

// Ended is a checkout that has ended.
type Ended struct {
	Checkout
	End
	EndedAt int64 `json:"ended_at"`
}

// End is how a checkout ended.
type End struct {
	Status  string `json:"status"` // one of protocol's constants StatusCompleted, StatusAborted, StatusKilled
	OrderID string `json:"order_id,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Change names one change: by the id that its client gave it, or by one that was
// made for it, and by what it is.
type Change struct {
	ID   string `json:"id"`
	What string `json:"what"` // such as "add abc123 2"
}

// maxRecent bounds the changes that are remembered: far more than can be under
// way at once.
const maxRecent = 32

// Refused is the final no of the cart (S3-06, S3-25).
type Refused struct{ protocol.CartFailed }

func (r *Refused) Error() string { return r.CartFailed.Error + ": " + r.Message }

// refuse says no, for a reason.
func (c Cart) refuse(reason, message string) *Refused {
	return &Refused{protocol.CartFailed{
		Type: protocol.TypeCartFailed, UserID: c.UserID, Error: reason, Message: message, Version: c.Version,
	}}
}

// made tells whether a change was made before. The same id for another change is
// an *protocol.Error (D7).
func (c Cart) made(change Change) (bool, error) {
	for _, before := range c.Recent {
		switch {
		case before == change:
			return true, nil
		case before.ID == change.ID:
			return false, &protocol.Error{
				Code: protocol.CodeIdempotencyConflict, Field: "request_id",
				Message: "was used before for another change of this cart",
			}
		}
	}
	return false, nil
}

// changed is the cart after a change of its items.
func (c Cart) changed(items []protocol.Line, change Change, at int64) Cart {
	c.Items, c.Version, c.ChangedAt = items, c.Version+1, at
	c.Recent = append(slices.Clone(c.Recent), change)
	if late := len(c.Recent) - maxRecent; late > 0 {
		c.Recent = c.Recent[late:]
	}
	return c
}

// Add puts pieces of a product beside those that are there, if there are enough of
// it: available is how many the inventory has, of which the cart holds none back.
// The error is a *Refused or a *protocol.Error.
func (c Cart) Add(line protocol.Line, available int64, id string, at int64) (Cart, bool, error) {
	change := Change{ID: id, What: "add " + line.SKU + " " + strconv.FormatInt(line.Quantity, 10)}
	if made, err := c.made(change); made || err != nil {
		return c, false, err
	}
	items := plus(c.Items, line)
	if inCart := quantity(items, line.SKU); inCart > available {
		no := c.refuse(protocol.CartNotEnough, "Not enough inventory")
		no.SKU, no.Available = line.SKU, new(max(available, 0))
		return c, false, no
	}
	// What is being bought may come back, and must have room.
	if err := c.room(c.returning(items), line.SKU); err != nil {
		return c, false, err
	}
	return c.changed(items, change, at), true, nil
}

// room checks that a cart of these items can be bought as one order.
func (c Cart) room(items []protocol.Line, sku string) error {
	full := ""
	switch {
	case len(items) > protocol.MaxLines:
		full = "a cart holds at most " + strconv.Itoa(protocol.MaxLines) + " products"
	case quantity(items, sku) > protocol.MaxQuantity:
		full = "a cart holds at most " + strconv.Itoa(protocol.MaxQuantity) + " pieces of a product"
	default:
		return nil
	}
	no := c.refuse(protocol.CartFull, full)
	no.SKU = sku
	return no
}

// Remove takes pieces of a product out, all of them for a quantity of 0. What is
// not there counts as taken out. The error is a *protocol.Error.
func (c Cart) Remove(line protocol.Line, id string, at int64) (Cart, bool, error) {
	change := Change{ID: id, What: "remove " + line.SKU + " " + strconv.FormatInt(line.Quantity, 10)}
	if made, err := c.made(change); made || err != nil {
		return c, false, err
	}
	there := quantity(c.Items, line.SKU)
	if there == 0 {
		return c, false, nil
	}
	gone := line.Quantity
	if gone == 0 || gone > there {
		gone = there
	}
	return c.changed(plus(c.Items, protocol.Line{SKU: line.SKU, Quantity: -gone}), change, at), true, nil
}

// plus returns the items with more pieces of one product, or fewer; a line without
// pieces goes. The items given stay as they are.
func plus(items []protocol.Line, line protocol.Line) []protocol.Line {
	sum := slices.Clone(items)
	i := slices.IndexFunc(sum, func(l protocol.Line) bool { return l.SKU == line.SKU })
	if i < 0 {
		return append(sum, line)
	}
	if sum[i].Quantity += line.Quantity; sum[i].Quantity == 0 {
		return slices.Delete(sum, i, i+1)
	}
	return sum
}

// quantity is how many pieces of a product are among the items.
func quantity(items []protocol.Line, sku string) int64 {
	for _, line := range items {
		if line.SKU == sku {
			return line.Quantity
		}
	}
	return 0
}

// returning is what the cart would hold if the checkout that runs failed: its
// items first.
func (c Cart) returning(items []protocol.Line) []protocol.Line {
	if c.Checkout == nil {
		return items
	}
	sum := c.Checkout.Items
	for _, line := range items {
		sum = plus(sum, line)
	}
	return sum
}
