// Package inventory holds goods for orders: it reserves all lines of an order or
// none, and gives them back (S0-02, D15, D16).
//
// ledger.go has the rules, shelf.go the picture of what is on hand and what is
// reserved, and this file the endpoints. All of it lives in one bucket, so that
// one compare-and-set covers a reservation with all its lines, its verdict, and
// the proof that nobody else took the goods meanwhile.
package inventory

import (
	"context"
	"fmt"

	"amends/protocol"
	"amends/worker"
)

// StockQuery asks how much there is of one SKU.
type StockQuery struct {
	SKU string `json:"sku"`
}

// Validate checks the query. The error is a *protocol.Error.
func (q StockQuery) Validate() error { return protocol.CheckID("sku", q.SKU) }

// StockLevel answers a StockQuery, in pieces. Available is OnHand less Reserved.
type StockLevel struct {
	Type      string `json:"type"` // "stock"
	SKU       string `json:"sku"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
}

// New describes the inventory service. Any number of replicas may run: none of
// them oversells, whatever the others do.
func New(cfg worker.Config) (*worker.Service, error) {
	shelf := newShelf()
	reservations := worker.NewGuardedBook(protocol.BucketInventory, "reservation.", shelf)
	return worker.New(cfg, protocol.ServiceInventory, reservations,
		worker.Act(protocol.SubjectReserve, reservations, shelf.reserve),
		worker.Undo(protocol.SubjectRelease, reservations, Release),
		worker.Query(protocol.SubjectStock, reservations, shelf.level),
	)
}

// Load puts stock on the shelves of a warehouse that does not know these SKUs
// yet, and leaves those it knows as they are. It returns how many were new.
func Load(ctx context.Context, cfg worker.Config, stock []Stock) (loaded int, err error) {
	rows := make([]worker.Row, len(stock))
	for i, s := range stock {
		if err := s.Validate(); err != nil {
			return 0, fmt.Errorf("loading stock: row %d: %w", i, err)
		}
		rows[i] = worker.Row{Key: stockPrefix + s.SKU, Value: s}
	}
	return worker.Seed(ctx, cfg, protocol.BucketInventory, rows)
}
