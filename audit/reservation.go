package audit

import "amends/protocol"

// Reservation is goods held for an order.
type Reservation struct {
	Origin
	Goods Goods
	IDs   Print // of the reservation ids
	End   End
	Moves *Moves // nil once the stock is summed up
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

// Place is where it belongs.
func (r *Reservation) Place() Place   { return Place{protocol.BucketInventory, r.Step} }
func (r *Reservation) String() string { return "reservation of " + string(r.Goods) }

// holds tells whether goods are reserved.
func (r *Reservation) holds() bool { return r.State == Live && r.End != Sold }

func (r *Reservation) differs(asked Effect) []flaw {
	want, _ := asked.(*Reservation)
	var f flaws
	f.when(r.Goods != want.Goods, "", "%s instead of %s", r.Goods, want.Goods)
	f.when(r.Goods == want.Goods && !r.IDs.agrees(want.IDs), I10, "other reservation ids")
	f.when(want.End == Sold && r.holds(), "", "held, although their commit was reported done")
	return f
}

func (r *Reservation) print() (Print, bool) {
	return r.printOf('r', PrintOf(string(r.Goods)), Print(r.End)+1, r.IDs)
}
