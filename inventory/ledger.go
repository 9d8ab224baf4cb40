package inventory

import (
	"strconv"

	"amends/protocol"
)

// Status is the state of a reservation.
type Status string

// The statuses. Only an active reservation holds goods.
const (
	Active   Status = "active"
	Released Status = "released"
)

// Reasons for which a command is declined, as they stand in Failure.Error.
const (
	ReasonOutOfStock          = "out_of_stock"
	ReasonReservationMismatch = "reservation_mismatch"
)

// Reservation is the hold on all goods of one order: all of its lines or none
// (D15). Times are microseconds since 1970 UTC.
type Reservation struct {
	Status     Status `json:"status"`
	Lines      []Hold `json:"lines"`
	ReservedAt int64  `json:"reserved_at"`
	ReleasedAt int64  `json:"released_at,omitempty"`
}

// Hold is the hold on one SKU, in pieces.
type Hold struct {
	SKU           string `json:"sku"`
	Quantity      int64  `json:"quantity"`
	ReservationID string `json:"reservation_id"`
}

// Reserve holds every line of an order, or declines and names each SKU of which
// there is not enough (S0-08, D15). available tells how many pieces of an SKU
// may still be reserved; of an unknown one there are none.
func Reserve(
	cmd protocol.ReserveInventory, available func(sku string) int64, at int64,
) (Reservation, protocol.ReserveInventoryOK, *protocol.Failure) {
	reservation := Reservation{Status: Active, ReservedAt: at, Lines: make([]Hold, len(cmd.Items))}
	ok := protocol.ReserveInventoryOK{Reservations: make([]protocol.Reservation, len(cmd.Items))}
	var short []string
	for i, line := range cmd.Items {
		if available(line.SKU) < line.Quantity {
			short = append(short, line.SKU)
			continue
		}
		id := reservationID(cmd.Command, i)
		reservation.Lines[i] = Hold{SKU: line.SKU, Quantity: line.Quantity, ReservationID: id}
		ok.Reservations[i] = protocol.Reservation{SKU: line.SKU, ReservationID: id}
	}
	if short != nil {
		return Reservation{}, protocol.ReserveInventoryOK{}, &protocol.Failure{Error: ReasonOutOfStock, Unavailable: short}
	}
	return reservation, ok, nil
}

// Release gives the goods back (S0-15). A command that names reservations must
// name those of this saga and step.
func Release(cmd protocol.ReleaseReservation, done Reservation, at int64) (Reservation, *protocol.Failure) {
	for _, named := range cmd.Reservations {
		if !done.holds(named) {
			return Reservation{}, &protocol.Failure{Error: ReasonReservationMismatch}
		}
	}
	done.Status, done.ReleasedAt = Released, at
	return done, nil
}

func (r Reservation) holds(named protocol.Reservation) bool {
	for _, line := range r.Lines {
		if line.SKU == named.SKU && line.ReservationID == named.ReservationID {
			return true
		}
	}
	return false
}

// reservationID names the hold on one line, from 1. It is made from the key of
// the command, so that no repetition can make another one.
func reservationID(c protocol.Command, line int) string {
	return "r-" + c.SagaID + "-" + strconv.Itoa(c.Step) + "-" + strconv.Itoa(line+1)
}
