package audit

import (
	"fmt"

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

// Place is where an effect belongs: to which bucket, and to which step.
type Place struct {
	Bucket string
	Step   uint8
}

// Effect is what a participant has stored for one step of a saga: a
// *Reservation, a *Charge, an *Authorization, a *Shipment, a *Tombstone, or a
// value that makes no sense, which is *Unreadable.
type Effect interface {
	Place() Place
	String() string // such as "charge of 249.99 USD"

	state() State
	// revived tells whether the action was carried out although it had been undone
	// before (I11).
	revived() bool
	// differs says in what the effect is not the one that the journal asked
	// for, which is of the same type.
	differs(asked Effect) []flaw
	// flaws say what is wrong with the effect by itself.
	flaws() []flaw
	// print is what the stores and the journal must agree about, in one number; 0
	// if nothing. Not all of it need be known to a journal.
	print() (p Print, known bool)
}

// flaw is what is wrong with an effect, and which invariant it breaks. An empty
// one stands for what a shipment or a reservation is for: that of the order, or
// of the abort.
type flaw struct {
	broken Invariant
	text   string
}

// flaws collects them.
type flaws []flaw

func (f *flaws) when(wrong bool, broken Invariant, format string, args ...any) {
	if wrong {
		*f = append(*f, flaw{broken, fmt.Sprintf(format, args...)})
	}
}

// Origin is what all effects have. Step counts from 1.
type Origin struct {
	Step    uint8
	State   State
	Revived bool
}

func (o *Origin) state() State  { return o.State }
func (o *Origin) revived() bool { return o.Revived && o.State == Live }
func (o *Origin) flaws() []flaw { return nil }

// printOf puts prints together; one that is 0 is not known.
func (o *Origin) printOf(kind byte, parts ...Print) (p Print, known bool) {
	p, known = mix(Print(kind)<<16|Print(o.Step)<<8|Print(o.State)), true
	for _, part := range parts {
		p, known = mix(p^part), known && part != 0
	}
	return p, known
}

// Tombstone is what a compensation leaves of what was never done: the action is
// refused from then on (I11).
type Tombstone struct {
	Bucket string
	Origin
}

// Place is where it belongs.
func (t *Tombstone) Place() Place          { return Place{t.Bucket, t.Step} }
func (t *Tombstone) String() string        { return "tombstone" }
func (t *Tombstone) differs(Effect) []flaw { return nil }
func (t *Tombstone) print() (Print, bool)  { return 0, true }

// Shipment is a shipping label.
type Shipment struct {
	Origin
	Goods    Goods
	Address  Print
	ID       Print // of the shipment_id
	Tracking Print // of the tracking number
}

// Place is where it belongs.
func (s *Shipment) Place() Place   { return Place{protocol.BucketShipments, s.Step} }
func (s *Shipment) String() string { return "shipment of " + string(s.Goods) }

func (s *Shipment) differs(asked Effect) []flaw {
	want, _ := asked.(*Shipment)
	var f flaws
	f.when(s.Goods != want.Goods, "", "%s instead of %s", s.Goods, want.Goods)
	f.when(!s.Address.agrees(want.Address), "", "another address")
	f.when(!s.ID.agrees(want.ID), I10, "another shipment_id")
	f.when(!s.Tracking.agrees(want.Tracking), I10, "another tracking number")
	return f
}

func (s *Shipment) print() (Print, bool) {
	return s.printOf('s', PrintOf(string(s.Goods)), s.Address, s.ID, s.Tracking)
}

// Unreadable is a participant's value that makes no sense.
type Unreadable struct {
	Bucket string
	Step   uint8 // 0 if the key does not tell
	Why    string
}

// Place is where it is stored.
func (u *Unreadable) Place() Place          { return Place{u.Bucket, u.Step} }
func (u *Unreadable) String() string        { return "value" }
func (u *Unreadable) state() State          { return None }
func (u *Unreadable) revived() bool         { return false }
func (u *Unreadable) flaws() []flaw         { return []flaw{{I5, "makes no sense: " + u.Why}} }
func (u *Unreadable) differs(Effect) []flaw { return nil }
func (u *Unreadable) print() (Print, bool)  { return 0, false }
