package audit

import (
	"context"
	"fmt"
	"slices"
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
	moment := bucketOf(inventoryStream, protocol.BucketInventory)
	if err := a.src.open(ctx, moment); err != nil {
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
		entry, err := a.src.get(ctx, a.src.stores[protocol.BucketInventory], stockPrefix+sku)
		if err != nil {
			return nil, err
		}
		rows[sku] = entry
	}
	return rows, nil
}

// holders counts what is reserved of the SKUs in doubt, by reservations that were
// active at the moment up to which the bucket is opened, and still are; and what
// has come and was taken, which does not change any more without their rows.
func (a *auditor) holders(ctx context.Context, moment *stream) (shelf, error) {
	counted := shelf{}
	var mu sync.Mutex
	var keys []string
	err := moment.scan(ctx, a.src.js, 0, false, func(m *message) {
		r := a.doubtful(m.key, m.value)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.deleted, r == nil:
		case r.holds():
			keys = append(keys, m.key)
		default:
			counted.take(r.Moves.Taken)
		}
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, slices.Values(keys), func(ctx context.Context, key string) error {
		entry, err := a.src.get(ctx, moment, key)
		if r := a.doubtful(key, entry.Value); r != nil && r.holds() && entry.Revision <= moment.last {
			mu.Lock()
			defer mu.Unlock()
			counted.move(r.Moves)
		}
		return err
	})
	return counted, err
}

// doubtful reads a value as a reservation that has to do with an SKU in doubt; nil
// if it is none. A delivery is one that has taken less than nothing.
func (a *auditor) doubtful(key string, value []byte) *Reservation {
	if strings.HasPrefix(key, deliveryPrefix) {
		came, err := readDelivery(value)
		if err != nil {
			return nil // reported when it was read first
		}
		return &Reservation{End: Sold, Moves: &Moves{Taken: came}}
	}
	if !strings.HasPrefix(key, reservationPrefix) {
		return nil
	}
	_, effects := ReadEffects(protocol.BucketInventory, key, value)
	if len(effects) != 1 {
		return nil
	}
	r, ok := effects[0].(*Reservation)
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
			Invariant: I1, SKU: sku, What: "the value makes no sense: " + err.Error(),
			Evidence: protocol.BucketInventory + " " + stockPrefix + sku,
		}}
	}
	stock.Known, stock.OnHand, stock.Counted, stock.Since = true, read.OnHand, read.Counted, read.Since
	return CheckStock(stock)
}
