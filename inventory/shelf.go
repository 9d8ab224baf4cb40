package inventory

import (
	"strings"
	"time"

	"amends/worker"
)

// shelf is the picture of all stock and of all that is reserved of it: available
// is on hand less the sum of active reservations (D16, X14). It is drawn from the
// log of the bucket, and knows nothing of what no longer holds goods.
type shelf struct {
	retention time.Duration

	stock    map[string]Stock // by SKU
	skus     []string         // of all stock, sorted; nil if that has to be done anew
	reserved map[string]int64 // pieces, by SKU; never negative
	wanted   map[string]int64 // backordered pieces, by SKU
	open     map[string]*held // active reservations, by step
	due      dueList          // the same, by when they expire
	blocks   blocks           // the same, by where they are stored
	waiting  waiting          // those that want more
}

// held is what a shelf needs to know of an active reservation: there may be a
// million of them.
type held struct {
	step     string
	lines    []pieces
	since    int64  // when it was reserved, in microseconds since 1970 UTC
	expires  int64  // likewise; later than stored if it was put off
	sequence uint64 // where it is stored; 0 if it is on its way
	at       int32  // in the list of those due
	lapses   bool
}

// pieces are those of one line.
type pieces struct {
	sku              string
	reserved, wanted int64
}

func newShelf(retention time.Duration) *shelf {
	s := &shelf{retention: retention}
	s.Clear()
	return s
}

// Clear empties the shelf.
func (s *shelf) Clear() {
	s.stock, s.skus = make(map[string]Stock), nil
	s.reserved, s.wanted = make(map[string]int64), make(map[string]int64)
	s.open, s.due, s.blocks, s.waiting = make(map[string]*held), nil, make(blocks), make(waiting)
}

// Rows are the rows of stock.
func (s *shelf) Rows() []string { return []string{stockPrefix + "*"} }

// Row replaces the stock of one SKU. Keys that are no stock are ignored.
func (s *shelf) Row(key string, value []byte) error {
	sku, isStock := strings.CutPrefix(key, stockPrefix)
	if !isStock {
		return nil
	}
	if value == nil {
		s.setStock(sku, nil)
		return nil
	}
	row, err := readStock(key, value)
	if err != nil {
		s.setStock(sku, nil)
		return err
	}
	s.setStock(sku, &row)
	return nil
}

// setStock replaces the stock of one SKU; nil is none.
func (s *shelf) setStock(sku string, row *Stock) {
	if _, known := s.stock[sku]; known != (row != nil) {
		s.skus = nil
	}
	if row == nil {
		delete(s.stock, sku)
		return
	}
	s.stock[sku] = *row
}

// Effect replaces what the reservation of one step holds.
func (s *shelf) Effect(step string, r *Reservation) { s.hold(step, s.heldBy(step, r)) }

// Digest is what an active reservation holds; of any other one nothing matters.
func (s *shelf) Digest(r *Reservation) string {
	h := s.heldBy("", r)
	if h == nil {
		return nothingHeld
	}
	return h.digest()
}

// Digested is Effect for a digest.
func (s *shelf) Digested(step, digest string) error {
	h, err := s.parseDigest(step, digest)
	if err == nil {
		s.hold(step, h)
	}
	return err
}

// Decide is Effect for a decision: goods that are committed leave the stock, and
// come back if that is undone.
func (s *shelf) Decide(step string, before, after *Reservation) (rows []worker.Row, undo func()) {
	held := s.open[step]
	s.Effect(step, after)
	putBack := func() {}
	if wasSold, isSold := isSold(before), isSold(after); wasSold != isSold {
		rows, putBack = s.put(s.moved(before, after))
	}
	return rows, func() {
		putBack()
		s.hold(step, held)
	}
}

// moved is the stock that changes when a reservation is committed, or when that is
// undone.
func (s *shelf) moved(before, after *Reservation) []Stock {
	var rows []Stock
	if isSold(after) {
		for _, line := range after.Lines {
			rows = append(rows, s.row(line.SKU).sold(line, after.CommittedAt))
		}
		return rows
	}
	for _, line := range before.Lines {
		rows = append(rows, s.row(line.SKU).returned(line, after.ReleasedAt))
	}
	return rows
}

func isSold(r *Reservation) bool { return r != nil && r.Status == Committed }

// row is the stock of an SKU, which may be unknown.
func (s *shelf) row(sku string) Stock {
	row, known := s.stock[sku]
	if !known {
		row.SKU = sku
	}
	return row
}

// put replaces some stock, each SKU once.
func (s *shelf) put(stock []Stock) (rows []worker.Row, undo func()) {
	before := make([]*Stock, len(stock))
	for i, row := range stock {
		if old, known := s.stock[row.SKU]; known {
			before[i] = &old
		}
		s.setStock(row.SKU, &row)
		rows = append(rows, worker.Row{Key: stockPrefix + row.SKU, Value: row})
	}
	return rows, func() {
		for i, row := range stock {
			s.setStock(row.SKU, before[i])
		}
	}
}

// heldBy is what a reservation holds; nil if nothing.
func (s *shelf) heldBy(step string, r *Reservation) *held {
	if r == nil || r.Status != Active {
		return nil
	}
	h := &held{
		step: strings.Clone(step), since: r.ReservedAt, expires: r.ExpiresAt, lapses: r.Lapses, lines: make([]pieces, len(r.Lines)),
	}
	for i, line := range r.Lines {
		h.lines[i] = pieces{sku: s.name(line.SKU), reserved: line.Quantity, wanted: line.Backordered}
	}
	return h
}

// name is one text for all reservations of an SKU.
func (s *shelf) name(sku string) string {
	if row, known := s.stock[sku]; known {
		return row.SKU
	}
	return strings.Clone(sku) // it is part of a longer text
}

// hold replaces what a step holds; nil is nothing.
func (s *shelf) hold(step string, h *held) {
	if old := s.open[step]; old != nil {
		s.count(old, -1)
		s.due.remove(old)
		s.blocks.remove(old.sequence)
		s.waiting.remove(old)
		delete(s.open, step)
	}
	if h != nil {
		s.count(h, 1)
		s.due.add(h)
		s.blocks.add(h.sequence)
		s.waiting.add(h)
		s.open[h.step] = h
	}
}

func (s *shelf) count(h *held, sign int64) {
	for _, line := range h.lines {
		s.reserved[line.sku] += sign * line.reserved
		s.wanted[line.sku] += sign * line.wanted
	}
}

// Stored notes where the reservation of a step is stored.
func (s *shelf) Stored(step string, sequence uint64) {
	if h := s.open[step]; h != nil {
		s.blocks.remove(h.sequence)
		h.sequence = sequence
		s.blocks.add(sequence)
	}
}

// Oldest is where the first active reservation is stored, or not far before.
func (s *shelf) Oldest() (sequence uint64, ok bool) { return s.blocks.oldest() }

// Keep forgets in time what no longer holds goods; 0 is never.
func (s *shelf) Keep(r *Reservation) time.Duration {
	if r != nil && r.Status == Active {
		return 0
	}
	return max(s.retention, 0)
}

// OnHand is how many pieces there are of an SKU.
func (s *shelf) OnHand(sku string) int64 { return s.stock[sku].OnHand }

// Free is how many of them nobody holds. It is below zero if somebody took goods
// away that were reserved.
func (s *shelf) Free(sku string) int64 { return s.OnHand(sku) - s.reserved[sku] }

// Available is how many pieces may still be reserved: those who wait for more
// come first.
func (s *shelf) Available(sku string) int64 { return s.Free(sku) - s.wanted[sku] }

// Known tells whether there is a row of the SKU.
func (s *shelf) Known(sku string) bool {
	_, known := s.stock[sku]
	return known
}

// Since names the count of an SKU to which a change belongs.
func (s *shelf) Since(sku string, at int64) int64 { return s.row(sku).countAt(at) }
