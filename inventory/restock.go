package inventory

import (
	"context"
	"encoding/json"
	"fmt"

	"amends/protocol"
	"amends/worker"
)

const (
	// TypeRestocked is the type of the answer to a Delivery.
	TypeRestocked = "restocked"
	// restockPrefix is how the keys of deliveries begin: restock.<delivery_id>.
	restockPrefix = "restock."
	// MaxDelivered bounds the pieces of one line of a delivery, and what is on
	// hand of an SKU.
	MaxDelivered = 1_000_000_000_000
)

// Delivery brings goods into the warehouse. The same delivery again changes
// nothing, and has the same answer.
type Delivery struct {
	DeliveryID string          `json:"delivery_id"`
	Items      []protocol.Line `json:"items"`
}

// Validate checks the delivery. The error is a *protocol.Error.
func (d Delivery) Validate() error {
	if err := protocol.CheckID("delivery_id", d.DeliveryID); err != nil {
		return err
	}
	if len(d.Items) == 0 {
		return &protocol.Error{Code: protocol.CodeMissingField, Field: "items", Message: "is required"}
	}
	if len(d.Items) > protocol.MaxLines {
		return &protocol.Error{
			Code: protocol.CodeTooLarge, Field: "items", Message: fmt.Sprintf("has more than %d entries", protocol.MaxLines),
		}
	}
	seen := make(map[string]bool)
	for n, line := range d.Items {
		field := fmt.Sprintf("items[%d].", n)
		switch err := protocol.CheckID(field+"sku", line.SKU); {
		case err != nil:
			return err
		case seen[line.SKU]:
			return &protocol.Error{
				Code: protocol.CodeInvalidField, Field: field + "sku", Message: "stands in an earlier line already; send one line per sku",
			}
		case line.Quantity < 1 || line.Quantity > MaxDelivered:
			return &protocol.Error{
				Code: protocol.CodeInvalidField, Field: field + "quantity", Message: fmt.Sprintf("must be from 1 to %d", int64(MaxDelivered)),
			}
		}
		seen[line.SKU] = true
	}
	return nil
}

// Restocked answers a Delivery.
type Restocked struct {
	Type       string        `json:"type"` // TypeRestocked
	DeliveryID string        `json:"delivery_id"`
	Stock      []StockOnHand `json:"stock"`
}

// StockOnHand is how much there is of an SKU after a delivery, in pieces.
type StockOnHand struct {
	SKU    string `json:"sku"`
	OnHand int64  `json:"on_hand"`
}

// Arrival is what is kept of a delivery, under the key restock.<delivery_id>.
type Arrival struct {
	Lines []ArrivalLine `json:"lines"`
}

// ArrivalLine is what came of one SKU, in pieces, and to which count it was added
// (see Stock).
type ArrivalLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Since    int64  `json:"since"`
}

// restock takes a delivery in.
func (i *inventory) restock(ctx context.Context, d Delivery) (json.RawMessage, error) {
	reply, err := worker.Once(ctx, i.book, restockPrefix+d.DeliveryID, d, func(at int64) (worker.Deed[Arrival], error) {
		return i.shelf.restock(d, at)
	})
	if err == nil {
		i.fillSoon()
	}
	return reply, err
}

// restock puts a delivery on the shelf.
func (s *shelf) restock(d Delivery, at int64) (worker.Deed[Arrival], error) {
	deed := worker.Deed[Arrival]{}
	told := Restocked{Type: TypeRestocked, DeliveryID: d.DeliveryID}
	stock := make([]Stock, len(d.Items))
	for n, line := range d.Items {
		row := s.row(line.SKU).restocked(line.Quantity, at)
		if row.OnHand > MaxDelivered {
			return deed, &protocol.Error{
				Code: protocol.CodeInvalidField, Field: fmt.Sprintf("items[%d].quantity", n), Message: "makes more than the warehouse can count",
			}
		}
		stock[n] = row
		deed.Row.Lines = append(deed.Row.Lines, ArrivalLine{SKU: line.SKU, Quantity: line.Quantity, Since: row.Since})
		told.Stock = append(told.Stock, StockOnHand{SKU: line.SKU, OnHand: row.OnHand})
	}
	deed.Reply = told
	deed.Others, deed.Undo = s.put(stock)
	return deed, nil
}
