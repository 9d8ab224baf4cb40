package audit

import (
	"encoding/json"

	"amends/protocol"
)

// quick is a row that can be read without decoding all of it; ok is false if it is
// not as usual.
type quick interface {
	read(value []byte) (ok bool)
}

// readRowOf decodes a row.
func readRowOf(row any, value []byte) bool {
	if q, can := row.(quick); can && q.read(value) {
		return true
	}
	return json.Unmarshal(value, row) == nil
}

func (r *reservationRow) read(value []byte) bool {
	r.Lines = r.Lines[:0]
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "status":
			return setText(&r.Status, value)
		case "lines":
			return items(value, func(item []byte) bool {
				var line holdRow
				ok := line.read(item)
				r.Lines = append(r.Lines, line)
				return ok
			})
		}
		return true
	})
}

func (h *holdRow) read(value []byte) bool {
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "sku":
			return setText(&h.SKU, value)
		case "quantity":
			return setInt(&h.Quantity, value)
		case "backordered":
			return setInt(&h.Backordered, value)
		case "reservation_id":
			return setText(&h.ReservationID, value)
		case "since":
			return setInt(&h.Since, value)
		}
		return true
	})
}

// read gives up on an authorization, and on what went back in parts.
func (row *paymentRow) read(value []byte) bool {
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "user_id":
			return setText(&row.UserID, value)
		case "currency":
			return setText(&row.Currency, value)
		case "payment_id":
			return setText(&row.PaymentID, value)
		case "transaction_id":
			return setText(&row.TransactionID, value)
		case "amount":
			return row.Amount.UnmarshalJSON(value) == nil
		case "status":
			return setText(&row.Status, value)
		case "captured_at":
			return true
		case "refund":
			row.Refund = &refundRow{}
			return row.Refund.read(value)
		}
		return false
	})
}

func (r *refundRow) read(value []byte) bool {
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "amount":
			return r.Amount.UnmarshalJSON(value) == nil
		case "refunded_at":
			return setInt(&r.RefundedAt, value)
		}
		return true
	})
}

func (r *shipmentRow) read(value []byte) bool {
	r.Items = r.Items[:0]
	return members(value, func(name, value []byte) bool {
		switch string(name) {
		case "shipment_id":
			return setText(&r.ShipmentID, value)
		case "tracking_number":
			return setText(&r.TrackingNumber, value)
		case "address":
			return setText(&r.Address, value)
		case "status":
			return setText(&r.Status, value)
		case "items":
			return items(value, func(item []byte) bool {
				sku, _, quantity, ok := readLine(item)
				r.Items = append(r.Items, protocol.Line{SKU: sku, Quantity: quantity})
				return ok
			})
		}
		return true
	})
}
