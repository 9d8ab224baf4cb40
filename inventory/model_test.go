package inventory

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"amends/protocol"
	"amends/worker"

	"pgregory.net/rapid"
)

// warehouse is a shelf, the values that its decisions have stored, and a trivial
// model: numbers per SKU that are added to and taken from.
type warehouse struct {
	shelf *shelf
	at    int64

	rows       map[string]Reservation // by step
	stock      map[string]Stock       // as stored
	deliveries []ArrivalLine

	onHand   map[string]int64
	holds    map[string]map[string]int64 // pieces held, by step and SKU
	wants    map[string]map[string]int64 // pieces backordered, likewise
	sequence uint64
}

func newWarehouse() *warehouse {
	return &warehouse{
		shelf: newShelf(DefaultRetention), at: now,
		rows: make(map[string]Reservation), stock: make(map[string]Stock),
		onHand: make(map[string]int64), holds: make(map[string]map[string]int64), wants: make(map[string]map[string]int64),
	}
}

// store keeps what a decision has made of a step.
func (w *warehouse) store(step string, before *Reservation, after Reservation) {
	rows, _ := w.shelf.Decide(step, before, &after)
	w.keep(rows)
	w.rows[step] = after
	w.sequence++
	w.shelf.Stored(step, w.sequence)
	w.holds[step], w.wants[step] = make(map[string]int64), make(map[string]int64)
	if after.Status == Active {
		for _, line := range after.Lines {
			w.holds[step][line.SKU], w.wants[step][line.SKU] = line.Quantity, line.Backordered
		}
	}
}

func (w *warehouse) keep(rows []worker.Row) {
	for _, row := range rows {
		stock, _ := row.Value.(Stock)
		w.stock[stock.SKU] = stock
	}
}

// redraw draws the shelf anew from what is stored.
func (w *warehouse) redraw() error {
	w.shelf.Clear()
	for step, r := range w.rows {
		w.shelf.Effect(step, &r)
		w.shelf.Stored(step, w.sequence)
	}
	for sku, row := range w.stock {
		value, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if err := w.shelf.Row(stockPrefix+sku, value); err != nil {
			return err
		}
	}
	return nil
}

// TestLedgerAgainstModel lets everything happen to a warehouse in any order, and
// compares it with plain numbers: on hand is what was there and came, less what was
// sold; reserved is what active reservations hold; and nothing is held twice (I1,
// I3, D16, D18).
func TestLedgerAgainstModel(t *testing.T) {
	skus := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		w := newWarehouse()
		for _, sku := range skus {
			w.count(sku, 10)
		}
		step := rapid.StringMatching(`s[0-4]\.1`)
		known := func(t *rapid.T) (string, Reservation, bool) {
			step := step.Draw(t, "step")
			r, ok := w.rows[step]
			return step, r, ok
		}
		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				if step, _, taken := known(t); !taken {
					w.reserve(t, step, skus)
				}
			},
			"release": func(t *rapid.T) {
				if step, r, ok := known(t); ok && r.Status != Released {
					w.release(t, step, r)
				}
			},
			"commit": func(t *rapid.T) {
				if step, r, ok := known(t); ok {
					w.commit(t, step, r)
				}
			},
			"expire": func(t *rapid.T) {
				if step, r, ok := known(t); ok {
					if after, changed := Expire(r, w.at+hold); changed {
						w.store(step, &r, after)
					}
				}
			},
			"fill": func(t *rapid.T) {
				for _, step := range w.shelf.served() {
					r := w.rows[step]
					if after, changed := Fill(r, w.shelf.Free); changed {
						w.store(step, &r, after)
					}
				}
				w.checkNobodyWaitsForWhatIsThere(t)
			},
			"a delivery": func(t *rapid.T) { w.deliver(t, skus) },
			"a count by hand": func(t *rapid.T) {
				sku := rapid.SampledFrom(skus).Draw(t, "sku")
				w.count(sku, w.sum(sku, w.holds)+rapid.Int64Range(0, 9).Draw(t, "pieces"))
			},
			"a decision that is not stored": func(t *rapid.T) {
				if step, r, ok := known(t); ok && r.Status == Active {
					w.waver(step, r)
				}
			},
			"a day goes by":     func(*rapid.T) { w.at += countAge.Microseconds() + 1 },
			"some time goes by": func(*rapid.T) { w.at++ },
			"redraw": func(t *rapid.T) {
				if err := w.redraw(); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for _, sku := range skus {
					w.check(t, sku)
				}
			},
		})
	})
}

// deliver takes a delivery in, which may not be stored in the end.
func (w *warehouse) deliver(t *rapid.T, skus []string) {
	sku, n := rapid.SampledFrom(skus).Draw(t, "sku"), rapid.Int64Range(1, 9).Draw(t, "pieces")
	deed, err := w.shelf.restock(Delivery{Items: []protocol.Line{{SKU: sku, Quantity: n}}}, w.at)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "is not stored") {
		deed.Undo()
		return
	}
	w.keep(deed.Others)
	w.deliveries = append(w.deliveries, deed.Row.Lines...)
	w.onHand[sku] += n
}

// waver decides twice about a reservation and takes both back.
func (w *warehouse) waver(step string, r Reservation) {
	_, first := w.shelf.Decide(step, &r, ptr(r.sold(w.shelf, w.at)))
	_, second := w.shelf.Decide(step, ptr(r.sold(w.shelf, w.at)), ptr(released(r, w.at)))
	second()
	first()
}

func released(r Reservation, at int64) Reservation {
	after, _ := Release(protocol.ReleaseReservation{}, r, at)
	return after
}

func (w *warehouse) count(sku string, pieces int64) {
	w.at++ // nobody counts twice in one microsecond
	w.stock[sku] = Stock{SKU: sku, OnHand: pieces}
	w.onHand[sku] = pieces
	value, _ := json.Marshal(w.stock[sku])
	_ = w.shelf.Row(stockPrefix+sku, value)
}

func (w *warehouse) reserve(t *rapid.T, step string, skus []string) {
	cmd := order(sagaOf(step))
	cmd.Policy = rapid.SampledFrom([]string{"all_or_nothing", "partial", "backorder"}).Draw(t, "policy")
	for _, sku := range rapid.SliceOfNDistinct(rapid.SampledFrom(skus), 1, 3, rapid.ID[string]).Draw(t, "skus") {
		cmd.Items = append(cmd.Items, protocol.Line{SKU: sku, Quantity: rapid.Int64Range(1, 9).Draw(t, "pieces")})
	}
	r, _, declined := Reserve(cmd, Terms{Hold: hold}.For(cmd), w.shelf, w.at)
	if declined != nil {
		w.checkShort(t, "reserve", cmd.Items)
		return
	}
	for _, line := range r.Lines {
		if there := w.onHand[line.SKU] - w.sum(line.SKU, w.holds); line.Quantity > there {
			t.Fatalf("%d pieces of %s are reserved of %d", line.Quantity, line.SKU, there)
		}
	}
	w.store(step, nil, r)
}

func (w *warehouse) release(t *rapid.T, step string, r Reservation) {
	after, declined := Release(protocol.ReleaseReservation{}, r, w.at)
	if declined != nil {
		t.Fatalf("%+v", declined)
	}
	if r.Status == Committed {
		for _, line := range r.Lines {
			w.onHand[line.SKU] += line.Quantity
		}
	}
	w.store(step, &r, after)
}

func (w *warehouse) commit(t *rapid.T, step string, r Reservation) {
	cmd := protocol.CommitReservation{}
	for _, line := range r.Lines {
		cmd.Reservations = append(cmd.Reservations, protocol.Reservation{SKU: line.SKU, ReservationID: line.ReservationID})
	}
	after, ok, declined, waits := Commit(cmd, &r, w.shelf, w.at)
	if waits != (r.Status == Active && r.backordered() > 0) {
		t.Fatalf("a commit of %+v waits: %v", r, waits)
	}
	if declined != nil {
		w.checkDeclined(t, r)
	}
	if declined != nil || waits {
		return
	}
	if ok.ReReserved != (r.Status == Expired) {
		t.Fatalf("%+v after %s", ok, r.Status)
	}
	if r.Status != Committed {
		for _, line := range after.Lines {
			w.onHand[line.SKU] -= line.Quantity
		}
	}
	w.store(step, &r, after)
}

// checkDeclined: what is held is never declined, as long as nobody takes it away by
// hand, and what has expired only if it is gone.
func (w *warehouse) checkDeclined(t *rapid.T, r Reservation) {
	switch r.Status {
	case Active, Committed:
		t.Fatalf("a commit of %+v is declined", r)
	case Expired:
		var lines []protocol.Line
		for _, line := range r.Lines {
			lines = append(lines, protocol.Line{SKU: line.SKU, Quantity: line.Quantity + line.Backordered})
		}
		w.checkShort(t, "commit", lines)
	}
}

// checkShort: nothing is declined of which there is enough.
func (w *warehouse) checkShort(t *rapid.T, what string, lines []protocol.Line) {
	for _, line := range lines {
		if w.onHand[line.SKU]-w.sum(line.SKU, w.holds)-w.sum(line.SKU, w.wants) < line.Quantity {
			return
		}
	}
	t.Fatalf("a %s of %v is declined, although it is all there", what, lines)
}

func (w *warehouse) sum(sku string, pieces map[string]map[string]int64) (total int64) {
	for _, lines := range pieces {
		total += lines[sku]
	}
	return total
}

// check compares the shelf with the model, and the stored values with each other.
func (w *warehouse) check(t *rapid.T, sku string) {
	level := w.shelf.level(sku)
	reserved, wanted := w.sum(sku, w.holds), w.sum(sku, w.wants)
	want := StockLevel{
		Type: TypeStock, SKU: sku, OnHand: w.onHand[sku], Reserved: reserved, Backordered: wanted,
		Available: w.onHand[sku] - reserved - wanted,
	}
	if level != want || w.stock[sku].OnHand != want.OnHand {
		t.Fatalf("got %+v, want %+v", level, want)
	}
	if level.OnHand < 0 || level.Reserved > level.OnHand {
		t.Fatalf("oversold: %+v", level)
	}
	row, balance := w.stock[sku], w.stock[sku].Counted
	if row.Since == 0 {
		return
	}
	for _, d := range w.deliveries {
		if d.SKU == sku && d.Since == row.Since {
			balance += d.Quantity
		}
	}
	for _, r := range w.rows {
		for _, line := range r.Lines {
			if r.Status == Committed && line.SKU == sku && line.Since == row.Since {
				balance -= line.Quantity
			}
		}
	}
	if balance != row.OnHand {
		t.Fatalf("%+v does not add up: %d", row, balance)
	}
}

func (w *warehouse) checkNobodyWaitsForWhatIsThere(t *rapid.T) {
	for _, step := range slices.Sorted(maps.Keys(w.wants)) {
		for sku, wanted := range w.wants[step] {
			if wanted > 0 && w.shelf.Free(sku) > 0 {
				t.Fatalf("%s waits for %d of %s, of which %d are free", step, wanted, sku, w.shelf.Free(sku))
			}
		}
	}
}
