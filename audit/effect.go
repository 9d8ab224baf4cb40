package audit

import (
	"fmt"
	"strings"

	"amends/protocol"
)

// State is what became of an effect.
type State uint8

// The states.
const (
	None   State = iota // nothing was done
	Live                // it stands: goods held, money taken, a parcel on its way
	Undone              // it was done and taken back
)

// Place is where an effect is stored: in which bucket, for which step.
type Place struct {
	Bucket string
	Step   uint8
}

// Effect is what a participant has stored for one step of a saga: a
// *Reservation, a *Charge, a *Shipment, or a value that makes no sense, which is
// *Unreadable.
type Effect interface {
	Place() Place
	String() string // such as "charge of 249.99 USD"

	state() State
	// differs says in what the effect is not the one that the journal asked
	// for, which is of the same type; "" if in nothing.
	differs(asked Effect) string
	// flaw says what is wrong with the effect by itself; "" if nothing.
	flaw() string
}

// Reservation is goods held for an order. Step counts from 1, as in all effects.
type Reservation struct {
	Step  uint8
	State State
	Goods Goods
	IDs   Print // of the reservation ids
	End   End
	Moves *Moves // nil once the stock is summed up: a million sagas must fit
}

// Moves is what a reservation means for the stock.
type Moves struct {
	Held  Goods   // of an active one, less what is backordered
	Taken []Taken // by a committed one
}

// Taken is what a committed reservation has taken out of the stock of an SKU, in
// pieces, and from which count of it (see Stock).
type Taken struct {
	SKU    string
	Pieces int64
	Since  int64
}

// End says how a reservation ended other than by its compensation.
type End uint8

// The ends.
const (
	NoEnd  End = iota
	Sold       // committed: it stands, and its goods have left the stock
	Lapsed     // its time was over: it is undone, and the saga may not know yet
)

// Place is where it is stored.
func (r *Reservation) Place() Place   { return Place{protocol.BucketInventory, r.Step} }
func (r *Reservation) String() string { return "reservation of " + string(r.Goods) }
func (r *Reservation) state() State   { return r.State }
func (r *Reservation) flaw() string   { return "" }

// holds tells whether goods are reserved.
func (r *Reservation) holds() bool { return r.State == Live && r.End != Sold }

func (r *Reservation) differs(asked Effect) string {
	want, _ := asked.(*Reservation)
	var d differences
	d.when(r.Goods != want.Goods, "%s instead of %s", r.Goods, want.Goods)
	d.when(!r.IDs.agrees(want.IDs), "other reservation ids")
	return d.text()
}

// Charge is money taken, and how much of it was given back.
type Charge struct {
	Step        uint8
	State       State
	Amount      protocol.Money
	Refunded    int64 // minor units of the same currency
	User        Print
	Payment     Print // of the payment_id
	Transaction Print // of the transaction_id
}

// Place is where it is stored.
func (c *Charge) Place() Place   { return Place{protocol.BucketPayments, c.Step} }
func (c *Charge) String() string { return "charge of " + c.Amount.String() }
func (c *Charge) state() State   { return c.State }

// flaw holds refunds to D19 and D13: all of the money goes back, or none, and
// never more than was taken.
func (c *Charge) flaw() string {
	given := protocol.Money{Minor: c.Refunded, Currency: c.Amount.Currency}
	switch {
	case c.Refunded < 0, c.Refunded > c.Amount.Minor:
		return "gave back " + given.String() + ", which is not a part of it"
	case c.State == Live && c.Refunded != 0:
		return "stands although " + given.String() + " was given back"
	case c.State == Undone && c.Refunded != c.Amount.Minor:
		return "is refunded, but only " + given.String() + " was given back"
	}
	return ""
}

func (c *Charge) differs(asked Effect) string {
	want, _ := asked.(*Charge)
	var d differences
	d.when(c.Amount != want.Amount, "%s instead of %s", c.Amount, want.Amount)
	d.when(!c.User.agrees(want.User), "another user_id")
	d.when(!c.Payment.agrees(want.Payment), "another payment_id")
	d.when(!c.Transaction.agrees(want.Transaction), "another transaction_id")
	return d.text()
}

// Shipment is a shipping label.
type Shipment struct {
	Step     uint8
	State    State
	Goods    Goods
	Address  Print
	ID       Print // of the shipment_id
	Tracking Print // of the tracking number
}

// Place is where it is stored.
func (s *Shipment) Place() Place   { return Place{protocol.BucketShipments, s.Step} }
func (s *Shipment) String() string { return "shipment of " + string(s.Goods) }
func (s *Shipment) state() State   { return s.State }
func (s *Shipment) flaw() string   { return "" }

func (s *Shipment) differs(asked Effect) string {
	want, _ := asked.(*Shipment)
	var d differences
	d.when(s.Goods != want.Goods, "%s instead of %s", s.Goods, want.Goods)
	d.when(!s.Address.agrees(want.Address), "another address")
	d.when(!s.ID.agrees(want.ID), "another shipment_id")
	d.when(!s.Tracking.agrees(want.Tracking), "another tracking number")
	return d.text()
}

// Unreadable is a participant's value that makes no sense.
type Unreadable struct {
	Bucket string
	Step   uint8 // 0 if the key does not tell
	Why    string
}

// Place is where it is stored.
func (u *Unreadable) Place() Place          { return Place{u.Bucket, u.Step} }
func (u *Unreadable) String() string        { return "value that makes no sense" }
func (u *Unreadable) state() State          { return None }
func (u *Unreadable) flaw() string          { return u.Why }
func (u *Unreadable) differs(Effect) string { return "" }

// differences collects what is not as it should be.
type differences []string

func (d *differences) when(differs bool, format string, args ...any) {
	if differs {
		*d = append(*d, fmt.Sprintf(format, args...))
	}
}

func (d *differences) text() string { return strings.Join(*d, ", ") }
