package order

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A durable consumer on the stream of SAGAS is how far events have been written.
// It decides nothing: when it is lost, or set back to the beginning, every record
// comes once more, and nothing is written twice.

const (
	// fetchMost is how many records one pull asks for at the most.
	fetchMost = 256
	// fetchWait is how long a pull waits for the first one.
	fetchWait = 5 * time.Second
	// maxPending bounds the records in the hands of all replicas together.
	maxPending = 10_000
	// pause is the wait before something is tried again that has failed.
	pause = 250 * time.Millisecond
)

// pace is how records are delivered. Tests hurry.
type pace struct {
	durable string        // the consumer, which all replicas share
	gather  time.Duration // how long records gather before they are told together
	young   time.Duration // how long a saga on its way has before its record is told as it is
	ackWait time.Duration // how long one may be silent about a record before another one gets it
	later   time.Duration // when a record is looked at again that cannot be told now
}

// usual gives sagas time to come to their end: most are over in a moment, and the
// bucket has kept the last of their records only. To tell each step by itself would
// cost several times as much, above all where every write is synced.
var usual = pace{
	durable: protocol.ConsumerOrders,
	gather:  50 * time.Millisecond, young: 300 * time.Millisecond, ackWait: 10 * time.Second, later: 30 * time.Second,
}

// openConsumer makes the consumer, or finds it. When that fails the one that was
// known stays.
func (s *Service) openConsumer(ctx context.Context) error {
	consumer, err := s.js.CreateOrUpdateConsumer(ctx, protocol.BucketStream(protocol.BucketSagas), jetstream.ConsumerConfig{
		Durable: s.pace.durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.pace.ackWait,
		MaxAckPending: maxPending, MaxDeliver: -1,
		Description: "writes domain events into " + protocol.StreamOrders,
	})
	if err != nil {
		return fmt.Errorf("opening the consumer of records: %w", err)
	}
	s.consumer = consumer
	return nil
}

// follow tells what becomes of orders, until ctx ends.
func (s *Service) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.turn(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.complaint.Warn().Err(err).Msg("cannot pull records; trying again")
		pauseFor(ctx, pause)
		// Somebody may have deleted the consumer.
		if err := s.openConsumer(ctx); err != nil && ctx.Err() == nil {
			s.complaint.Warn().Err(err).Msg("cannot go on with the records; trying again")
		}
	}
}

// turn waits for a record, lets others gather, and tells all there are.
func (s *Service) turn(ctx context.Context) error {
	records, err := s.await(ctx)
	if err != nil || len(records) == 0 {
		return err
	}
	pauseFor(ctx, s.pace.gather)
	for {
		batch, err := s.consumer.FetchNoWait(fetchMost)
		if err != nil {
			s.round(ctx, records)
			return err
		}
		more := 0
		for m := range batch.Messages() {
			records = append(records, m)
			more++
		}
		s.round(ctx, records)
		if more < fetchMost || batch.Error() != nil {
			return batch.Error()
		}
		records = nil
	}
}

// await pulls one record. It gives up after a while, or when the connection has
// come back: a server that was restarted knows nothing of a pull from before.
func (s *Service) await(ctx context.Context) ([]jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	back := s.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer s.cfg.Conn.RemoveStatusListener(back)
	go func() {
		<-back
		cancel()
	}()
	batch, err := s.consumer.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, err
	}
	for m := range batch.Messages() {
		return []jetstream.Msg{m}, nil
	}
	if err := batch.Error(); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return nil, nil
}

// parcel is a record of one saga as it was delivered, with earlier ones of the
// same saga, which it makes superfluous.
type parcel struct {
	messages []jetstream.Msg
	newest   jetstream.Msg
	revision uint64
	stored   time.Time
	isYoung  bool // the saga is on its way, and its next record may be, too
	draft    *draft
}

// round handles records that came together.
func (s *Service) round(ctx context.Context, delivered []jetstream.Msg) {
	parcels := s.sort(delivered)
	// An error is settled with its parcel.
	_ = each(parcels, func(p *parcel) error {
		s.read(ctx, p)
		return nil
	})
	byDraft := make(map[*draft]*parcel, len(parcels))
	var drafts []*draft
	for _, p := range parcels {
		if p.draft != nil {
			byDraft[p.draft], drafts = p, append(drafts, p.draft)
		}
	}
	s.settle(ctx, drafts, func(d *draft, err error) {
		if err != nil {
			s.later(byDraft[d], err)
			return
		}
		s.logNotes(d)
		s.done(byDraft[d])
	})
}

// sort puts what was delivered of one saga together.
func (s *Service) sort(delivered []jetstream.Msg) []*parcel {
	bySubject := make(map[string]*parcel, len(delivered))
	var parcels []*parcel
	for _, m := range delivered {
		meta, err := m.Metadata()
		if err != nil {
			continue // not of JetStream
		}
		p := bySubject[m.Subject()]
		if p == nil {
			p = &parcel{}
			bySubject[m.Subject()], parcels = p, append(parcels, p)
		}
		p.messages = append(p.messages, m)
		if meta.Sequence.Stream > p.revision {
			phase := saga.Phase(m.Headers().Get(protocol.HeaderPhase))
			p.newest, p.revision, p.stored, p.isYoung = m, meta.Sequence.Stream, meta.Timestamp, phase.Live() && meta.NumDelivered == 1
		}
	}
	return parcels
}

// read opens a record and makes a draft of it. What cannot be told is dealt with
// here; a panic costs this record only.
func (s *Service) read(ctx context.Context, p *parcel) {
	defer func() {
		if cause := recover(); cause != nil {
			p.draft = nil
			s.refuse(p, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}
	}()
	switch {
	case p.isYoung:
		s.comeAgain(p, s.pace.young)
		return
	case len(p.newest.Data()) == 0:
		s.done(p) // the mark that an expired record has left
		return
	}
	key := strings.TrimPrefix(p.newest.Subject(), protocol.BucketSubject(protocol.BucketSagas, ""))
	id, err := protocol.ParseSagaID(key)
	if err != nil {
		s.refuse(p, err)
		return
	}
	r, err := s.records.open(ctx, p.newest.Data(), p.revision, p.stored)
	switch {
	case errors.Is(err, errNoDefinition), errors.Is(err, store.ErrUnavailable), ctx.Err() != nil:
		s.later(p, err)
		return
	case err != nil:
		s.refuse(p, err)
		return
	}
	if p.draft, err = draftOf(id, r); err != nil {
		s.refuse(p, err)
	}
}

// settle tells the drafts, until they are told or ctx ends. Where the stream
// refuses a batch they are told one by one, so that one which never can be told
// does not keep the others back.
func (s *Service) settle(ctx context.Context, drafts []*draft, settled func(*draft, error)) {
	if len(drafts) == 0 {
		return
	}
	err := s.tell(ctx, drafts)
	if len(drafts) > 1 && isRefusal(err) {
		for _, d := range drafts {
			settled(d, s.tell(ctx, []*draft{d}))
		}
		return
	}
	for _, d := range drafts {
		settled(d, err)
	}
}

// tell tries until the drafts are told, the stream refuses them, or ctx ends.
func (s *Service) tell(ctx context.Context, drafts []*draft) error {
	for {
		err := s.outbox.tell(ctx, drafts)
		switch {
		case err == nil, isRefusal(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrConflict):
			continue // somebody else has told some of it: so it goes on
		}
		s.complaint.Warn().Err(err).Msg("cannot write domain events; trying again")
		pauseFor(ctx, pause)
	}
}

func isRefusal(err error) bool {
	return errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrTooLarge)
}

// done acknowledges a parcel. If that is lost it comes again, and nothing is left
// to be done about it.
func (s *Service) done(p *parcel) {
	for _, m := range p.messages {
		if err := m.Ack(); err != nil {
			s.log.Debug().Err(err).Msg("cannot acknowledge a record; it comes again")
		}
	}
}

// later gives a parcel back that cannot be told now.
func (s *Service) later(p *parcel, cause error) {
	if s.background.Err() != nil {
		s.comeAgain(p, 0) // another replica may have it at once
		return
	}
	s.complaint.Error().Err(cause).Str("subject", p.newest.Subject()).Msg("the events of an order cannot be written now; trying again later")
	s.comeAgain(p, s.pace.later)
}

// comeAgain has a parcel delivered again, if no newer record has taken its place by
// then.
func (s *Service) comeAgain(p *parcel, wait time.Duration) {
	for _, m := range p.messages {
		if err := m.NakWithDelay(wait); err != nil {
			s.log.Debug().Err(err).Msg("cannot return a record; it comes again")
		}
	}
}

// refuse lets go of a record that cannot be trusted: there is nothing to tell of
// it before somebody has repaired it, and then it comes again. The orchestrator
// has an incident for it.
func (s *Service) refuse(p *parcel, cause error) {
	s.log.Error().Err(cause).Str("subject", p.newest.Subject()).Msg("a record cannot be read; no events are written of it")
	for _, m := range p.messages {
		if err := m.TermWithReason("not readable"); err != nil {
			s.log.Debug().Err(err).Msg("cannot drop a record; it comes again")
		}
	}
}

// logNotes writes down what has become of an order, for people (S1-10).
func (s *Service) logNotes(d *draft) {
	for _, n := range d.notes {
		if n.Seq <= d.heard {
			continue
		}
		log := s.log.With().Str("order_id", d.orderID).Str("saga_id", d.id.String()).Logger()
		if n.Cause != "" {
			log.Error().Str("error", n.Cause).Msg(n.Text)
			continue
		}
		log.Info().Msg(n.Text)
	}
}
