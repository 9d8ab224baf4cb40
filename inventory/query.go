package inventory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
	"amends/worker"
)

// Types of the answers to questions.
const (
	TypeStock        = "stock"
	TypeStockList    = "stock_list"
	TypeReservations = "reservations"
)

// StockQuery asks how much there is: of one SKU, of several, or of all, in the
// order of their names.
type StockQuery struct {
	SKU   string   `json:"sku,omitempty"`
	SKUs  []string `json:"skus,omitempty"`
	After string   `json:"after,omitempty"` // of all: those behind this one
	Limit int      `json:"limit,omitempty"` // of all: at most so many; 0 is protocol.DefaultListLimit
}

// Validate checks the query. The error is a *protocol.Error.
func (q StockQuery) Validate() error {
	switch {
	case q.SKU != "" && q.SKUs != nil:
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "skus", Message: "cannot be asked for beside sku"}
	case q.SKU != "":
		return protocol.CheckID("sku", q.SKU)
	case len(q.SKUs) > protocol.MaxListLimit:
		return &protocol.Error{
			Code: protocol.CodeTooLarge, Field: "skus", Message: fmt.Sprintf("has more than %d entries", protocol.MaxListLimit),
		}
	case q.Limit < 0 || q.Limit > protocol.MaxListLimit:
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "limit", Message: fmt.Sprintf("must be from 0 to %d", protocol.MaxListLimit),
		}
	}
	for n, sku := range q.SKUs {
		if err := protocol.CheckID(fmt.Sprintf("skus[%d]", n), sku); err != nil {
			return err
		}
	}
	if q.After != "" {
		return protocol.CheckID("after", q.After)
	}
	return nil
}

// StockLevel is how much there is of one SKU, in pieces. Available is OnHand less
// Reserved and Backordered, which is what others wait for (X14).
type StockLevel struct {
	Type        string `json:"type"` // TypeStock
	SKU         string `json:"sku"`
	OnHand      int64  `json:"on_hand"`
	Reserved    int64  `json:"reserved"`
	Backordered int64  `json:"backordered,omitempty"`
	Available   int64  `json:"available"`
}

// StockList is how much there is of several SKUs. Those that nobody knows are
// left out. Total is how many SKUs there are.
type StockList struct {
	Type  string       `json:"type"` // TypeStockList
	Stock []StockLevel `json:"stock"`
	Total int          `json:"total"`
}

// levels answers a StockQuery: by a StockLevel for one SKU, else by a StockList.
func (s *shelf) levels(q StockQuery) (any, error) {
	if q.SKU != "" {
		if !s.Known(q.SKU) {
			return nil, notFound("sku", "is not in stock here")
		}
		return s.level(q.SKU), nil
	}
	skus := q.SKUs
	if skus == nil {
		skus = s.page(q)
	}
	list := StockList{Type: TypeStockList, Stock: []StockLevel{}, Total: len(s.stock)}
	for _, sku := range skus {
		if s.Known(sku) {
			list.Stock = append(list.Stock, s.level(sku))
		}
	}
	return list, nil
}

// page is a part of all SKUs.
func (s *shelf) page(q StockQuery) []string {
	if s.skus == nil {
		s.skus = slices.Sorted(maps.Keys(s.stock))
	}
	from, found := slices.BinarySearch(s.skus, q.After)
	if found {
		from++
	}
	limit := q.Limit
	if limit == 0 {
		limit = protocol.DefaultListLimit
	}
	return s.skus[from:min(from+limit, len(s.skus))]
}

func (s *shelf) level(sku string) StockLevel {
	return StockLevel{
		Type: TypeStock, SKU: sku, OnHand: s.OnHand(sku), Reserved: s.reserved[sku], Backordered: s.wanted[sku],
		Available: s.Available(sku),
	}
}

// ReservationQuery asks for reservations: those of a saga, that of one of its
// steps, or the one with this id, or with this id of one of its lines (S2-16).
type ReservationQuery struct {
	SagaID        string `json:"saga_id,omitempty"`
	Step          int    `json:"step,omitempty"`
	ReservationID string `json:"reservation_id,omitempty"`
}

// Validate checks the query. The error is a *protocol.Error.
func (q ReservationQuery) Validate() error {
	switch {
	case q.ReservationID != "" && (q.SagaID != "" || q.Step != 0):
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "reservation_id", Message: "cannot be asked for beside saga_id and step",
		}
	case q.ReservationID != "" && len(q.ReservationID) <= protocol.MaxReferenceBytes:
		return nil
	case q.ReservationID != "":
		return &protocol.Error{Code: protocol.CodeTooLarge, Field: "reservation_id", Message: "is longer than any reservation_id"}
	case q.Step == 0:
		return protocol.CheckID("saga_id", q.SagaID)
	}
	return checkStep(q.SagaID, q.Step)
}

// Reservations answers a ReservationQuery.
type Reservations struct {
	Type         string             `json:"type"` // TypeReservations
	Reservations []FoundReservation `json:"reservations"`
}

// FoundReservation is a reservation and what it is called.
type FoundReservation struct {
	SagaID        string `json:"saga_id"`
	Step          int    `json:"step"`
	ReservationID string `json:"reservation_id"`
	Reservation
}

// find answers a ReservationQuery, from what is stored.
func (i *inventory) find(ctx context.Context, q ReservationQuery) (Reservations, error) {
	memories, err := i.memories(ctx, q)
	if err != nil {
		return Reservations{}, err
	}
	found := Reservations{Type: TypeReservations}
	for _, m := range memories {
		if m.Effect == nil || q.ReservationID != "" && !isCalled(m, q.ReservationID) {
			continue
		}
		found.Reservations = append(found.Reservations, FoundReservation{
			SagaID: m.SagaID, Step: m.Step, ReservationID: groupOf(m), Reservation: *m.Effect,
		})
	}
	if found.Reservations == nil {
		return Reservations{}, notFound("", "Reservation not found") // in the words of document 002 (S2-15)
	}
	slices.SortFunc(found.Reservations, func(a, b FoundReservation) int {
		return cmp.Or(cmp.Compare(a.SagaID, b.SagaID), cmp.Compare(a.Step, b.Step))
	})
	return found, nil
}

func groupOf(m worker.Memory[Reservation]) string {
	return groupID(protocol.Command{SagaID: m.SagaID, Step: m.Step})
}

// isCalled tells whether an id is that of a reservation, or of one of its lines.
func isCalled(m worker.Memory[Reservation], id string) bool {
	return groupOf(m) == id || slices.ContainsFunc(m.Effect.Lines, func(line Hold) bool { return line.ReservationID == id })
}

// memories are those among which the answer is.
func (i *inventory) memories(ctx context.Context, q ReservationQuery) ([]worker.Memory[Reservation], error) {
	if q.ReservationID != "" {
		return i.memoriesOf(ctx, stepsOfID(q.ReservationID))
	}
	id, err := protocol.ParseSagaID(q.SagaID)
	if err != nil {
		return nil, err
	}
	if q.Step != 0 {
		return i.memoriesOf(ctx, []string{protocol.StepKey(id, q.Step)})
	}
	all, err := i.book.RecallAll(ctx, id)
	return slices.Collect(maps.Values(all)), err
}

func (i *inventory) memoriesOf(ctx context.Context, steps []string) (all []worker.Memory[Reservation], err error) {
	for _, step := range steps {
		m, err := i.book.Recall(ctx, step)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// stepsOfID are the steps (<saga_id>.<step>) that a reservation id may be of. As
// saga ids may hold dashes and digits, there are two: r-a-1-2 is the reservation of
// step 2 of saga a-1, or line 2 of that of step 1 of saga a.
func stepsOfID(id string) (steps []string) {
	rest, ours := strings.CutPrefix(id, "r-")
	for range 2 {
		at := strings.LastIndexByte(rest, '-')
		if !ours || at < 0 {
			break
		}
		saga, step := rest[:at], rest[at+1:]
		if n, err := strconv.Atoi(step); err == nil && checkStep(saga, n) == nil && step == strconv.Itoa(n) {
			steps = append(steps, saga+"."+step)
		}
		rest = saga
	}
	return steps
}

// checkStep checks what names a step.
func checkStep(sagaID string, step int) error {
	return protocol.RowQuery{SagaID: sagaID, Step: step}.Validate()
}

func notFound(field, message string) error {
	return &protocol.Error{Code: protocol.CodeNotFound, Field: field, Message: message}
}
