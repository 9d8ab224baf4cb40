package audit

import (
	"encoding/json"
	"strings"

	"amends/protocol"
	"amends/saga"
)

// effectOf is the empty effect of an action; nil if the audit does not know it,
// or if it leaves none of its own: a commit changes the reservation of another
// step.
func effectOf(action string, step uint8) Effect {
	of := Origin{Step: step}
	switch action {
	case protocol.TypeReserveInventory:
		return &Reservation{Origin: of}
	case protocol.TypeChargePayment, protocol.TypeRequestPayment, protocol.TypeCapturePayment:
		return &Charge{Origin: of}
	case protocol.TypeAuthorizePayment:
		return &Authorization{Origin: of}
	case protocol.TypeCreateShipment:
		return &Shipment{Origin: of}
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
	case *Authorization:
		return e.fill(command, kept)
	case *Shipment:
		return e.fill(command, kept)
	}
	return nil
}

func (r *Reservation) fill(command []byte, kept map[string]json.RawMessage) error {
	c, err := readOrdered(command)
	if err != nil {
		return err
	}
	if list := kept["reservations"]; list != nil {
		held, err := readReservations(list)
		if err != nil {
			return err
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
	reserved := make([]protocol.Line, 0, len(items))
	for _, line := range items {
		for _, h := range held {
			if h.SKU != line.SKU {
				continue
			}
			if h.Quantity > 0 {
				line.Quantity = h.Quantity
			}
			reserved = append(reserved, line)
			break
		}
	}
	return reserved
}

// fill reads any of the commands that take money: they have the same fields.
func (c *Charge) fill(command []byte, kept map[string]json.RawMessage) error {
	asked, err := readOrdered(command)
	if err != nil {
		return err
	}
	c.Payment, c.Transaction = printOfKept(kept["payment_id"]), printOfKept(kept["transaction_id"])
	if asked.UserID != "" {
		c.User = PrintOf(asked.UserID)
	}
	if asked.Amount != "" { // a capture without one takes all there is
		c.Amount, err = asked.money()
	}
	return err
}

func (a *Authorization) fill(command []byte, kept map[string]json.RawMessage) error {
	asked, err := readOrdered(command)
	if err != nil {
		return err
	}
	a.User, a.ID = PrintOf(asked.UserID), printOfKept(kept["authorization_id"])
	a.Amount, err = asked.money()
	return err
}

func (s *Shipment) fill(command []byte, kept map[string]json.RawMessage) error {
	c, err := readOrdered(command)
	if err != nil {
		return err
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
	if plain, ok := text(value); ok {
		return PrintOf(string(plain))
	}
	var decoded string
	if err := json.Unmarshal(value, &decoded); err != nil {
		decoded = string(value)
	}
	return PrintOf(decoded)
}

// complete lets steps learn from each other what their own commands do not say:
// a capture takes what an authorization of the saga has set aside, and a commit
// sells what another step holds.
func complete(steps []Step, def *saga.Definition, state *saga.State) {
	for i := range steps {
		action := &def.Step(i + 1).Action
		switch {
		case action.Type == protocol.TypeCapturePayment:
			host := hostOf(steps, def, action, "authorization_id")
			capture, _ := steps[i].Asked.(*Charge)
			if a, ok := host.(*Authorization); ok && capture != nil {
				capture.User = a.User
				if capture.Amount.Currency == "" {
					capture.Amount = a.left(steps[:i])
				}
			}
		case action.Type == protocol.TypeCommitReservation && state.Steps[i].Status == saga.StepCompleted && !steps[i].ByHand:
			if r, ok := hostOf(steps, def, action, "reservations").(*Reservation); ok {
				r.End = Sold
			}
		}
	}
}

// hostOf is the effect of the step from whose answer an action takes a field; nil
// if there is none.
func hostOf(steps []Step, def *saga.Definition, action *saga.Operation, field string) Effect {
	for _, f := range action.Send {
		name, _, _ := strings.Cut(f.From, ".")
		for i := range steps {
			if f.Name == field && def.Step(i+1).Name == name {
				return steps[i].Asked
			}
		}
	}
	return nil
}

// left is what the captures before have left of an authorization.
func (a *Authorization) left(before []Step) protocol.Money {
	left := a.Amount
	for i := range before {
		if c, ok := before[i].Asked.(*Charge); ok && c.User == a.User && before[i].Status == saga.StepCompleted {
			left.Minor -= c.Amount.Minor
		}
	}
	return left
}
