package order

import (
	"context"
	"encoding/json"
	"errors"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// entry is a row of ORDERS_VIEW.
type entry struct {
	OrderID  string       `json:"order_id"`
	PlacedAt saga.Instant `json:"placed_at"`
}

// replaces reports whether an entry takes the place of a stored one: it is of a
// later order, whose saga got the id of one that has expired.
func (e entry) replaces(stored []byte) bool {
	var before entry
	return json.Unmarshal(stored, &before) != nil || e.OrderID != before.OrderID && e.PlacedAt > before.PlacedAt
}

// enrol puts an order on the list of its customer, before its first event is
// written.
func (o *outbox) enrol(ctx context.Context, d *draft) error {
	own := entry{OrderID: d.orderID, PlacedAt: d.facts[0].At}
	row := store.Write{Key: protocol.OrderKey(d.userID, d.id)}
	// Texts and a number: this cannot fail.
	row.Value, _ = json.Marshal(own)
	for {
		_, err := o.customers.Put(ctx, row)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		there, err := o.customers.Get(ctx, row.Key)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case err == nil && !own.replaces(there.Value):
			return nil // it is there already
		}
		row.Revision = there.Revision
	}
}
