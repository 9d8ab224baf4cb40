package audit

import (
	"encoding/json"
	"fmt"

	"amends/protocol"
)

// ordered is what commands say, each of them a part of it.
type ordered struct {
	Items    []protocol.Line  `json:"items"`
	Address  string           `json:"address"`
	UserID   string           `json:"user_id"`
	Amount   protocol.Decimal `json:"amount"`
	Currency string           `json:"currency"`
}

func (o *ordered) money() (protocol.Money, error) {
	return protocol.ChargePayment{Amount: o.Amount, Currency: o.Currency}.Money()
}

// readOrdered reads a command that the definition makes.
func readOrdered(command []byte) (o ordered, err error) {
	usual := members(command, func(name, value []byte) bool {
		switch string(name) {
		case "items":
			return items(value, func(item []byte) bool {
				sku, _, quantity, ok := readLine(item)
				o.Items = append(o.Items, protocol.Line{SKU: sku, Quantity: quantity})
				return ok
			})
		case "address":
			return setText(&o.Address, value)
		case "user_id":
			return setText(&o.UserID, value)
		case "currency":
			return setText(&o.Currency, value)
		case "amount":
			return o.Amount.UnmarshalJSON(value) == nil
		}
		return true
	})
	if usual {
		return o, nil
	}
	o = ordered{}
	if err := json.Unmarshal(command, &o); err != nil {
		return o, fmt.Errorf("reading the command: %w", err)
	}
	return o, nil
}

// readReservations reads the reservations that a journal has kept.
func readReservations(list []byte) (held []protocol.Reservation, err error) {
	usual := items(list, func(item []byte) bool {
		sku, id, quantity, ok := readLine(item)
		held = append(held, protocol.Reservation{SKU: sku, ReservationID: id, Quantity: quantity})
		return ok
	})
	if usual {
		return held, nil
	}
	held = nil
	if err := json.Unmarshal(list, &held); err != nil {
		return nil, fmt.Errorf("reading the reservations that were kept: %w", err)
	}
	return held, nil
}

// readLine reads a line of an order, or a reservation of one.
func readLine(item []byte) (sku, reservationID string, quantity int64, ok bool) {
	ok = members(item, func(name, value []byte) bool {
		switch string(name) {
		case "sku":
			return setText(&sku, value)
		case "reservation_id":
			return setText(&reservationID, value)
		case "quantity":
			return setInt(&quantity, value)
		}
		return true
	})
	return sku, reservationID, quantity, ok
}
