package orchestrator

import (
	"context"
	"encoding/json"
	"sync"

	"amends/protocol"
	"amends/store"

	"github.com/rs/zerolog"
)

// prices is the price list in memory. It follows the bucket CATALOG, so a new
// price counts for the sagas that start after it.
type prices struct {
	log zerolog.Logger

	mu       sync.RWMutex
	products map[string]protocol.Money
}

// follow keeps the list current until ctx ends; ready is called once it holds
// everything that was in the bucket.
func (p *prices) follow(ctx context.Context, catalog *store.Bucket, ready func()) error {
	return catalog.Follow(ctx, ">", false, p.see, ready)
}

func (p *prices) see(f store.Followed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Deleted {
		delete(p.products, f.Key)
		return
	}
	var product protocol.Product
	err := json.Unmarshal(f.Value, &product)
	if err == nil {
		err = product.Validate()
	}
	var price protocol.Money
	if err == nil {
		price, err = product.Money()
	}
	if err != nil {
		p.log.Error().Err(err).Str("sku", f.Key).Msg("a row of the catalogue is not usable; the product has no price")
		delete(p.products, f.Key)
		return
	}
	p.products[f.Key] = price
}

// errNoPrices refuses a start as long as there is no price list at all: then the
// part that loads it has not come up yet.
var errNoPrices = &protocol.Error{Code: protocol.CodeUnavailable, Message: "there is no price list yet; try again with the same saga_id"}

// total prices the lines of an order. ok is false if a product has no price:
// then the inventory, which will not know it either, has the word.
func (p *prices) total(lines []protocol.Line) (sum protocol.Money, ok bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.products) == 0 {
		return protocol.Money{}, false, errNoPrices
	}
	for n, line := range lines {
		price, known := p.products[line.SKU]
		if !known {
			return protocol.Money{}, false, nil
		}
		cost, err := price.Times(line.Quantity)
		if err == nil && n > 0 {
			cost, err = sum.Add(cost)
		}
		if err != nil {
			return protocol.Money{}, false, err
		}
		sum = cost
	}
	return sum, true, nil
}
