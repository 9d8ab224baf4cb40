package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TypeCatalog is the type of a List.
const TypeCatalog = "catalog"

// List is the price list as it stands, by SKU.
type List struct {
	Type     string             `json:"type"` // TypeCatalog
	Products []protocol.Product `json:"products"`
	// Unusable are the keys of rows that are no products. Whatever they should be
	// has no price.
	Unusable []string `json:"unusable,omitempty"`
}

// stored is what stands under one key of the bucket.
type stored struct {
	revision uint64 // of the row, or of the mark that a deletion has left
	deleted  bool
	product  *protocol.Product // nil if it was deleted or is unusable
}

// Catalog is the price list in its bucket.
type Catalog struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	writer   *store.Writer
	replicas int
}

// Open makes the price list ready for reading and writing. The connection must
// have no reconnect buffer. Replicas is how many copies of the bucket are kept, if
// there is none yet; 0 is 1.
func Open(nc *nats.Conn, replicas int) (*Catalog, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("opening the catalogue: %w", err)
	}
	writer, err := store.NewWriter(nc, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the catalogue: %w", err)
	}
	return &Catalog{conn: nc, js: js, writer: writer, replicas: replicas}, nil
}

// Close lets go of the price list, not of the connection.
func (c *Catalog) Close() error { return c.writer.Close() }

// Read lists the price list. There may be no bucket yet: then it is empty.
func (c *Catalog) Read(ctx context.Context) (List, error) {
	rows, err := c.rows(ctx)
	list := List{Type: TypeCatalog, Products: []protocol.Product{}}
	for key, row := range rows {
		switch {
		case row.deleted:
		case row.product == nil:
			list.Unusable = append(list.Unusable, key)
		default:
			list.Products = append(list.Products, *row.product)
		}
	}
	slices.SortFunc(list.Products, func(a, b protocol.Product) int { return cmp.Compare(a.SKU, b.SKU) })
	slices.Sort(list.Unusable)
	return list, err
}

// rows returns what stands in the bucket, by key. It does not make a bucket.
func (c *Catalog) rows(ctx context.Context) (map[string]stored, error) {
	rows := make(map[string]stored)
	_, err := c.js.Stream(ctx, protocol.BucketStream(protocol.BucketCatalog))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return rows, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	bucket, err := c.bucket(ctx)
	if err != nil {
		return nil, err
	}
	err = bucket.Scan(ctx, ">", false, func(f store.Followed) {
		rows[f.Key] = stored{revision: f.Revision, deleted: f.Deleted, product: productOf(f.Entry)}
	})
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	return rows, nil
}

// bucket binds the bucket, which is made if there is none.
func (c *Catalog) bucket(ctx context.Context) (*store.Bucket, error) {
	return store.Open(ctx, c.writer, store.Config{Name: protocol.BucketCatalog, Replicas: c.replicas})
}

// productOf is the product in a row; nil if it is none.
func productOf(e store.Entry) *protocol.Product {
	var p protocol.Product
	if json.Unmarshal(e.Value, &p) != nil || p.Validate() != nil || p.SKU != e.Key {
		return nil
	}
	return &p
}
