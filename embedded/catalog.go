package embedded

import (
	"context"
	_ "embed"
	"fmt"

	"amends/inventory"
	"amends/protocol"
	"amends/worker"

	"github.com/goccy/go-yaml"
)

//go:embed catalog.yaml
var developmentCatalog []byte

// product is one row of the development catalogue.
type product struct {
	SKU      string           `yaml:"sku"`
	Name     string           `yaml:"name"`
	Price    protocol.Decimal `yaml:"price"`
	Currency string           `yaml:"currency"`
	OnHand   int64            `yaml:"on_hand"`
}

// loadCatalog puts the development catalogue into stores that do not know its
// products yet: prices for the orchestrator, stock for the inventory.
func loadCatalog(ctx context.Context, kit worker.Config) error {
	var products []product
	if err := yaml.UnmarshalWithOptions(developmentCatalog, &products, yaml.Strict()); err != nil {
		return fmt.Errorf("reading the development catalogue: %w", err)
	}
	prices := make([]worker.Row, len(products))
	stock := make([]inventory.Stock, len(products))
	for n, p := range products {
		row := protocol.Product{SKU: p.SKU, Name: p.Name, Price: p.Price, Currency: p.Currency}
		if err := row.Validate(); err != nil {
			return fmt.Errorf("reading the development catalogue: %w", err)
		}
		prices[n] = worker.Row{Key: p.SKU, Value: row}
		stock[n] = inventory.Stock{SKU: p.SKU, OnHand: p.OnHand}
	}
	if _, err := worker.Seed(ctx, kit, protocol.BucketCatalog, prices); err != nil {
		return fmt.Errorf("loading prices: %w", err)
	}
	if _, err := inventory.Load(ctx, kit, stock); err != nil {
		return fmt.Errorf("loading stock: %w", err)
	}
	return nil
}
