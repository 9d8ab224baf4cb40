package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"amends/inventory"
	"amends/protocol"
	"amends/store"
	"amends/worker"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// hands is how many rows are written at once.
	hands = 32
	// maxTries bounds how often one row is written anew because somebody else
	// writes it, too.
	maxTries = 16
)

// Options say how a file is imported.
type Options struct {
	DryRun bool // finds out what would change, and changes nothing
	Prune  bool // removes the products that the file does not hold
}

// Change is what an import does to one product.
type Change struct {
	SKU    string            `json:"sku"`
	Before *protocol.Product `json:"before,omitempty"` // absent if there was none, or none that was usable
	After  *protocol.Product `json:"after,omitempty"`  // absent if it is removed
}

// Report is what an import has done, or would do. Lists are in the order of SKUs.
type Report struct {
	Type      string   `json:"type"` // TypeImport
	DryRun    bool     `json:"dry_run"`
	Added     []Change `json:"added"`
	Changed   []Change `json:"changed"`
	Removed   []Change `json:"removed"`
	Unchanged int      `json:"unchanged"`
	// Seeded counts the products of which the inventory knew nothing and has stock
	// now, Kept those of which it keeps what it has. Under DryRun both are 0.
	Seeded int `json:"stock_seeded"`
	Kept   int `json:"stock_kept"`
	// Stocked counts the products whose stock the file tells.
	Stocked int `json:"stock_told"`
}

// TypeImport is the type of a Report.
const TypeImport = "catalog_import"

// plan is what has to be done so that the price list is what a file says.
type plan struct {
	Report
	writes  []Change // Added and Changed
	current map[string]stored
}

// planOf compares a file with what stands in the bucket. It writes nothing.
func planOf(products []Product, current map[string]stored, o Options) plan {
	p := plan{current: current, Report: Report{
		Type: TypeImport, DryRun: o.DryRun, Added: []Change{}, Changed: []Change{}, Removed: []Change{},
	}}
	wanted := make(map[string]bool, len(products))
	for _, product := range products {
		wanted[product.SKU] = true
		if product.OnHand != nil {
			p.Stocked++
		}
		p.compare(product.Product)
	}
	for key, row := range current {
		if o.Prune && !wanted[key] && !row.deleted {
			p.Removed = append(p.Removed, Change{SKU: key, Before: row.product})
		}
	}
	for _, list := range [][]Change{p.Added, p.Changed, p.Removed} {
		slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.SKU, b.SKU) })
	}
	p.writes = slices.Concat(p.Added, p.Changed)
	return p
}

func (p *plan) compare(wanted protocol.Product) {
	row, there := p.current[wanted.SKU]
	switch {
	case !there, row.deleted:
		p.Added = append(p.Added, Change{SKU: wanted.SKU, After: &wanted})
	case same(row.product, &wanted):
		p.Unchanged++
	default:
		p.Changed = append(p.Changed, Change{SKU: wanted.SKU, Before: row.product, After: &wanted})
	}
}

// same tells whether two products are one: 100 is 100.00.
func same(a, b *protocol.Product) bool {
	if a == nil || b == nil {
		return a == b
	}
	before, err := a.Money()
	after, alsoErr := b.Money()
	return err == nil && alsoErr == nil && before == after && a.SKU == b.SKU && a.Name == b.Name
}

// Import brings the price list in line with a file, and gives stock to products of
// which the inventory knows nothing. Each product is written by itself: after an
// error some are, and another import does the rest. A price counts for the
// checkouts that come in after it.
func (c *Catalog) Import(ctx context.Context, products []Product, o Options) (Report, error) {
	current, err := c.rows(ctx)
	if err != nil {
		return Report{}, err
	}
	p := planOf(products, current, o)
	if o.DryRun {
		return p.Report, nil
	}
	if err := c.write(ctx, p); err != nil {
		return p.Report, err
	}
	return c.stock(ctx, products, p.Report)
}

// write carries out a plan.
func (c *Catalog) write(ctx context.Context, p plan) error {
	if len(p.writes)+len(p.Removed) == 0 {
		return nil
	}
	bucket, err := c.bucket(ctx)
	if err != nil {
		return err
	}
	err = each(ctx, p.writes, func(change Change) error {
		return put(ctx, bucket, *change.After, p.current[change.SKU].revision)
	})
	if err != nil || len(p.Removed) == 0 {
		return err
	}
	kv, err := c.js.KeyValue(ctx, protocol.BucketCatalog)
	if err != nil {
		return fmt.Errorf("removing products: %w", err)
	}
	return each(ctx, p.Removed, func(change Change) error { return remove(ctx, kv, change.SKU) })
}

// put writes a product over whatever stands there: the file has the word.
func put(ctx context.Context, bucket *store.Bucket, product protocol.Product, revision uint64) error {
	value, err := json.Marshal(product)
	if err != nil {
		return fmt.Errorf("encoding product %s: %w", product.SKU, err)
	}
	for range maxTries {
		_, err = bucket.Put(ctx, store.Write{Key: product.SKU, Value: value, Revision: revision})
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrUnknown) {
			break
		}
		there, readErr := bucket.Get(ctx, product.SKU)
		if readErr != nil && !errors.Is(readErr, store.ErrNotFound) {
			err = readErr
			break
		}
		if readErr == nil && same(productOf(there), &product) {
			return nil
		}
		revision = there.Revision
	}
	if err != nil {
		return fmt.Errorf("writing product %s: %w", product.SKU, err)
	}
	return nil
}

func remove(ctx context.Context, kv jetstream.KeyValue, sku string) error {
	if err := kv.Delete(ctx, sku); err != nil {
		return fmt.Errorf("removing product %s: %w", sku, err)
	}
	return nil
}

// each does something to all changes, some at once. After an error it begins
// nothing new; the first one is returned, with how far it came.
func each(ctx context.Context, changes []Change, do func(Change) error) error {
	var mu sync.Mutex
	var first error
	next, done := 0, 0
	take := func() (Change, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(changes) || first != nil || ctx.Err() != nil {
			return Change{}, false
		}
		next++
		return changes[next-1], true
	}
	var all sync.WaitGroup
	for range min(hands, len(changes)) {
		all.Go(func() {
			for change, more := take(); more; change, more = take() {
				err := do(change)
				mu.Lock()
				switch {
				case err == nil:
					done++
				case first == nil:
					first = err
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if first == nil && done < len(changes) {
		first = ctx.Err()
	}
	if first != nil {
		return fmt.Errorf("%d of %d are done; import it again: %w", done, len(changes), first)
	}
	return nil
}

// stock gives the inventory what the file says is there, where it has no row yet:
// an import never changes what has been counted, reserved or sold.
func (c *Catalog) stock(ctx context.Context, products []Product, r Report) (Report, error) {
	var rows []inventory.Stock
	for _, p := range products {
		if p.OnHand != nil {
			rows = append(rows, inventory.Stock{SKU: p.SKU, Name: p.Name, OnHand: *p.OnHand})
		}
	}
	if len(rows) == 0 {
		return r, nil
	}
	kit := worker.Config{Conn: c.conn, Writer: c.writer, Replicas: c.replicas}
	seeded, err := inventory.Load(ctx, kit, rows)
	r.Seeded, r.Kept = seeded, len(rows)-seeded
	if err != nil {
		return r, fmt.Errorf("the prices are imported, the stock is not; import it again: %w", err)
	}
	return r, nil
}
