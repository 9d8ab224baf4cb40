package protocol

// A cart belongs to one user, and holds what that user wants to buy. These are
// its requests and answers; no saga depends on them.

// Types of the answers of the cart. A checkout is answered by an Outcome.
const (
	TypeCart       = "cart"
	TypeCartFailed = "cart_failed"
)

// Reasons for which the cart says no, as they stand in CartFailed.Error.
const (
	CartNotEnough       = "not_enough_inventory" // of the product, for what the cart would hold (S3-06)
	CartUnknownSKU      = "unknown_sku"          // the inventory does not know the product
	CartFull            = "cart_full"            // over a bound on lines or pieces
	CartEmpty           = "cart_empty"           // there is nothing to check out
	CartChanged         = "cart_changed"         // it is not of the version that was asked for
	CartCheckoutRunning = "checkout_running"     // another checkout of the cart has not ended
)

// HeaderCheckout carries, on the record of a cart, the saga_id of the checkout
// that runs.
const HeaderCheckout = "Amends-Checkout"

// maxCartVersion bounds a version: the integers that every JSON reader keeps.
const maxCartVersion = 1<<53 - 1

// CartOwner names whose cart it is. ClientID is another name of UserID (S3-01).
type CartOwner struct {
	UserID   string `json:"user_id,omitempty"`
	ClientID string `json:"client_id,omitempty"`
}

// User is the owner, by whichever name it was given.
func (o CartOwner) User() string {
	if o.UserID == "" {
		return o.ClientID
	}
	return o.UserID
}

func (o CartOwner) validate() error {
	if o.UserID != "" && o.ClientID != "" && o.UserID != o.ClientID {
		return invalid("client_id", "is another name of user_id and must not differ from it; send one of them")
	}
	if o.UserID == "" && o.ClientID != "" {
		return firstOf(CheckID("client_id", o.ClientID), checkNoCard("client_id", o.ClientID))
	}
	return checkUser(o.UserID)
}

// CartAdd asks to put pieces of a product into a cart, beside those of it that are
// there (S3-06). It is answered by a Cart or CartFailed.
type CartAdd struct {
	CartOwner
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	// RequestID is the same for every attempt of a client to add these pieces, so
	// that they are added once (S3-13).
	RequestID string `json:"request_id,omitempty"`
}

// CartRemove asks to take pieces of a product out of a cart, all of them if it
// does not say how many. What is not there counts as taken out. It is answered by
// a Cart.
type CartRemove struct {
	CartOwner
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity,omitempty"`
	RequestID string `json:"request_id,omitempty"` // as in CartAdd
}

// CartGet asks what lies in a cart. It is answered by a Cart.
type CartGet struct {
	CartOwner
}

// CartCheckout asks to buy what lies in a cart (S3-02). It is answered by the
// Outcome of the saga, or by a CartFailed. While a checkout runs, asking again
// waits for that one.
type CartCheckout struct {
	CartOwner
	// Version is that of the Cart which the user has seen: only that is bought, and
	// however often it is asked for, it is bought once. 0 is whatever lies there.
	Version         int64  `json:"version,omitempty"`
	ShippingAddress string `json:"shipping_address,omitempty"`
	// Amount is the total that the user has seen; what it means is for the
	// definition of the saga to say (X8).
	Amount   Decimal `json:"amount,omitempty"`
	Currency string  `json:"currency,omitempty"`
	WaitMS   *int64  `json:"wait_ms,omitempty"` // how long the caller waits for the end
}

// Cart is what lies in a cart.
type Cart struct {
	Type    string `json:"type"` // TypeCart
	UserID  string `json:"user_id"`
	Version int64  `json:"version"` // of these items: with other items it is another
	Items   []Line `json:"items"`
	// Checkout is the one that runs. Its items are not in the cart meanwhile: they
	// come back if it fails.
	Checkout *CartPurchase `json:"checkout,omitempty"`
	// LastCheckout is the one that ended last.
	LastCheckout *CartPurchase `json:"last_checkout,omitempty"`
}

// CartPurchase is one checkout of a cart. Times are RFC 3339 in UTC.
type CartPurchase struct {
	SagaID    string `json:"saga_id"`
	Version   int64  `json:"version"` // of the cart that it buys
	Status    string `json:"status"`  // one of the constants StatusPending … StatusKilled
	Items     []Line `json:"items"`
	OrderID   string `json:"order_id,omitempty"` // of a completed one
	Reason    string `json:"reason,omitempty"`   // of a failed one
	StartedAt string `json:"started_at"`
	EndedAt   string `json:"ended_at,omitempty"`
}

// CartFailed is the final no of the cart: nothing has changed in it.
type CartFailed struct {
	Type      string `json:"type"` // TypeCartFailed
	UserID    string `json:"user_id"`
	Error     string `json:"error"`   // one of the Cart constants
	Message   string `json:"message"` // for people
	SKU       string `json:"sku,omitempty"`
	Available *int64 `json:"available,omitempty"` // pieces that the cart could hold, if that is the reason
	Version   int64  `json:"version"`             // of the cart as it is
}

// Validate checks whose cart it is, the product and how many pieces of it. The
// error is an *Error.
func (r CartAdd) Validate() error {
	return firstOf(r.validate(), CheckID("sku", r.SKU),
		checkRange("quantity", r.Quantity, 1, MaxQuantity), checkOptionalID("request_id", r.RequestID))
}

// Validate checks whose cart it is and the product; the quantity may be absent.
// The error is an *Error.
func (r CartRemove) Validate() error {
	return firstOf(r.validate(), CheckID("sku", r.SKU),
		checkRange("quantity", r.Quantity, 0, MaxQuantity), checkOptionalID("request_id", r.RequestID))
}

// Validate checks whose cart it is. The error is an *Error.
func (r CartGet) Validate() error { return r.validate() }

// Validate checks whose cart it is, and what is said of it; all else may be
// absent. The error is an *Error.
func (r CartCheckout) Validate() error {
	err := firstOf(r.validate(), checkRange("version", r.Version, 0, maxCartVersion))
	if r.ShippingAddress != "" {
		err = firstOf(err, checkAddress("shipping_address", r.ShippingAddress))
	}
	_, _, errTotal := saidTotal(r.Amount, r.Currency)
	return firstOf(err, errTotal, checkWait(r.WaitMS))
}
