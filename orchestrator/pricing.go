package orchestrator

import (
	"context"
	"encoding/json"
	"sync"

	"amends/protocol"
	"amends/saga"
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

// price says what an order costs under a policy, at the prices of this moment.
func (p *prices) price(policy saga.Pricing, o order) (total protocol.Money, priced bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if policy != saga.ClientPrice && len(p.products) == 0 {
		return protocol.Money{}, false, errNoPrices
	}
	return price(policy, o, func(sku string) (protocol.Money, bool) {
		price, known := p.products[sku]
		return price, known
	})
}

// price puts the total of an order beside what the client sent, by the policy of
// its definition (X8).
func (o *Orchestrator) price(policy saga.Pricing, request *protocol.StartRequest, fields map[string]json.RawMessage) error {
	if policy == saga.NoPrice {
		return nil
	}
	ordered := order{lines: request.Items}
	said, ok, err := request.Total()
	if err != nil {
		return err
	}
	if ok {
		ordered.said = &said
	}
	total, priced, err := o.prices.price(policy, ordered)
	if err != nil || !priced {
		return err
	}
	fields["amount"] = json.RawMessage(total.Decimal())
	fields["currency"] = json.RawMessage(`"` + total.Currency + `"`)
	return nil
}
