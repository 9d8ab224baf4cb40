package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"amends/protocol"
)

// stockPrefix is how the keys of stock begin: stock.<sku>.
const stockPrefix = "stock."

// countAge is how old a count may be before the next change begins a new one. It
// is far less than the time for which committed reservations are kept.
const countAge = 24 * time.Hour

// Stock is what lies in the warehouse of one SKU: the value under the key
// stock.<sku>. OnHand counts pieces, reserved ones included (S3-10).
//
// An operator may write a row with sku and on_hand at any time, which is a count
// by hand. The first change of such a row by the service begins a count of its
// own: from then on OnHand is Counted, plus what was restocked, less what was
// committed, in deliveries and reservations that name the same Since (I1). Such a
// count ends when the next one begins, after a day.
type Stock struct {
	SKU     string `json:"sku"`
	Name    string `json:"name,omitempty"`
	OnHand  int64  `json:"on_hand"`
	Counted int64  `json:"counted,omitempty"` // how many there were at Since
	Since   int64  `json:"since,omitempty"`   // microseconds since 1970 UTC; 0 is a count by hand
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

// countAt is the count that a change at some time belongs to.
func (s Stock) countAt(at int64) int64 {
	if s.Since == 0 || at-s.Since > countAge.Microseconds() {
		return at
	}
	return s.Since
}

// at is the row as it is before a change at some time: it may begin a new count.
func (s Stock) at(at int64) Stock {
	if count := s.countAt(at); count != s.Since {
		s.Since, s.Counted = count, s.OnHand
	}
	return s
}

// restocked is the row with more pieces.
func (s Stock) restocked(pieces, at int64) Stock {
	s = s.at(at)
	s.OnHand += pieces
	return s
}

// sold is the row without the pieces of a line that is committed.
func (s Stock) sold(line Hold, at int64) Stock {
	s = s.at(at)
	s.OnHand -= line.Quantity
	return s
}

// returned is the row with the pieces of a line that was committed. If they were
// taken from an older count, this one has them as if they had always been there.
func (s Stock) returned(line Hold, at int64) Stock {
	s = s.at(at)
	s.OnHand += line.Quantity
	if line.Since != s.Since {
		s.Counted += line.Quantity
	}
	return s
}

// readStock reads the value under the key of an SKU.
func readStock(key string, value []byte) (Stock, error) {
	var row Stock
	if err := json.Unmarshal(value, &row); err != nil {
		return Stock{}, fmt.Errorf("decoding stock: %w", err)
	}
	if err := row.Validate(); err != nil {
		return Stock{}, fmt.Errorf("reading stock: %w", err)
	}
	if row.SKU != strings.TrimPrefix(key, stockPrefix) {
		return Stock{}, fmt.Errorf("reading stock: the row is of another sku than its key")
	}
	return row, nil
}
