package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Run audits the system behind a connection. It only reads, it may run beside
// any load, and it makes no bucket that is not there. terms.Find is asked
// for the definition of every saga, by several goroutines at once.
//
// An error means that the audit could not be made; what it found wrong is in
// the report. The error is ErrForeign if a stream is not the one that its name
// says.
func Run(ctx context.Context, nc *nats.Conn, terms Terms) (*Report, error) {
	src, err := openSource(ctx, nc)
	if err != nil {
		return nil, fmt.Errorf("opening the buckets to audit: %w", err)
	}
	a := newAuditor(src, terms)
	if err := a.all(ctx); err != nil {
		return nil, err
	}
	a.sumUp()
	return a.tally.finish(), nil
}

// auditor is an audit in progress.
type auditor struct {
	src   *source
	terms Terms

	goesOn  bool // from an earlier audit, and reads what is new since
	balance balance
	hearsay hearsay

	mu     sync.Mutex // guards what follows
	shelf  shelf      // stock by SKU
	doubts map[string]bool
	tally  *tally
	// orderOf are the orders of sagas that have no record to say so.
	orderOf map[string]string

	handedOut uint64    // the latest record that whoever tells of orders had got
	handed    time.Time // by then
}

func newAuditor(src *source, terms Terms) *auditor {
	return &auditor{src: src, terms: terms, shelf: shelf{}, doubts: map[string]bool{}, tally: newTally(time.Now()), orderOf: map[string]string{}}
}

// all reads everything, and looks again at what does not agree.
func (a *auditor) all(ctx context.Context) error {
	a.note()
	if err := a.readAll(ctx, nil); err != nil {
		return err
	}
	if err := a.checkStreams(ctx); err != nil {
		return err
	}
	if err := a.judgeAll(ctx); err != nil {
		return err
	}
	return a.judgeStock(ctx)
}

// bounds says behind which message of each stream to begin: nil is the beginning
// of all.
type bounds map[string]uint64

// readAll reads the streams side by side. It does not matter what comes first.
func (a *auditor) readAll(ctx context.Context, from bounds) error {
	reads := []func(context.Context) error{
		func(ctx context.Context) error { return a.readSagas(ctx, from) },
		func(ctx context.Context) error { return a.readOrders(ctx, from) },
	}
	for _, name := range stores {
		reads = append(reads, func(ctx context.Context) error { return a.readStore(ctx, name, from) })
	}
	return each(ctx, slices.Values(reads), func(ctx context.Context, read func(context.Context) error) error { return read(ctx) })
}

// readStore reads what a participant has done.
func (a *auditor) readStore(ctx context.Context, name string, from bounds) error {
	st := a.src.stores[name]
	return st.scan(ctx, a.src.js, from[st.name], false, func(m *message) { a.seeStored(name, st, m) })
}

func (a *auditor) seeStored(bucket string, st *stream, m *message) {
	inventory := bucket == protocol.BucketInventory
	switch {
	case inventory && m.deleted && !strings.HasPrefix(m.key, reservationPrefix):
	case inventory && strings.HasPrefix(m.key, stockPrefix):
		a.seeStock(m)
	case inventory && strings.HasPrefix(m.key, deliveryPrefix):
		a.seeDelivery(m)
	case inventory && m.key == horizonKey:
	case m.deleted && a.goesOn:
		a.seeDeleted(bucket, st, m)
	case m.deleted:
	default:
		a.seeEffects(bucket, st, m)
	}
}

func (a *auditor) seeStock(m *message) {
	stock, err := readStock(m.key, m.value)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.doubts[stock.SKU] = true
	}
	a.shelf.put(stock)
}

func (a *auditor) seeDelivery(m *message) {
	came, err := readDelivery(m.value)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.tally.find(Finding{Invariant: I1, What: "the delivery makes no sense: " + err.Error(), Evidence: protocol.BucketInventory + " " + m.key})
	}
	a.shelf.take(came)
}

// seeDeleted has the saga of a value looked at that was deleted since an earlier
// audit.
func (a *auditor) seeDeleted(bucket string, st *stream, m *message) {
	id, _, _ := strings.Cut(m.key, ".")
	if bucket == protocol.BucketInventory {
		id, _, _ = strings.Cut(strings.TrimPrefix(m.key, reservationPrefix), ".")
	}
	a.balance.change(PrintOf(id), func(e *entry) { e.see(st.number, m.number, m.stored) })
}

func (a *auditor) seeEffects(bucket string, st *stream, m *message) {
	id, effects := ReadEffects(bucket, m.key, m.value)
	if id == "" {
		a.found(Finding{Invariant: I5, What: "the value " + effects[0].flaws()[0].text, Evidence: bucket + " " + m.key})
		return
	}
	expired := a.isExpired(m.stored)
	a.mu.Lock()
	for _, e := range effects {
		a.tally.store(e, expired)
		if r, ok := e.(*Reservation); ok {
			a.shelf.move(r.Moves)
			r.Moves = nil
		}
	}
	a.mu.Unlock()
	if expired && !flawed(effects) {
		return // so is its record, or the saga is looked at again
	}
	a.balance.change(PrintOf(id), func(e *entry) {
		e.see(st.number, m.number, m.stored)
		for _, effect := range effects {
			e.add(effect)
		}
	})
}

func flawed(effects []Effect) bool {
	for _, e := range effects {
		if len(e.flaws()) > 0 {
			return true
		}
	}
	return false
}

// isExpired tells whether the record of a saga that had stored something then may
// be gone.
func (a *auditor) isExpired(stored time.Time) bool {
	return a.src.retentions.isExpired(stored, a.tally.report.StartedAt)
}

// readSagas reads the journal.
func (a *auditor) readSagas(ctx context.Context, from bounds) error {
	st := a.src.sagas
	return st.scan(ctx, a.src.js, from[st.name], false, func(m *message) {
		if m.deleted {
			if a.goesOn {
				a.balance.change(PrintOf(m.key), func(e *entry) { e.see(sagasStream, m.number, m.stored) })
			}
			return
		}
		s, fault := ReadRecord(m.key, m.value, m.header, a.terms)
		told, fine := uint32(0), false
		if fault == nil && a.src.orders.exists {
			told = a.hearsay.of(s)
		}
		a.balance.change(PrintOf(m.key), func(e *entry) {
			e.see(sagasStream, m.number, m.stored)
			if fault != nil {
				e.mark(recorded | doubtful)
				return
			}
			e.expect(s)
			if fine = !e.is(doubtful); fine {
				e.mark(counted)
			}
			e.told -= told
		})
		if fine {
			a.mu.Lock()
			a.tally.count(s)
			a.mu.Unlock()
		}
	})
}

// readOrders reads what was told of orders, in its order.
func (a *auditor) readOrders(ctx context.Context, from bounds) error {
	st := a.src.orders
	return st.scan(ctx, a.src.js, from[st.name], true, func(m *message) {
		id, seq, name, ok := protocol.ParseEventID(m.header.Get(jetstream.MsgIDHeader))
		orderID, event, known := orderIn(m.key)
		switch {
		case !ok:
			a.found(Finding{Invariant: I8, What: "a domain event does not say from which event of which saga it follows",
				Evidence: fmt.Sprintf("%s %s, message %d", st.name, m.key, m.number)})
		case !known || event != name:
			a.found(Finding{Invariant: I8, SagaID: id, What: fmt.Sprintf("%s of event %d is told as another event", name, seq),
				Evidence: fmt.Sprintf("%s %s, message %d", st.name, m.key, m.number)})
		case !a.isExpired(m.stored):
			a.balance.change(PrintOf(id), func(e *entry) {
				e.see(st.number, m.number, m.stored)
				e.hear(orderID, told{seq, name})
			})
		}
	})
}

// found adds findings to the report.
func (a *auditor) found(findings ...Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.find(findings...)
}

// note says what cannot be seen, and what may be lost.
func (a *auditor) note() {
	for _, st := range a.src.all()[:5] {
		if limit := st.forgets(); limit != "" {
			a.tally.note(fmt.Sprintf("stream %s has a limit (%s): what it drops, nobody can prove", st.name, limit))
		}
	}
}

// sumUp completes the report.
func (a *auditor) sumUp() {
	a.tally.report.Inbox = a.src.inbox.count
	a.tally.stock(a.shelf)
	effects := a.tally.report.Effects
	if !a.src.isOurs() {
		a.tally.note("there is nothing of Amends on this server: none of its buckets exists; is it the right one?")
	}
	if !a.src.sagas.exists && effects.Reservations+effects.Charges+effects.Shipments > 0 {
		a.tally.note("bucket " + protocol.BucketSagas + " does not exist, although participants have worked")
	}
	if elsewhere := a.terms.Elsewhere; len(elsewhere) > 0 {
		a.tally.note("what the steps of " + strings.Join(elsewhere, ", ") + " have left is kept elsewhere, and not looked for")
	}
	for _, name := range stores {
		if slices.Contains(a.terms.Elsewhere, keeperOf[name]) {
			continue
		}
		if !a.src.stores[name].exists && a.tally.report.Sagas.Total > 0 {
			a.tally.note("bucket " + name + " does not exist, although there are sagas")
		}
	}
}
