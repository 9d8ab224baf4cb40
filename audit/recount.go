package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"
)

// recountFor bounds how long SKUs are counted again that move all the time.
const recountFor = 5 * time.Second

// judgeStock counts the SKUs again of which too much seems to be reserved, or
// whose row is not readable, or was written anew while it was read. Each is judged
// by itself: one that moves all the time hides no other.
func (a *auditor) judgeStock(ctx context.Context) error {
	for sku, stock := range a.shelf {
		if len(CheckStock(*stock)) > 0 || !stock.Known && len(stock.Moved) > 0 {
			a.doubts[sku] = true
		}
	}
	begin := time.Now()
	for round := 0; len(a.doubts) > 0; round++ {
		if round == maxSnapshots || round > 0 && time.Since(begin) > recountFor {
			a.tally.leaveStock(a.doubts)
			return nil
		}
		if err := a.recount(ctx); err != nil {
			return fmt.Errorf("counting the stock again: %w", err)
		}
	}
	return nil
}

// recount counts the SKUs in doubt as they were at one moment: a moment at which
// their rows stood still, and all the reservations that are counted were active.
// A reservation is active once, and a row that has not changed since that moment
// was the same then. Those whose rows have changed stay in doubt.
func (a *auditor) recount(ctx context.Context) error {
	before, err := a.stockRows(ctx)
	if err != nil {
		return err
	}
	moment := bucketOf(inventoryStream, protocol.BucketInventory)
	if err := a.src.open(ctx, moment); err != nil {
		return err
	}
	counted, err := a.holders(ctx, moment)
	if err != nil {
		return err
	}
	after, err := a.stockRows(ctx)
	if err != nil {
		return err
	}
	for sku, row := range before {
		if row.Revision == after[sku].Revision {
			a.tally.find(a.findStock(sku, row, counted)...)
			delete(a.doubts, sku)
		}
	}
	return nil
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
func (a *auditor) findStock(sku string, row store.Entry, counted shelf) []Finding {
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
	stock.Forgotten = a.isExpired(time.UnixMicro(read.Since))
	return CheckStock(stock)
}
