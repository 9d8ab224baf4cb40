// Package inventory holds goods for orders: it reserves all lines of an order or
// none, gives them back, and takes them out of the stock when they are sold (S0-02,
// S3-08, D15, D16).
//
// ledger.go has the rules, shelf.go the picture of what is on hand and what is
// reserved, and this file the endpoints. All of it lives in one bucket, so that
// one write covers a reservation with all its lines, its verdict, the stock that
// changes with it, and the proof that nobody else took the goods meanwhile.
//
// Keys of the bucket: stock.<sku> is how much there is, reservation.<saga_id>.<step>
// what is remembered of a step, restock.<delivery_id> a delivery.
package inventory

import (
	"context"
	"fmt"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// concurrency is how many commands the service works at once unless its Config
// says otherwise: where writes go in batches, more of them make larger batches.
const concurrency = 1024

// reservationPrefix is how the keys of reservations begin.
const reservationPrefix = "reservation."

// inventory is one replica of the service.
type inventory struct {
	policy    Policy
	shelf     *shelf
	book      *worker.Book[Reservation]
	conn      *nats.Conn
	now       func() time.Time
	complaint zerolog.Logger
	sweepSoon func()
	fillSoon  func()
}

// New describes the inventory service with the default policy. Any number of
// replicas may run: none of them oversells, whatever the others do.
func New(cfg worker.Config) (*worker.Service, error) { return NewWith(cfg, Policy{}) }

// NewWith is New with a policy, which should be the same for all replicas.
func NewWith(cfg worker.Config, policy Policy) (*worker.Service, error) {
	policy = policy.withDefaults()
	if err := policy.validate(); err != nil {
		return nil, fmt.Errorf("configuring service %s: %w", protocol.ServiceInventory, err)
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = concurrency
	}
	i := &inventory{
		policy: policy, shelf: newShelf(policy.Retention), conn: cfg.Conn, now: cfg.Now, complaint: complaints(cfg.Log),
	}
	if i.now == nil {
		i.now = time.Now
	}
	i.book = worker.NewGuardedBook(protocol.BucketInventory, reservationPrefix, i.shelf)
	i.sweepSoon = i.book.Tend(sweepEvery, i.sweep)
	i.fillSoon = i.book.Tend(sweepEvery, i.fill)
	return worker.New(cfg, protocol.ServiceInventory, i.book, i.endpoints()...)
}

// endpoints are those of the service. Whatever may change something goes to the
// replica that writes; questions are answered by any.
func (i *inventory) endpoints() []worker.Endpoint {
	deciding := i.book.Relay(protocol.ServiceInventory,
		worker.Act(protocol.SubjectReserve, i.book, i.reserve),
		worker.Undo(protocol.SubjectRelease, i.book, Release),
		worker.Handle(protocol.SubjectCommit, i.book, worker.Rules[protocol.CommitReservation, Reservation]{
			Decide: i.commit, Host: hostOf,
		}),
		worker.Serve(protocol.SubjectRenew, i.renew),
		worker.Serve(protocol.SubjectRestock, i.restock),
	)
	return append(deciding,
		worker.QueryStep(protocol.SubjectReserveQuery, i.book),
		worker.Query(protocol.SubjectStock, i.book, i.shelf.levels),
		worker.Serve(protocol.SubjectReservation, i.find),
	)
}

// reserve is Reserve with what is on the shelf.
func (i *inventory) reserve(
	cmd protocol.ReserveInventory, at int64,
) (Reservation, protocol.ReserveInventoryOK, *protocol.Failure) {
	return Reserve(cmd, i.policy.terms().For(cmd), i.shelf, at)
}

// commit is Commit with what is on the shelf.
func (i *inventory) commit(cmd protocol.CommitReservation, done *Reservation, at int64) (worker.Decision[Reservation], error) {
	after, ok, declined, waits := Commit(cmd, done, i.shelf, at)
	switch {
	case waits:
		i.fillSoon()
		return worker.Decision[Reservation]{}, &protocol.Error{
			Code: protocol.CodeUnavailable, Message: "backordered goods have not come yet; try again",
		}
	case declined != nil:
		return worker.Decline(done, declined), nil
	}
	return worker.Accept(&after, ok), nil
}

// hostOf is the step whose reservation a command commits.
func hostOf(cmd protocol.CommitReservation) int {
	return stepOfLine(cmd.SagaID, cmd.Reservations[0].ReservationID)
}

// Load puts stock on the shelves of a warehouse that does not know these SKUs
// yet, and leaves those it knows as they are. It returns how many were new.
func Load(ctx context.Context, cfg worker.Config, stock []Stock) (loaded int, err error) {
	rows := make([]worker.Row, len(stock))
	for i, s := range stock {
		if err := s.Validate(); err != nil {
			return 0, fmt.Errorf("loading stock: row %d: %w", i, err)
		}
		rows[i] = worker.Row{Key: stockPrefix + s.SKU, Value: s}
	}
	return worker.Seed(ctx, cfg, protocol.BucketInventory, rows)
}
