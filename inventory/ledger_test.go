package inventory

import (
	"reflect"
	"testing"

	"amends/protocol"
)

// now is the time in these tests, in microseconds since 1970 UTC, and hold how
// long goods are held.
const now, hold int64 = 1_700_000_000_000_000, 900_000_000

func order(saga string, items ...protocol.Line) protocol.ReserveInventory {
	return protocol.ReserveInventory{
		Command: protocol.Command{Type: protocol.TypeReserveInventory, SagaID: saga, Step: 1}, Items: items,
	}
}

// goods are what there is, by SKU: pieces on hand, and how many of them are
// available.
type goods map[string][2]int64

func (g goods) OnHand(sku string) int64          { return g[sku][0] }
func (g goods) Available(sku string) int64       { return g[sku][1] }
func (g goods) Known(sku string) bool            { _, known := g[sku]; return known }
func (g goods) Since(_ string, at int64) int64   { return at }
func has(sku string, pieces int64) protocol.Line { return protocol.Line{SKU: sku, Quantity: pieces} }

// TestReserve: what an order gets by each policy (D15), one reservation per SKU in
// the order of the lines (S0-08), and all of them by one name (X11).
func TestReserve(t *testing.T) {
	stock := goods{"a": {5, 2}, "b": {1, 1}, "gone": {4, 0}, "oversold": {1, -3}}
	for name, test := range map[string]struct {
		policy string
		items  []protocol.Line
		held   []int64 // of each line; 0 is that there is none
		wanted []int64 // backordered
		short  []string
		no     bool
	}{
		"one line":               {items: []protocol.Line{has("a", 1)}, held: []int64{1}},
		"all there is":           {items: []protocol.Line{has("a", 2)}, held: []int64{2}},
		"several lines":          {items: []protocol.Line{has("b", 1), has("a", 2)}, held: []int64{1, 2}},
		"one too many":           {items: []protocol.Line{has("a", 3)}, short: []string{"a"}, no: true},
		"nothing left":           {items: []protocol.Line{has("gone", 1)}, short: []string{"gone"}, no: true},
		"less than nothing left": {items: []protocol.Line{has("oversold", 1)}, short: []string{"oversold"}, no: true},
		"unknown":                {items: []protocol.Line{has("x", 1)}, short: []string{"x"}, no: true},
		"one of many is short":   {items: []protocol.Line{has("a", 1), has("b", 2)}, short: []string{"b"}, no: true},
		"all are short":          {items: []protocol.Line{has("x", 1), has("b", 2)}, short: []string{"x", "b"}, no: true},

		"partial: enough":      {policy: "partial", items: []protocol.Line{has("a", 2)}, held: []int64{2}},
		"partial: some":        {policy: "partial", items: []protocol.Line{has("a", 3), has("b", 1)}, held: []int64{2, 1}, short: []string{"a"}},
		"partial: one of none": {policy: "partial", items: []protocol.Line{has("gone", 1), has("b", 1)}, held: []int64{0, 1}, short: []string{"gone"}},
		"partial: nothing":     {policy: "partial", items: []protocol.Line{has("oversold", 1), has("x", 1)}, short: []string{"oversold", "x"}, no: true},

		"backorder: enough":  {policy: "backorder", items: []protocol.Line{has("a", 2)}, held: []int64{2}},
		"backorder: some":    {policy: "backorder", items: []protocol.Line{has("a", 5), has("b", 1)}, held: []int64{2, 1}, wanted: []int64{3, 0}, short: []string{"a"}},
		"backorder: nothing": {policy: "backorder", items: []protocol.Line{has("oversold", 2)}, held: []int64{0}, wanted: []int64{2}, short: []string{"oversold"}},
		"backorder: unknown": {policy: "backorder", items: []protocol.Line{has("a", 1), has("x", 1)}, short: []string{"x"}, no: true},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := order("s1", test.items...)
			terms := Terms{Policy: protocol.PolicyAllOrNothing, Hold: hold}
			cmd.Policy = test.policy
			r, ok, declined := Reserve(cmd, terms.For(cmd), stock, now)
			if test.no {
				want := &protocol.Failure{Error: ReasonOutOfStock, Unavailable: test.short}
				if !reflect.DeepEqual(declined, want) || r.Lines != nil || ok.Reservations != nil {
					t.Errorf("got %+v, %+v and %+v, want %+v alone", r, ok, declined, want)
				}
				return
			}
			want := Reservation{Status: Active, ReservedAt: now, ExpiresAt: now + hold}
			said := protocol.ReserveInventoryOK{ReservationID: "r-s1-1", Unavailable: test.short}
			for i, held := range test.held {
				line := Hold{SKU: test.items[i].SKU, Quantity: held, ReservationID: "r-s1-1-" + string(rune('1'+i))}
				if test.wanted != nil {
					line.Backordered = test.wanted[i]
				}
				if line.Quantity+line.Backordered == 0 {
					continue
				}
				told := protocol.Reservation{SKU: line.SKU, ReservationID: line.ReservationID, Backordered: line.Backordered}
				if line.Quantity+line.Backordered < test.items[i].Quantity {
					told.Quantity = line.Quantity
				}
				want.Lines, said.Reservations = append(want.Lines, line), append(said.Reservations, told)
			}
			if declined != nil || !reflect.DeepEqual(r, want) || !reflect.DeepEqual(ok, said) {
				t.Errorf("got  %+v, %+v, %+v\nwant %+v, %+v", r, ok, declined, want, said)
			}
		})
	}
}

// TestTerms: a command that names its own time lapses then (D17).
func TestTerms(t *testing.T) {
	terms := Terms{Policy: protocol.PolicyPartial, Hold: hold}
	if got := terms.For(order("s1")); got != terms {
		t.Errorf("got %+v", got)
	}
	cmd := order("s1")
	cmd.HoldMS, cmd.Policy = 2000, protocol.PolicyBackorder
	if got, want := terms.For(cmd), (Terms{Policy: protocol.PolicyBackorder, Hold: 2_000_000, Lapses: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func twoLines(status Status) Reservation {
	return Reservation{Status: status, ReservedAt: now, ExpiresAt: now + hold, Lines: []Hold{
		{SKU: "a", Quantity: 2, ReservationID: "r1"}, {SKU: "b", Quantity: 1, ReservationID: "r2"},
	}}
}

var (
	r1 = protocol.Reservation{SKU: "a", ReservationID: "r1"}
	r2 = protocol.Reservation{SKU: "b", ReservationID: "r2"}
)

// TestRelease: whatever the command names must be what the step holds (S0-15); it
// is given back whatever has become of it (S2-06).
func TestRelease(t *testing.T) {
	for name, test := range map[string]struct {
		status   Status
		named    []protocol.Reservation
		declined bool
	}{
		"nothing named":         {},
		"all named":             {named: []protocol.Reservation{r1, r2}},
		"some named":            {named: []protocol.Reservation{r2}},
		"what has expired":      {status: Expired},
		"what is committed":     {status: Committed, named: []protocol.Reservation{r1, r2}},
		"another reservation":   {named: []protocol.Reservation{{SKU: "a", ReservationID: "r9"}}, declined: true},
		"another sku":           {named: []protocol.Reservation{{SKU: "b", ReservationID: "r1"}}, declined: true},
		"one of many is wrong":  {named: []protocol.Reservation{r1, {SKU: "b", ReservationID: "r9"}}, declined: true},
		"a line of another one": {named: []protocol.Reservation{{SKU: "c", ReservationID: "r3"}}, declined: true},
	} {
		t.Run(name, func(t *testing.T) {
			done := twoLines(Active)
			if test.status != "" {
				done.Status = test.status
			}
			before := done.Status
			after, declined := Release(protocol.ReleaseReservation{Reservations: test.named}, done, now+1)
			if test.declined != (declined != nil) || test.declined && declined.Error != ReasonReservationMismatch {
				t.Fatalf("got %+v", declined)
			}
			if !test.declined && (after.Status != Released || after.ReleasedAt != now+1 || after.ReservedAt != now) {
				t.Errorf("got %+v", after)
			}
			if done.Status != before {
				t.Error("the row that was passed in has changed")
			}
		})
	}
}

// TestCommit: reserved goods leave the stock, all lines or none (S3-09, S3-23);
// what has expired is taken if it is still there, and declined otherwise (D18).
func TestCommit(t *testing.T) {
	enough := goods{"a": {2, 0}, "b": {1, 0}}
	free := goods{"a": {2, 2}, "b": {1, 1}}
	waiting, late := twoLines(Active), twoLines(Expired)
	waiting.Lines[1].Backordered, late.Lines[1].Backordered = 1, 1
	both := []protocol.Reservation{r1, r2}
	for name, test := range map[string]struct {
		done   *Reservation
		named  []protocol.Reservation
		goods  goods
		why    string
		short  []string
		again  bool
		waits  bool
		stands bool // committed before
	}{
		"what is held":                 {done: ptr(twoLines(Active)), named: both, goods: enough},
		"in another order":             {done: ptr(twoLines(Active)), named: []protocol.Reservation{r2, r1}, goods: enough},
		"what was committed before":    {done: ptr(twoLines(Committed)), named: both, goods: goods{}, stands: true},
		"what was released":            {done: ptr(twoLines(Released)), named: both, goods: free, why: ReasonReservationReleased},
		"expired and still there":      {done: ptr(twoLines(Expired)), named: both, goods: free, again: true},
		"expired and gone":             {done: ptr(twoLines(Expired)), named: both, goods: enough, why: ReasonReservationExpired, short: []string{"a", "b"}},
		"expired and one line gone":    {done: ptr(twoLines(Expired)), named: both, goods: goods{"a": {2, 2}, "b": {1, 0}}, why: ReasonReservationExpired, short: []string{"b"}},
		"taken away by hand":           {done: ptr(twoLines(Active)), named: both, goods: goods{"a": {1, 0}, "b": {1, 0}}, why: ReasonOutOfStock, short: []string{"a"}},
		"backordered and not there":    {done: &waiting, named: both, goods: enough, waits: true},
		"expired before the rest came": {done: &late, named: both, goods: free, why: ReasonReservationExpired, short: []string{"b"}},
		"expired, and the rest came":   {done: &late, named: both, goods: goods{"a": {2, 2}, "b": {2, 2}}, again: true},
		"never reserved":               {named: both, goods: free, why: ReasonReservationMismatch},
		"one line is not named":        {done: ptr(twoLines(Active)), named: []protocol.Reservation{r1}, goods: enough, why: ReasonReservationMismatch},
		"one line is named twice":      {done: ptr(twoLines(Active)), named: []protocol.Reservation{r1, {SKU: "a", ReservationID: "r1", Quantity: 2}}, goods: enough, why: ReasonReservationMismatch},
		"one line is another's":        {done: ptr(twoLines(Active)), named: []protocol.Reservation{r1, {SKU: "b", ReservationID: "r9"}}, goods: enough, why: ReasonReservationMismatch},
		"a line too many":              {done: ptr(twoLines(Active)), named: []protocol.Reservation{r1, r2, {SKU: "c", ReservationID: "r3"}}, goods: enough, why: ReasonReservationMismatch},
		"with the sku of another line": {done: ptr(twoLines(Active)), named: []protocol.Reservation{{SKU: "b", ReservationID: "r1"}, r2}, goods: enough, why: ReasonReservationMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			after, ok, declined, waits := Commit(protocol.CommitReservation{Reservations: test.named}, test.done, test.goods, now+7)
			switch {
			case test.why != "":
				if want := (&protocol.Failure{Error: test.why, Unavailable: test.short}); !reflect.DeepEqual(declined, want) {
					t.Errorf("got %+v and %+v, want %+v", after, declined, want)
				}
			case test.waits:
				if !waits || declined != nil {
					t.Errorf("got %+v, %+v, %v", after, declined, waits)
				}
			case declined != nil || waits || after.Status != Committed || ok.ReReserved != test.again || after.backordered() > 0:
				t.Errorf("got %+v, %+v, %+v, %v", after, ok, declined, waits)
			case !test.stands && (after.CommittedAt != now+7 || after.Lines[0].Since != now+7 || test.done.Lines[0].Since != 0):
				t.Errorf("got %+v from %+v", after, test.done)
			}
		})
	}
}

func ptr(r Reservation) *Reservation { return &r }

// TestTimeIsOver: only what is active expires, not before its time, and what is
// renewed lasts longer (D17).
func TestTimeIsOver(t *testing.T) {
	for _, status := range []Status{Active, Released, Committed, Expired} {
		r := twoLines(status)
		if _, changed := Expire(r, now+hold-1); changed {
			t.Errorf("%s: expired before its time", status)
		}
		after, changed := Expire(r, now+hold)
		if changed != (status == Active) || changed && (after.Status != Expired || after.ExpiredAt != now+hold) {
			t.Errorf("%s: got %+v, %v", status, after, changed)
		}
		if again, changed := Expire(after, now+hold); changed {
			t.Errorf("%s: expired twice: %+v", status, again)
		}
		if _, changed := Renew(r, now+hold); changed {
			t.Errorf("%s: renewed for no longer than before", status)
		}
		after, changed = Renew(r, now+2*hold)
		if changed != (status == Active) || changed && after.ExpiresAt != now+2*hold {
			t.Errorf("%s: got %+v, %v", status, after, changed)
		}
	}
}

// TestFill: backordered pieces are held as far as they have come.
func TestFill(t *testing.T) {
	free := map[string]int64{"a": 2, "b": -1}
	r := twoLines(Active)
	r.Lines[0].Backordered, r.Lines[1].Backordered = 3, 1
	after, changed := Fill(r, func(sku string) int64 { return free[sku] })
	if !changed || after.Lines[0].Quantity != 4 || after.Lines[0].Backordered != 1 || after.Lines[1] != r.Lines[1] {
		t.Errorf("got %+v", after)
	}
	if r.Lines[0].Quantity != 2 {
		t.Error("the row that was passed in has changed")
	}
	free["a"] = 0
	if _, changed := Fill(after, func(sku string) int64 { return free[sku] }); changed {
		t.Error("filled with nothing")
	}
	r.Status = Expired
	if _, changed := Fill(r, func(string) int64 { return 9 }); changed {
		t.Error("filled what holds nothing")
	}
}

// TestIDs: the id of a line tells its step to whoever knows the saga, and to
// whoever does not, two that it may be of.
func TestIDs(t *testing.T) {
	c := protocol.Command{SagaID: "a-1", Step: 12}
	if groupID(c) != "r-a-1-12" || lineID(c, 2) != "r-a-1-12-3" {
		t.Errorf("got %s and %s", groupID(c), lineID(c, 2))
	}
	for _, test := range []struct {
		saga, id string
		want     int
	}{
		{"a-1", "r-a-1-12-3", 12}, {"a", "r-a-1-12-3", 1}, {"a-1", "r-a-1-12", 0}, {"b", "r-a-1-12-3", 0},
		{"a-1", "x", 0}, {"a-1", "r-a-1-x-3", 0}, {"a-1", "", 0},
	} {
		if got := stepOfLine(test.saga, test.id); got != test.want {
			t.Errorf("%s of saga %s: got step %d, want %d", test.id, test.saga, got, test.want)
		}
	}
	for id, want := range map[string][]string{
		"r-a-1-2": {"a-1.2", "a.1"}, "r-s-1": {"s.1"}, "r-s-1-1": {"s-1.1", "s.1"}, "r-s-0": nil, "r-s-65": nil, "s-1": nil,
		"r-": nil, "r--1": nil, "r-s-01": nil, "r-s.x-1": nil,
	} {
		if got := stepsOfID(id); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
	}
}

// TestCounts: a row that somebody has put is a count of its own; what is taken
// from a count is returned to it, or counted to the next one (I1).
func TestCounts(t *testing.T) {
	day := countAge.Microseconds()
	row := Stock{SKU: "a", OnHand: 10}.sold(Hold{Quantity: 3}, now)
	if row.OnHand != 7 || row.Counted != 10 || row.Since != now {
		t.Errorf("after a sale: %+v", row)
	}
	if row = row.restocked(5, now+day); row.OnHand != 12 || row.Counted != 10 || row.Since != now {
		t.Errorf("after a delivery: %+v", row)
	}
	if back := row.returned(Hold{Quantity: 3, Since: now}, now+day); back.OnHand != 15 || back.Counted != 10 {
		t.Errorf("after a return of the same count: %+v", back)
	}
	if row = row.sold(Hold{Quantity: 2}, now+day+1); row.OnHand != 10 || row.Counted != 12 || row.Since != now+day+1 {
		t.Errorf("after a sale on another day: %+v", row)
	}
	if row = row.returned(Hold{Quantity: 3, Since: now}, now+day+2); row.OnHand != 13 || row.Counted != 15 {
		t.Errorf("after a return of an older count: %+v", row)
	}
}
