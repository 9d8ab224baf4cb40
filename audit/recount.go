package audit

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"amends/protocol"
	"amends/store"
)

// judgeStock counts the SKUs again of which too much seems to be reserved, or
// whose row is not readable.
func (a *auditor) judgeStock(ctx context.Context) error {
	for sku, stock := range a.shelf {
		if len(CheckStock(*stock)) > 0 {
			a.doubts[sku] = true
		}
	}
	if len(a.doubts) == 0 {
		return nil
	}
	for range maxSnapshots {
		findings, steady, err := a.recount(ctx)
		if err != nil {
			return fmt.Errorf("counting the stock again: %w", err)
		}
		if steady {
			a.tally.find(findings...)
			return nil
		}
	}
	a.tally.note("the stock in bucket " + protocol.BucketInventory + " changed all the time and could not be judged")
	return nil
}

// recount counts the SKUs in doubt as they were at one moment: a moment at which
// their rows stood still, and all the reservations that are counted were active.
// A reservation is active once, and a row that has not changed since that moment
// was the same then.
func (a *auditor) recount(ctx context.Context) (findings []Finding, steady bool, err error) {
	before, err := a.stockRows(ctx)
	if err != nil {
		return nil, false, err
	}
	moment, err := a.src.again(ctx, protocol.BucketInventory)
	if err != nil {
		return nil, false, err
	}
	counted, err := a.holders(ctx, moment)
	if err != nil {
		return nil, false, err
	}
	after, err := a.stockRows(ctx)
	if err != nil {
		return nil, false, err
	}
	for sku := range a.doubts {
		if before[sku].Revision != after[sku].Revision {
			return nil, false, nil
		}
		findings = append(findings, findStock(sku, before[sku], counted)...)
	}
	return findings, true, nil
}

// stockRows reads the rows of the SKUs in doubt.
func (a *auditor) stockRows(ctx context.Context) (map[string]store.Entry, error) {
	rows := make(map[string]store.Entry, len(a.doubts))
	for sku := range a.doubts {
		entry, err := a.src.stores[protocol.BucketInventory].get(ctx, stockPrefix+sku)
		if err != nil {
			return nil, err
		}
		rows[sku] = entry
	}
	return rows, nil
}

// holders counts what is reserved of the SKUs in doubt: by reservations that
// were active at the moment up to which the bucket is opened, and still are.
func (a *auditor) holders(ctx context.Context, moment *bucket) (shelf, error) {
	var keys []string
	err := moment.scan(ctx, func(f store.Followed) func() {
		holds := a.holdsDoubt(f.Key, f.Value) != nil
		return func() {
			if holds {
				keys = append(keys, f.Key)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	counted := shelf{}
	var mu sync.Mutex
	err = each(ctx, keys, func(ctx context.Context, key string) error {
		entry, err := moment.get(ctx, key)
		if r := a.holdsDoubt(key, entry.Value); r != nil && entry.Revision <= moment.last {
			mu.Lock()
			defer mu.Unlock()
			counted.hold(r)
		}
		return err
	})
	return counted, err
}

// holdsDoubt reads a value as a reservation that holds an SKU in doubt; nil if
// it is none.
func (a *auditor) holdsDoubt(key string, value []byte) *Reservation {
	if !strings.HasPrefix(key, reservationPrefix) {
		return nil
	}
	_, e := ReadEffect(protocol.BucketInventory, key, value)
	r, ok := e.(*Reservation)
	if !ok || r.State != Live {
		return nil
	}
	for sku := range r.Goods.Lines() {
		if a.doubts[sku] {
			return r
		}
	}
	return nil
}

// findStock judges one SKU by its row and by what is reserved.
func findStock(sku string, row store.Entry, counted shelf) []Finding {
	stock := *counted.of(sku)
	if row.Revision == 0 {
		return CheckStock(stock)
	}
	read, err := readStock(stockPrefix+sku, row.Value)
	if err != nil {
		return []Finding{{
			Invariant: Row, SKU: sku, What: "the value makes no sense: " + err.Error(),
			Evidence: protocol.BucketInventory + " " + stockPrefix + sku,
		}}
	}
	stock.Known, stock.OnHand = true, read.OnHand
	return CheckStock(stock)
}
