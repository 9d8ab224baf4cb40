package audit

import (
	"encoding/json"
	"fmt"

	"amends/protocol"
	"amends/saga"
)

// effectOf is the empty effect of an action; nil if the audit does not know it.
func effectOf(action string, step uint8) Effect {
	switch action {
	case protocol.TypeReserveInventory:
		return &Reservation{Step: step}
	case protocol.TypeChargePayment:
		return &Charge{Step: step}
	case protocol.TypeCreateShipment:
		return &Shipment{Step: step}
	}
	return nil
}

// fill completes an effect from the journal: from the command that the
// definition makes of it, and from what was kept of the answer.
func fill(asked Effect, def *saga.Definition, state *saga.State, step int) error {
	command, err := saga.CommandIn(def, state, step, saga.Do)
	if err != nil {
		return err
	}
	kept := state.Steps[step-1].Kept
	switch e := asked.(type) {
	case *Reservation:
		return e.fill(command, kept)
	case *Charge:
		return e.fill(command, kept)
	case *Shipment:
		return e.fill(command, kept)
	}
	return nil
}

func (r *Reservation) fill(command []byte, kept map[string]json.RawMessage) error {
	var c protocol.ReserveInventory
	if err := json.Unmarshal(command, &c); err != nil {
		return fmt.Errorf("reading the command: %w", err)
	}
	var held []protocol.Reservation
	if list := kept["reservations"]; list != nil {
		if err := json.Unmarshal(list, &held); err != nil {
			return fmt.Errorf("reading the reservations that were kept: %w", err)
		}
		r.IDs = printOfIDs(held)
		c.Items = reservedOf(c.Items, held)
	}
	r.Goods = GoodsOf(c.Items)
	return nil
}

// reservedOf are the lines of an order of which the answer says that they were
// reserved: all of them, unless it was reserved in part (D15).
func reservedOf(items []protocol.Line, held []protocol.Reservation) []protocol.Line {
	quantities := make(map[string]int64, len(held))
	for _, h := range held {
		quantities[h.SKU] = h.Quantity
	}
	var reserved []protocol.Line
	for _, line := range items {
		quantity, named := quantities[line.SKU]
		if !named {
			continue
		}
		if quantity > 0 {
			line.Quantity = quantity
		}
		reserved = append(reserved, line)
	}
	return reserved
}

func (c *Charge) fill(command []byte, kept map[string]json.RawMessage) (err error) {
	var asked protocol.ChargePayment
	if err := json.Unmarshal(command, &asked); err != nil {
		return fmt.Errorf("reading the command: %w", err)
	}
	c.User = PrintOf(asked.UserID)
	c.Payment, c.Transaction = printOfKept(kept["payment_id"]), printOfKept(kept["transaction_id"])
	c.Amount, err = asked.Money()
	return err
}

func (s *Shipment) fill(command []byte, kept map[string]json.RawMessage) error {
	var c protocol.CreateShipment
	if err := json.Unmarshal(command, &c); err != nil {
		return fmt.Errorf("reading the command: %w", err)
	}
	s.Goods, s.Address = GoodsOf(c.Items), PrintOf(c.Address)
	s.ID, s.Tracking = printOfKept(kept["shipment_id"]), printOfKept(kept["tracking_number"])
	return nil
}

// printOfKept is the fingerprint of a kept text; of what is no text, that of its
// JSON, which agrees with nothing.
func printOfKept(value json.RawMessage) Print {
	if value == nil {
		return 0
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		text = string(value)
	}
	return PrintOf(text)
}
