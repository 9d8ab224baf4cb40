package inventory

import (
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
)

// Status is the state of a reservation.
type Status string

// The statuses. Only an active reservation holds goods, and only a committed one
// has taken them out of the stock.
const (
	Active    Status = "active"
	Released  Status = "released"
	Committed Status = "committed"
	Expired   Status = "expired"
)

// Reasons for which a command is declined, as they stand in Failure.Error.
const (
	ReasonOutOfStock          = "out_of_stock"
	ReasonReservationMismatch = "reservation_mismatch" // the command names other reservations than those of its saga
	ReasonReservationReleased = "reservation_released" // the goods were given back before they were committed
	ReasonReservationExpired  = "reservation_expired"  // they went to others in the meantime (D18)
)

// Reservation is the hold on the goods of one order. Times are microseconds since
// 1970 UTC.
type Reservation struct {
	Status     Status `json:"status"`
	Lines      []Hold `json:"lines"`
	ReservedAt int64  `json:"reserved_at"`
	// ExpiresAt is until when the goods are held for sure.
	ExpiresAt int64 `json:"expires_at,omitempty"`
	// Lapses says that they go to others then, whatever the saga does.
	Lapses      bool  `json:"lapses,omitempty"`
	CommittedAt int64 `json:"committed_at,omitempty"`
	ExpiredAt   int64 `json:"expired_at,omitempty"`
	ReleasedAt  int64 `json:"released_at,omitempty"`
}

// Hold is the hold on one SKU, in pieces.
type Hold struct {
	SKU           string `json:"sku"`
	Quantity      int64  `json:"quantity"`
	ReservationID string `json:"reservation_id"`
	// Backordered is how many more are wanted as soon as they come (D15).
	Backordered int64 `json:"backordered,omitempty"`
	// Since names the count of the SKU from which committed pieces were taken
	// (see Stock).
	Since int64 `json:"since,omitempty"`
}

// Terms are what a reservation is subject to: those of the service, as far as the
// command says nothing else.
type Terms struct {
	Policy string // one of protocol.PolicyAllOrNothing …
	Hold   int64  // how long, in microseconds
	Lapses bool
}

// For returns the terms for one command (D15, D17).
func (t Terms) For(cmd protocol.ReserveInventory) Terms {
	if cmd.Policy != "" {
		t.Policy = cmd.Policy
	}
	if cmd.HoldMS > 0 {
		t.Hold, t.Lapses = cmd.HoldMS*1000, true
	}
	return t
}

// Goods tells what there is, in pieces. Of an unknown SKU there is nothing.
type Goods interface {
	// Available is how much may still be reserved; it may be negative.
	Available(sku string) int64
	// OnHand is how much there is, reserved or not.
	OnHand(sku string) int64
	// Known tells whether there ever was any.
	Known(sku string) bool
	// Since names the present count of the SKU.
	Since(sku string, at int64) int64
}

// Reserve holds the lines of an order, or declines and names each SKU of which
// there is not enough (S0-08, D15).
func Reserve(
	cmd protocol.ReserveInventory, terms Terms, goods Goods, at int64,
) (Reservation, protocol.ReserveInventoryOK, *protocol.Failure) {
	r := Reservation{Status: Active, ReservedAt: at, ExpiresAt: at + terms.Hold, Lapses: terms.Lapses}
	ok := protocol.ReserveInventoryOK{ReservationID: groupID(cmd.Command)}
	held := false
	for i, line := range cmd.Items {
		there := max(min(goods.Available(line.SKU), line.Quantity), 0)
		hold := Hold{SKU: line.SKU, Quantity: there, ReservationID: lineID(cmd.Command, i)}
		if there < line.Quantity {
			ok.Unavailable = append(ok.Unavailable, line.SKU)
		}
		if terms.Policy == protocol.PolicyBackorder && goods.Known(line.SKU) {
			hold.Backordered = line.Quantity - there
		}
		if hold.Quantity+hold.Backordered == 0 {
			continue
		}
		held = true
		r.Lines = append(r.Lines, hold)
		ok.Reservations = append(ok.Reservations, hold.told(line.Quantity))
	}
	if !held || ok.Unavailable != nil && terms.refuses(r, cmd) {
		return Reservation{}, protocol.ReserveInventoryOK{}, &protocol.Failure{Error: ReasonOutOfStock, Unavailable: ok.Unavailable}
	}
	return r, ok, nil
}

// refuses tells whether a reservation that lacks something is no reservation.
func (t Terms) refuses(r Reservation, cmd protocol.ReserveInventory) bool {
	switch t.Policy {
	case protocol.PolicyPartial:
		return false
	case protocol.PolicyBackorder: // an SKU that nobody knows will not come
		return len(r.Lines) < len(cmd.Items)
	}
	return true
}

// told is a hold as the reply names it.
func (h Hold) told(asked int64) protocol.Reservation {
	r := protocol.Reservation{SKU: h.SKU, ReservationID: h.ReservationID, Backordered: h.Backordered}
	if h.Quantity+h.Backordered < asked {
		r.Quantity = h.Quantity
	}
	return r
}

// Release gives the goods back, whatever has become of them: those that are held
// to the others, those that were committed to the stock (S0-15, S2-06). A command
// that names reservations must name those of this saga and step.
func Release(cmd protocol.ReleaseReservation, done Reservation, at int64) (Reservation, *protocol.Failure) {
	for _, named := range cmd.Reservations {
		if !done.holds(named) {
			return Reservation{}, &protocol.Failure{Error: ReasonReservationMismatch}
		}
	}
	done.Status, done.ReleasedAt = Released, at
	return done, nil
}

// Commit takes reserved goods out of the stock, all lines or none (S3-09). Those
// of a reservation that has expired are taken if they are still there, else the
// command is declined, so that nothing is ever sold twice (D18). waits says that
// the goods have not come yet.
func Commit(
	cmd protocol.CommitReservation, done *Reservation, goods Goods, at int64,
) (after Reservation, ok protocol.CommitReservationOK, declined *protocol.Failure, waits bool) {
	if done == nil || !done.isNamedBy(cmd.Reservations) {
		return after, ok, &protocol.Failure{Error: ReasonReservationMismatch}, false
	}
	r, there := *done, goods.OnHand
	switch {
	case r.Status == Committed:
		return r, ok, nil, false
	case r.Status == Released:
		return after, ok, &protocol.Failure{Error: ReasonReservationReleased}, false
	case r.Status == Expired: // nothing is kept for it any more: it is now or never
		ok.ReReserved, r, there = true, r.whole(), goods.Available
	case r.backordered() > 0:
		return after, ok, nil, true
	}
	if short := r.short(there); short != nil {
		why := ReasonOutOfStock // somebody took away what was reserved
		if r.Status == Expired {
			why = ReasonReservationExpired
		}
		return after, ok, &protocol.Failure{Error: why, Unavailable: short}, false
	}
	return r.sold(goods, at), ok, nil, false
}

// whole is the reservation with all that was ever wanted.
func (r Reservation) whole() Reservation {
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		line := &r.Lines[i]
		line.Quantity, line.Backordered = line.Quantity+line.Backordered, 0
	}
	return r
}

// sold is the reservation with its goods gone.
func (r Reservation) sold(goods Goods, at int64) Reservation {
	r.Status, r.CommittedAt, r.Lines = Committed, at, slices.Clone(r.Lines)
	for i := range r.Lines {
		r.Lines[i].Since = goods.Since(r.Lines[i].SKU, at)
	}
	return r
}

// Expire ends an active reservation whose time is over (D17).
func Expire(r Reservation, at int64) (after Reservation, changed bool) {
	if r.Status != Active || at < r.ExpiresAt {
		return r, false
	}
	r.Status, r.ExpiredAt = Expired, at
	return r, true
}

// Renew makes an active reservation last until a later time.
func Renew(r Reservation, until int64) (after Reservation, changed bool) {
	if r.Status != Active || until <= r.ExpiresAt {
		return r, false
	}
	r.ExpiresAt = until
	return r, true
}

// Fill holds backordered pieces that have come.
func Fill(r Reservation, free func(sku string) int64) (after Reservation, changed bool) {
	if r.Status != Active {
		return r, false
	}
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		line := &r.Lines[i]
		n := max(min(line.Backordered, free(line.SKU)), 0)
		line.Quantity, line.Backordered = line.Quantity+n, line.Backordered-n
		changed = changed || n > 0
	}
	return r, changed
}

// short names the SKUs of which there is less than the reservation has.
func (r *Reservation) short(there func(sku string) int64) (skus []string) {
	for _, line := range r.Lines {
		if there(line.SKU) < line.Quantity {
			skus = append(skus, line.SKU)
		}
	}
	return skus
}

func (r *Reservation) backordered() (pieces int64) {
	for _, line := range r.Lines {
		pieces += line.Backordered
	}
	return pieces
}

func (r *Reservation) holds(named protocol.Reservation) bool {
	return slices.ContainsFunc(r.Lines, func(line Hold) bool {
		return line.SKU == named.SKU && line.ReservationID == named.ReservationID
	})
}

// isNamedBy tells whether a command names all lines of the reservation, and no
// others.
func (r *Reservation) isNamedBy(named []protocol.Reservation) bool {
	if len(named) != len(r.Lines) {
		return false
	}
	for i, n := range named {
		twice := slices.ContainsFunc(named[:i], func(m protocol.Reservation) bool { return m.SKU == n.SKU })
		if twice || !r.holds(n) {
			return false
		}
	}
	return true
}

// groupID names the hold on all lines of an order (X11), and lineID that on one
// of them, from 1. They are made from the key of the command, so that no
// repetition can make another one.
func groupID(c protocol.Command) string { return "r-" + c.SagaID + "-" + strconv.Itoa(c.Step) }

func lineID(c protocol.Command, line int) string {
	return groupID(c) + "-" + strconv.Itoa(line+1)
}

// stepOfLine is the step of a saga that the id of one of its lines names; 0 if
// none.
func stepOfLine(sagaID, id string) int {
	rest, ours := strings.CutPrefix(id, "r-"+sagaID+"-")
	step, _, isLine := strings.Cut(rest, "-")
	n, err := strconv.Atoi(step)
	if !ours || !isLine || err != nil {
		return 0
	}
	return n
}
