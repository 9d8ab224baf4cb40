package inventory

import (
	"encoding/json"
	"fmt"
	"strings"

	"amends/protocol"
)

// stockPrefix is how the keys of stock begin: stock.<sku>.
const stockPrefix = "stock."

// Stock is what lies in the warehouse of one SKU: the value under the key
// stock.<sku>. OnHand counts pieces, reserved ones included (S3-10).
type Stock struct {
	SKU    string `json:"sku"`
	Name   string `json:"name,omitempty"`
	OnHand int64  `json:"on_hand"`
}

// Validate checks the row. The error is a *protocol.Error.
func (s Stock) Validate() error {
	if err := protocol.CheckID("sku", s.SKU); err != nil {
		return err
	}
	if s.OnHand < 0 {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "on_hand", Message: "must not be negative"}
	}
	return nil
}

// shelf is the picture of all stock and of all that is reserved of it: available
// is on hand less the sum of active reservations (D16). It is drawn from the log
// of the bucket, and forgets what no longer holds goods.
type shelf struct {
	stock    map[string]Stock  // by SKU
	reserved map[string]int64  // pieces, by SKU; never negative
	holding  map[string][]held // active reservations, by step
}

// held is what a shelf needs to know of a Hold: there may be millions.
type held struct {
	sku    string
	pieces int64
}

func newShelf() *shelf {
	s := &shelf{}
	s.Clear()
	return s
}

// Clear empties the shelf.
func (s *shelf) Clear() {
	s.stock = make(map[string]Stock)
	s.reserved = make(map[string]int64)
	s.holding = make(map[string][]held)
}

// Effect replaces what the reservation of one step holds.
func (s *shelf) Effect(step string, r *Reservation) (undo func()) {
	before := s.holding[step]
	s.hold(step, s.heldBy(r))
	return func() { s.hold(step, before) }
}

func (s *shelf) heldBy(r *Reservation) []held {
	if r == nil || r.Status != Active {
		return nil
	}
	lines := make([]held, len(r.Lines))
	for i, line := range r.Lines {
		lines[i] = held{sku: line.SKU, pieces: line.Quantity}
		if row, known := s.stock[line.SKU]; known {
			lines[i].sku = row.SKU // one text for all reservations of an SKU
		}
	}
	return lines
}

func (s *shelf) hold(step string, lines []held) {
	for _, line := range s.holding[step] {
		s.reserved[line.sku] -= line.pieces
	}
	for _, line := range lines {
		s.reserved[line.sku] += line.pieces
	}
	if lines == nil {
		delete(s.holding, step)
	} else {
		s.holding[step] = lines
	}
}

// Row replaces the stock of one SKU. Keys that are no stock are ignored.
func (s *shelf) Row(key string, value []byte) error {
	sku, isStock := strings.CutPrefix(key, stockPrefix)
	if !isStock {
		return nil
	}
	delete(s.stock, sku)
	if value == nil {
		return nil
	}
	var row Stock
	if err := json.Unmarshal(value, &row); err != nil {
		return fmt.Errorf("decoding stock: %w", err)
	}
	if err := row.Validate(); err != nil {
		return fmt.Errorf("reading stock: %w", err)
	}
	if row.SKU != sku {
		return fmt.Errorf("reading stock: the row is of another sku than its key")
	}
	s.stock[sku] = row
	return nil
}

// available is how many pieces of an SKU may still be reserved; below zero if
// somebody took goods away that were reserved.
func (s *shelf) available(sku string) int64 {
	return s.stock[sku].OnHand - s.reserved[sku]
}

// reserve is Reserve on this shelf.
func (s *shelf) reserve(
	cmd protocol.ReserveInventory, at int64,
) (Reservation, protocol.ReserveInventoryOK, *protocol.Failure) {
	return Reserve(cmd, s.available, at)
}

// level answers a StockQuery.
func (s *shelf) level(q StockQuery) (StockLevel, error) {
	row, known := s.stock[q.SKU]
	if !known {
		return StockLevel{}, &protocol.Error{Code: protocol.CodeNotFound, Field: "sku", Message: "is not in stock here"}
	}
	return StockLevel{
		Type: "stock", SKU: q.SKU, OnHand: row.OnHand, Reserved: s.reserved[q.SKU], Available: s.available(q.SKU),
	}, nil
}
