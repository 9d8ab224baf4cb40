package audit

import (
	"encoding/json"
	"fmt"
	"strings"

	"amends/protocol"
)

// Stock is how much there is of one SKU, in pieces. Nothing stores what is
// reserved: it is the sum of the active reservations (I1).
//
// Counts of the inventory itself have a name (Since): in such a one, what is on
// hand is what was counted, plus what came, less what was committed, in deliveries
// and reservations of that name. A count by hand has none.
type Stock struct {
	SKU      string
	Known    bool // there is a row of it
	OnHand   int64
	Reserved int64
	Holders  int // active reservations

	Since, Counted int64
	// Forgotten says that the count is so old that what was committed in it may be
	// forgotten: then it proves nothing.
	Forgotten bool
	Moved     map[int64]int64 // pieces that came less those that were committed, by count
}

// CheckStock holds one SKU to I1.
func CheckStock(s Stock) []Finding {
	evidence := fmt.Sprintf("%s %s%s: on_hand %d; %d reserved by %d active reservations",
		protocol.BucketInventory, stockPrefix, s.SKU, s.OnHand, s.Reserved, s.Holders)
	balance := plus(s.Counted, s.Moved[s.Since])
	var what string
	switch {
	case s.OnHand < 0:
		what = fmt.Sprintf("%d on hand: stock is negative", s.OnHand)
	case !s.Known && s.Reserved > 0:
		what = fmt.Sprintf("%d reserved of an SKU that is not in stock", s.Reserved)
	case s.Reserved > s.OnHand:
		what = fmt.Sprintf("oversold: %d reserved of %d on hand", s.Reserved, s.OnHand)
	case s.Since != 0 && !s.Forgotten && balance != s.OnHand:
		what = fmt.Sprintf("%d on hand, but %d were counted, and deliveries less commits make %d", s.OnHand, s.Counted, s.Moved[s.Since])
	default:
		return nil
	}
	return []Finding{{Invariant: I1, SKU: s.SKU, What: what, Evidence: evidence}}
}

// readStock reads a value under the key stock.<sku>.
func readStock(key string, value []byte) (Stock, error) {
	var row struct {
		SKU     string `json:"sku"`
		OnHand  *int64 `json:"on_hand"`
		Counted int64  `json:"counted"`
		Since   int64  `json:"since"`
	}
	sku := strings.TrimPrefix(key, stockPrefix)
	if err := json.Unmarshal(value, &row); err != nil {
		return Stock{SKU: sku}, fmt.Errorf("decoding it: %w", err)
	}
	if row.SKU != sku || row.OnHand == nil {
		return Stock{SKU: sku}, fmt.Errorf("it is of sku %q, or says nothing of what is on hand", row.SKU)
	}
	return Stock{SKU: sku, Known: true, OnHand: *row.OnHand, Counted: row.Counted, Since: row.Since}, nil
}

// readDelivery reads a value under the key restock.<delivery_id>.
func readDelivery(value []byte) ([]Taken, error) {
	var delivery struct {
		Row struct {
			Lines []struct {
				SKU      string `json:"sku"`
				Quantity int64  `json:"quantity"`
				Since    int64  `json:"since"`
			} `json:"lines"`
		} `json:"row"`
	}
	if err := json.Unmarshal(value, &delivery); err != nil {
		return nil, fmt.Errorf("decoding it: %w", err)
	}
	came := make([]Taken, len(delivery.Row.Lines))
	for i, line := range delivery.Row.Lines {
		came[i] = Taken{SKU: line.SKU, Pieces: -line.Quantity, Since: line.Since}
	}
	return came, nil
}

// shelf sums up the stock of all SKUs.
type shelf map[string]*Stock

func (s shelf) of(sku string) *Stock {
	stock := s[sku]
	if stock == nil {
		stock = &Stock{SKU: strings.Clone(sku)}
		s[stock.SKU] = stock
	}
	return stock
}

func (s shelf) put(row Stock) {
	stock := s.of(row.SKU)
	stock.Known, stock.OnHand, stock.Counted, stock.Since = row.Known, row.OnHand, row.Counted, row.Since
}

// move adds what a reservation holds, or has taken.
func (s shelf) move(m *Moves) {
	s.take(m.Taken)
	for sku, quantity := range m.Held.Lines() {
		stock := s.of(sku)
		stock.Reserved = plus(stock.Reserved, quantity)
		stock.Holders++
	}
}

// take takes pieces out of their counts; fewer than none are a delivery.
func (s shelf) take(taken []Taken) {
	for _, t := range taken {
		stock := s.of(t.SKU)
		if stock.Moved == nil {
			stock.Moved = make(map[int64]int64, 1)
		}
		stock.Moved[t.Since] = plus(stock.Moved[t.Since], -t.Pieces)
	}
}
