package simulated

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"amends/payment"
	"amends/protocol"
)

// account is all that the bank remembers of one saga: its orders, by key.
type account struct {
	Orders map[string]*order `json:"orders"`
}

// order is what the bank remembers of one order. Amounts are decimal numbers of
// the currency, times are microseconds since 1970 UTC.
type order struct {
	Kind      payment.Kind     `json:"kind,omitempty"`
	Of        string           `json:"of,omitempty"`
	Amount    protocol.Decimal `json:"amount,omitempty"`
	Currency  string           `json:"currency,omitempty"`
	Calls     int64            `json:"calls"`
	Done      bool             `json:"done,omitempty"` // it was carried out, or taken in to be decided later
	Declined  string           `json:"declined,omitempty"`
	DecidesAt int64            `json:"decides_at,omitempty"` // of one that is decided later
	ExpiresAt int64            `json:"expires_at,omitempty"` // of an authorization
	Returned  protocol.Decimal `json:"returned,omitempty"`   // of a Reverse
	Reversed  bool             `json:"reversed,omitempty"`   // it has no effect any more, and never will have
}

// fate is what happens to one call, beside what it does.
type fate int

const (
	answered fate = iota
	failed        // an error is returned
	dropped       // no answer comes
)

// carry carries an order out, unless it was before, or the user's behaviour keeps
// the bank from it. It tells what the caller gets to see.
func (a *account) carry(o payment.Order, b behaviour) (payment.Receipt, fate, error) {
	known := a.Orders[o.Key]
	if known == nil {
		known = &order{}
		a.Orders[o.Key] = known
	}
	known.Calls++
	takes := o.Kind != payment.KindRefund && o.Kind != payment.KindReverse
	switch {
	case takes && b.fails.in(known.Calls, b.number), !takes && b.failsRefund.in(known.Calls, b.number):
		return payment.Receipt{}, failed, nil
	case takes && b.drops.in(known.Calls, b.number):
		return payment.Receipt{}, dropped, nil
	}
	if !known.Done {
		known.Kind, known.Of = o.Kind, o.Of
		known.Amount, known.Currency = o.Amount.Decimal(), o.Amount.Currency
		if err := a.book(known, o, b); err != nil {
			return payment.Receipt{}, failed, err
		}
		known.Done = true
	}
	receipt, err := a.receipt(o, b)
	if takes && b.silences.in(known.Calls, b.number) {
		return receipt, dropped, err
	}
	return receipt, answered, err
}

// book does what an order asks for, once, or notes why it does not.
func (a *account) book(k *order, o payment.Order, b behaviour) error {
	switch o.Kind {
	case payment.KindRefund:
		left, err := a.left(o.Of, o.At, b)
		if err == nil && !a.isReversed(o.Of) && o.Amount.Minor > left {
			k.Declined = payment.ReasonRefundTooLarge
		}
		return err
	case payment.KindReverse:
		return a.reverse(k, o, b)
	case payment.KindCapture:
		return a.capture(k, o, b)
	case payment.KindAuthorize:
		k.ExpiresAt = o.At + b.holdFor().Microseconds()
	}
	switch {
	case k.Reversed:
		k.Declined = "reversed"
	case b.declined != nil:
		k.Declined = b.declined.Error
	case b.decides != atOnce:
		k.DecidesAt = o.At + (time.Duration(b.number) * time.Millisecond).Microseconds()
	}
	return nil
}

// capture takes a part of what was set aside, if there is so much left of it.
func (a *account) capture(k *order, o payment.Order, b behaviour) error {
	hold := a.Orders[o.Of]
	switch {
	case hold == nil || a.state(hold, o.At, b) != payment.Approved || k.Reversed:
		k.Declined = payment.ReasonAuthorizationVoided
		return nil
	case o.At >= hold.ExpiresAt:
		k.Declined = payment.ReasonAuthorizationExpired
		return nil
	}
	left, err := hold.minor()
	for _, other := range a.Orders {
		if err != nil || !other.Done || other.Of != o.Of || other.Kind != payment.KindCapture || other.Declined != "" {
			continue
		}
		var part int64
		part, err = other.minor()
		left -= part
	}
	if err == nil && o.Amount.Minor > left {
		k.Declined = payment.ReasonAuthorizationSpent
	}
	return err
}

// reverse makes another order, and what stands on it, have no effect.
func (a *account) reverse(k *order, o payment.Order, b behaviour) error {
	currency, total := "", int64(0)
	for key, other := range a.Orders {
		if key != o.Of && (other.Of != o.Of || other.Kind != payment.KindCapture) {
			continue
		}
		left, err := a.left(key, o.At, b)
		if err != nil {
			return err
		}
		total += left
		if other.Currency != "" {
			currency = other.Currency
		}
		other.Reversed = true
	}
	if a.Orders[o.Of] == nil {
		a.Orders[o.Of] = &order{Reversed: true}
	}
	k.Currency, k.Amount = currency, ""
	if total > 0 {
		k.Returned = protocol.Money{Minor: total, Currency: currency}.Decimal()
	}
	return nil
}

// left is what was taken by an order and not given back, in minor units.
func (a *account) left(key string, at int64, b behaviour) (int64, error) {
	taken := a.Orders[key]
	if taken == nil || taken.Kind == payment.KindAuthorize || a.state(taken, at, b) != payment.Approved {
		return 0, nil
	}
	left, err := taken.minor()
	for _, other := range a.Orders {
		if err != nil || other.Of != key || other.Kind != payment.KindRefund || !other.Done || other.Declined != "" {
			continue
		}
		var part int64
		part, err = other.minor()
		left -= part
	}
	return left, err
}

func (a *account) isReversed(key string) bool { return a.Orders[key] != nil && a.Orders[key].Reversed }

// state is what has become of an order by now.
func (a *account) state(k *order, at int64, b behaviour) payment.State {
	switch {
	case !k.Done && !k.Reversed:
		return payment.None
	case k.Declined != "" || k.Reversed:
		return payment.Declined
	case k.DecidesAt == 0:
		return payment.Approved
	case b.decides == neverDecides || at < k.DecidesAt:
		return payment.Processing
	case b.decides == declinesLater:
		return payment.Declined
	}
	return payment.Approved
}

// receipt is what the bank says of an order now.
func (a *account) receipt(o payment.Order, b behaviour) (payment.Receipt, error) {
	k := a.Orders[o.Key]
	if k == nil {
		return payment.Receipt{}, nil
	}
	r := payment.Receipt{State: a.state(k, o.At, b)}
	switch r.State {
	case payment.Declined:
		r.Failure = k.failure(b)
	case payment.Approved:
		r.TransactionID, r.ExpiresAt = transactionID(o), k.ExpiresAt
	}
	if k.Returned == "" {
		return r, nil
	}
	var err error
	r.Returned, err = protocol.ParseMoney("returned", k.Returned, k.Currency)
	return r, err
}

// failure is why an order was declined.
func (k *order) failure(b behaviour) protocol.Failure {
	switch {
	case b.declined != nil && b.declined.Error == k.Declined:
		return *b.declined
	case k.Declined == "" && !k.Reversed: // decided later
		return *magic["u999"].declined
	case k.Declined == "":
		return *failure("reversed", "REVERSED")
	}
	return *failure(k.Declined, strings.ToUpper(k.Declined))
}

func (k *order) minor() (int64, error) {
	m, err := protocol.ParseMoney("amount", k.Amount, k.Currency)
	return m.Minor, err
}

// transactionID looks like the number that a bank would give: it tells nothing,
// but is the same for every repetition.
func transactionID(o payment.Order) string {
	key := o.Key
	if o.Kind == payment.KindReverse {
		key = o.Of
	}
	sagaID, rest, _ := strings.Cut(key, ".")
	step, _, _ := strings.Cut(rest, ".")
	sum := sha256.Sum256([]byte(sagaID + "-" + step))
	return "txn_" + hex.EncodeToString(sum[:8])
}
