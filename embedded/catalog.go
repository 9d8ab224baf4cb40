package embedded

import (
	"context"
	_ "embed"
	"fmt"

	"amends/catalog"
	"amends/inventory"
	"amends/protocol"
	"amends/worker"
)

//go:embed catalog.yaml
var developmentCatalog []byte

// loadCatalog puts the development catalogue into stores that do not know its
// products yet: prices for the orchestrator, stock for the inventory. Unlike an
// import, it changes nothing that is there.
func loadCatalog(ctx context.Context, kit worker.Config) error {
	if err := loadPrices(ctx, kit); err != nil {
		return err
	}
	products, err := developmentProducts()
	if err != nil {
		return err
	}
	var stock []inventory.Stock
	for _, p := range products {
		if p.OnHand != nil {
			stock = append(stock, inventory.Stock{SKU: p.SKU, Name: p.Name, OnHand: *p.OnHand})
		}
	}
	if _, err := inventory.Load(ctx, kit, stock); err != nil {
		return fmt.Errorf("loading stock: %w", err)
	}
	return nil
}

// loadPrices puts only the prices of the development catalogue into a price list
// that does not know its products yet.
func loadPrices(ctx context.Context, kit worker.Config) error {
	products, err := developmentProducts()
	if err != nil {
		return err
	}
	prices := make([]worker.Row, len(products))
	for n, p := range products {
		prices[n] = worker.Row{Key: p.SKU, Value: p.Product}
	}
	if _, err := worker.Seed(ctx, kit, protocol.BucketCatalog, prices); err != nil {
		return fmt.Errorf("loading prices: %w", err)
	}
	return nil
}

func developmentProducts() ([]catalog.Product, error) {
	products, err := catalog.Parse("catalog.yaml", developmentCatalog)
	if err != nil {
		return nil, fmt.Errorf("reading the development catalogue: %w", err)
	}
	return products, nil
}
