package order

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// Orders are listed from what there is: the headers of the records, and for one
// customer the bucket ORDERS_VIEW, which holds one small row per order under
// <user_id>.<saga_id>. No list keeps more than it was asked for in memory, or reads
// more than its bounds, however many orders there are.

const (
	// windowLeast is the first window of a search from the newest record
	// backwards; each further one is twice as large.
	windowLeast = 1024
	// windowMost is the largest window, in revisions.
	windowMost = 4096
	// maxWindows bounds the windows of one list: few records may lie far apart.
	maxWindows = 256
)

// bounds are how much one list looks at, before it leaves the rest to the next page.
type bounds struct {
	records    int // of all customers: headers; the window in hand is read to its end
	ofCustomer int // orders of one customer, behind the place where the page begins
}

var usualBounds = bounds{records: 20_000, ofCustomer: 2_000}

func (s *Service) list(ctx context.Context, asked protocol.OrderListRequest) (*protocol.OrderList, error) {
	r, err := wantedBy(asked)
	if err != nil {
		return nil, err
	}
	found := newest[row]{limit: cmp.Or(r.Limit, protocol.DefaultListLimit)}
	search := s.listAll
	if r.UserID != "" {
		search = s.listOfCustomer
	}
	rest, err := search(ctx, r, &found)
	if err != nil {
		s.complaint.Warn().Err(err).Msg("cannot list orders")
		return nil, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the records cannot be read now; try again"}
	}
	list := &protocol.OrderList{Type: protocol.TypeOrderList, Orders: []protocol.OrderSummary{}}
	for _, row := range found.all() {
		list.Orders = append(list.Orders, row.OrderSummary)
	}
	if found.isFull() {
		last := found.kept[found.limit-1]
		rest = protocol.OrderPlace{Below: r.behind.Below, Began: int64(last.started), SagaID: last.SagaID}
	}
	list.Next = rest.String()
	return list, nil
}

// listAll reads the headers of the records backwards. No record is older than its
// last change, so once enough orders began after all changes that are left, they
// are the newest. It returns where to go on if it has looked at as much as it may.
func (s *Service) listAll(ctx context.Context, r *wanted, found *newest[row]) (rest protocol.OrderPlace, err error) {
	first, end, err := s.records.sagas.Span(ctx)
	if err != nil {
		return rest, err
	}
	first, last := max(first, 1), end
	if r.behind.Below > 0 {
		last = min(end, r.behind.Below-1)
	}
	size := uint64(windowLeast)
	for windows, seen := 0, 0; last >= first; windows++ {
		if seen >= s.bounds.records || windows == maxWindows {
			rest.Below = last + 1
			break
		}
		from := first
		if last-from >= size {
			from = last - size + 1
		}
		count, oldest, err := s.collect(ctx, store.Window{Pattern: ">", First: from, Last: last}, r, found)
		if err != nil {
			return rest, err
		}
		if oldest != 0 && found.isFullSince(oldest) {
			break
		}
		last, seen, size = from-1, seen+count, min(2*size, windowMost)
	}
	if r.behind.Below == 0 {
		// What was written meanwhile has left the place where it was looked for.
		_, _, err = s.collect(ctx, store.Window{Pattern: ">", First: end + 1, Last: math.MaxUint64}, r, found)
	}
	return rest, err
}

// collect adds the orders of a window that match, and returns how many records it
// has, and when the oldest was written; 0 if it has none.
func (s *Service) collect(ctx context.Context, w store.Window, r *wanted, found *newest[row]) (count int, oldest saga.Instant, err error) {
	err = s.records.sagas.Read(ctx, w, func(f store.Followed) {
		if count++; count == 1 {
			oldest = saga.Instant(f.Stored.UnixMicro())
		}
		if row := rowOf(&f.Entry); !f.Deleted && row.matches(r) {
			found.add(row)
		}
	})
	return count, oldest, err
}

// listOfCustomer reads the rows of one customer, and then the records of the newest
// behind the place, until enough match. Orders whose record has expired are left
// out. It returns where to go on if it has looked at as many as it may.
func (s *Service) listOfCustomer(ctx context.Context, r *wanted, found *newest[row]) (rest protocol.OrderPlace, err error) {
	placed := newest[placement]{limit: s.bounds.ofCustomer}
	w := store.Window{Pattern: protocol.OrdersOf(r.UserID), First: 1, Last: math.MaxUint64, Values: true}
	err = s.outbox.customers.Read(ctx, w, func(f store.Followed) {
		var e entry
		if f.Deleted || json.Unmarshal(f.Value, &e) != nil {
			return
		}
		p := placement{sagaID: f.Key[strings.LastIndexByte(f.Key, '.')+1:], at: e.PlacedAt, revision: f.Revision}
		if r.isBehind(p.at, p.sagaID) {
			placed.add(p)
		}
	})
	if err != nil {
		return rest, err
	}
	for some := range slices.Chunk(placed.all(), sideBySide) {
		if err := s.lookUp(ctx, some, r, found); err != nil || found.isFull() {
			return rest, err
		}
	}
	if placed.isFull() {
		last := placed.kept[placed.limit-1]
		rest = protocol.OrderPlace{Began: int64(last.at), SagaID: last.sagaID}
	}
	return rest, nil
}

// lookUp reads the records of some orders.
func (s *Service) lookUp(ctx context.Context, some []placement, r *wanted, found *newest[row]) error {
	rows := make([]*row, len(some))
	numbers := make([]int, len(some))
	for n := range some {
		numbers[n] = n
	}
	err := each(numbers, func(n int) error {
		e, err := s.records.sagas.Get(ctx, some[n].sagaID)
		if err == nil {
			row := rowOf(&e)
			rows[n] = &row
		}
		return ignoreMissing(err)
	})
	for _, row := range rows {
		if row != nil && row.matches(r) {
			found.add(*row)
		}
	}
	return err
}

// row is one order as the headers of its record tell it.
type row struct {
	protocol.OrderSummary
	started  saga.Instant
	revision uint64
}

func rowOf(e *store.Entry) row {
	phase := saga.Phase(e.Header.Get(protocol.HeaderPhase)).Public()
	// What is no number is no time.
	micros, _ := strconv.ParseInt(e.Header.Get(protocol.HeaderStarted), 10, 64)
	return row{
		OrderSummary: protocol.OrderSummary{
			OrderID: e.Header.Get(protocol.HeaderOrder), SagaID: e.Key, UserID: e.Header.Get(protocol.HeaderUser),
			Definition: e.Header.Get(protocol.HeaderDefinition),
			Status:     cmp.Or(e.Header.Get(protocol.HeaderStatus), phase), SagaStatus: phase,
			Code: e.Header.Get(protocol.HeaderCode), Incident: e.Header.Get(protocol.HeaderIncident),
			StartedAt: timestamp(saga.Instant(micros)), UpdatedAt: e.Stored.UTC().Format(time.RFC3339Nano),
		},
		started: saga.Instant(micros), revision: e.Revision,
	}
}

// wanted is what a list is to hold: a filter, and the place behind which it begins.
type wanted struct {
	protocol.OrderListRequest
	behind protocol.OrderPlace
}

func wantedBy(r protocol.OrderListRequest) (*wanted, error) {
	place, err := protocol.ParseOrderPlace(r.Page)
	return &wanted{r, place}, err
}

// isBehind reports whether an order comes after the place where the list begins.
func (w *wanted) isBehind(began saga.Instant, sagaID string) bool {
	place := saga.Instant(w.behind.Began)
	return began < place || began == place && sagaID > w.behind.SagaID
}

func (r row) matches(w *wanted) bool {
	return (w.Status == "" || w.Status == r.Status || w.Status == r.SagaStatus) &&
		(w.UserID == "" || w.UserID == r.UserID) && (w.Definition == "" || w.Definition == r.Definition) &&
		w.isBehind(r.started, r.SagaID)
}

func (r row) since() saga.Instant { return r.started }
func (r row) key() string         { return r.SagaID }
func (r row) version() uint64     { return r.revision }
