package audit

import (
	"encoding/json"
	"fmt"
	"strings"

	"amends/protocol"
)

// Stock is how much there is of one SKU, in pieces. Nothing stores what is
// reserved: it is the sum of the active reservations (I3).
type Stock struct {
	SKU      string
	Known    bool // there is a row of it
	OnHand   int64
	Reserved int64
	Holders  int // active reservations
}

// CheckStock holds one SKU to I3.
func CheckStock(s Stock) []Finding {
	evidence := fmt.Sprintf("%s %s%s: on_hand %d; %d reserved by %d active reservations",
		protocol.BucketInventory, stockPrefix, s.SKU, s.OnHand, s.Reserved, s.Holders)
	var what string
	switch {
	case s.OnHand < 0:
		what = fmt.Sprintf("%d on hand: stock is negative", s.OnHand)
	case !s.Known && s.Reserved > 0:
		what = fmt.Sprintf("%d reserved of an SKU that is not in stock", s.Reserved)
	case s.Reserved > s.OnHand:
		what = fmt.Sprintf("oversold: %d reserved of %d on hand", s.Reserved, s.OnHand)
	default:
		return nil
	}
	return []Finding{{Invariant: I3, SKU: s.SKU, What: what, Evidence: evidence}}
}

// readStock reads a value under the key stock.<sku>.
func readStock(key string, value []byte) (Stock, error) {
	var row struct {
		SKU    string `json:"sku"`
		OnHand *int64 `json:"on_hand"`
	}
	sku := strings.TrimPrefix(key, stockPrefix)
	if err := json.Unmarshal(value, &row); err != nil {
		return Stock{SKU: sku}, fmt.Errorf("decoding it: %w", err)
	}
	if row.SKU != sku || row.OnHand == nil {
		return Stock{SKU: sku}, fmt.Errorf("it is of sku %q, or says nothing of what is on hand", row.SKU)
	}
	return Stock{SKU: sku, Known: true, OnHand: *row.OnHand}, nil
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
	stock.Known, stock.OnHand = row.Known, row.OnHand
}

// hold adds what a reservation holds.
func (s shelf) hold(r *Reservation) {
	if r.State != Live {
		return
	}
	for sku, quantity := range r.Goods.Lines() {
		stock := s.of(sku)
		stock.Reserved = plus(stock.Reserved, quantity)
		stock.Holders++
	}
}
