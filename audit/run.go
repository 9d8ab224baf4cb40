package audit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
)

// Run audits the system behind a connection. It only reads, it may run beside
// any load, and it makes no bucket that is not there. find is asked for the
// definition of every saga, by several goroutines at once.
//
// An error means that the audit could not be made; what it found wrong is in
// the report.
func Run(ctx context.Context, nc *nats.Conn, find Find) (*Report, error) {
	tally := newTally(time.Now())
	src, err := openSource(ctx, nc)
	if err != nil {
		return nil, fmt.Errorf("opening the buckets to audit: %w", err)
	}
	defer func() { _ = src.close() }() // nothing was written
	a := &auditor{
		src: src, find: find, tally: tally,
		held: held{}, shelf: shelf{}, suspects: map[string][]Place{}, doubts: map[string]bool{},
	}
	for _, pass := range []func(context.Context) error{a.readStores, a.readSagas, a.judgeAll, a.judgeStock} {
		if err := pass(ctx); err != nil {
			return nil, err
		}
	}
	a.sumUp()
	return tally.finish(), nil
}

// auditor is an audit in progress.
type auditor struct {
	src  *source
	find Find

	held     held               // effects whose saga was not seen yet
	shelf    shelf              // stock by SKU
	suspects map[string][]Place // sagas to look at again, and where they have effects
	doubts   map[string]bool    // SKUs whose row is not readable

	mu    sync.Mutex // guards the tally while sagas are judged
	tally *tally
}

// readStores reads what the participants have done.
func (a *auditor) readStores(ctx context.Context) error {
	for _, name := range stores {
		if err := a.readStore(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) readStore(ctx context.Context, name string) error {
	err := a.src.stores[name].scan(ctx, func(f store.Followed) func() {
		switch {
		case name != protocol.BucketInventory || strings.HasPrefix(f.Key, reservationPrefix):
			return a.seeEffect(name, f)
		case strings.HasPrefix(f.Key, stockPrefix):
			return a.seeStock(f)
		case strings.HasPrefix(f.Key, deliveryPrefix):
			return a.seeDelivery(f)
		case f.Key == horizonKey:
			return func() {}
		}
		return a.seeEffect(name, f)
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

func (a *auditor) seeStock(f store.Followed) func() {
	stock, err := readStock(f.Key, f.Value)
	return func() {
		if err != nil {
			a.doubts[stock.SKU] = true
		}
		a.shelf.put(stock)
	}
}

func (a *auditor) seeDelivery(f store.Followed) func() {
	came, err := readDelivery(f.Value)
	return func() {
		if err != nil {
			a.tally.find(Finding{Invariant: Row, What: err.Error(), Evidence: protocol.BucketInventory + " " + f.Key})
		}
		a.shelf.take(came)
	}
}

func (a *auditor) seeEffect(bucket string, f store.Followed) func() {
	id, e := ReadEffect(bucket, f.Key, f.Value)
	return func() {
		switch {
		case id == "":
			a.tally.find(Finding{Invariant: Row, What: e.flaw(), Evidence: bucket + " " + f.Key})
		case e != nil:
			a.tally.store(e)
			if r, ok := e.(*Reservation); ok {
				a.shelf.move(r.Moves)
				r.Moves = nil
			}
			a.held.add(id, e)
		}
	}
}

// readSagas reads the journal. A saga that has ended, or is STUCK, and agrees
// with its effects is done with; any other is a suspect.
func (a *auditor) readSagas(ctx context.Context) error {
	err := a.src.sagas.scan(ctx, func(f store.Followed) func() {
		s, fault := ReadRecord(f.Key, f.Value, phaseOf(f.Entry), a.find)
		return func() {
			stored := a.held.take(f.Key)
			if fault == nil && !s.Phase.Live() && len(Check(s, stored)) == 0 {
				a.tally.count(s)
				return
			}
			a.suspects[f.Key] = placesOf(stored)
		}
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", protocol.BucketSagas, err)
	}
	for id, s := range a.held {
		a.suspects[id] = placesOf(s.effects())
	}
	a.held = nil
	return nil
}

// phaseOf is the phase in the header of a record.
func phaseOf(e store.Entry) saga.Phase { return saga.Phase(e.Header.Get(protocol.HeaderPhase)) }

func placesOf(effects []Effect) []Place {
	places := make([]Place, len(effects))
	for i, e := range effects {
		places[i] = e.Place()
	}
	return places
}

// sumUp completes the report.
func (a *auditor) sumUp() {
	a.tally.report.Inbox = a.src.inbox
	a.tally.stock(a.shelf)
	effects := a.tally.report.Effects
	if a.src.sagas.open == nil && effects.Reservations+effects.Charges+effects.Shipments > 0 {
		a.tally.note("bucket " + protocol.BucketSagas + " does not exist, although participants have worked")
	}
	for _, name := range stores {
		if a.src.stores[name].open == nil && a.tally.report.Sagas.Total > 0 {
			a.tally.note("bucket " + name + " does not exist, although there are sagas")
		}
	}
}
