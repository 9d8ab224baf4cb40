package order

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"amends/protocol"
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
	// fetchWait is how long one pull stays open.
	fetchWait = 5 * time.Second
	// maxPending bounds the records in the hands of all replicas together.
	maxPending = 10_000
	// pause is the wait before something is tried again that has failed.
	pause = 250 * time.Millisecond
)

// pace is how records are delivered. Tests hurry.
type pace struct {
	durable string        // the consumer, which all replicas share
	ackWait time.Duration // how long one may be silent about a record before another one gets it
	later   time.Duration // when a record is looked at again that cannot be told now
}

var usual = pace{durable: protocol.ConsumerOrders, ackWait: 10 * time.Second, later: 30 * time.Second}

func (s *Service) openConsumer(ctx context.Context) error {
	var err error
	s.consumer, err = s.js.CreateOrUpdateConsumer(ctx, protocol.BucketStream(protocol.BucketSagas), jetstream.ConsumerConfig{
		Durable: s.pace.durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.pace.ackWait,
		MaxAckPending: maxPending, MaxDeliver: -1,
		Description: "writes domain events into " + protocol.StreamOrders,
	})
	return err
}

// follow tells what becomes of orders, until ctx ends.
func (s *Service) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.fetch(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		s.complaint.Warn().Err(err).Msg("cannot pull records; trying again")
		pauseFor(ctx, pause)
		// Somebody may have deleted the consumer.
		if err := s.openConsumer(ctx); err != nil && ctx.Err() == nil {
			s.complaint.Warn().Err(err).Msg("cannot open the consumer of records; trying again")
		}
	}
}

// fetch runs one pull request, which ends after a while, or when the connection
// has come back: a server that was restarted knows nothing of a pull from before.
func (s *Service) fetch(ctx context.Context) error {
	pulling, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	back := s.cfg.Conn.StatusChanged(nats.CONNECTED)
	defer s.cfg.Conn.RemoveStatusListener(back)
	go func() {
		<-back
		cancel()
	}()
	batch, err := s.consumer.Fetch(fetchMost, jetstream.FetchContext(pulling))
	if err != nil {
		return err
	}
	for first := range batch.Messages() {
		s.round(ctx, drain(first, batch.Messages()))
	}
	if err := batch.Error(); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// drain adds to a message what has come with it. Events are written for all of
// them together: the more wait, the cheaper is each.
func drain(first jetstream.Msg, rest <-chan jetstream.Msg) []jetstream.Msg {
	all := []jetstream.Msg{first}
	for {
		select {
		case m, ok := <-rest:
			if !ok {
				return all
			}
			all = append(all, m)
		default:
			return all
		}
	}
}

// parcel is a record of one saga as it was delivered, with earlier ones of the
// same saga, which it makes superfluous.
type parcel struct {
	messages []jetstream.Msg
	newest   jetstream.Msg
	revision uint64
	stored   time.Time
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
			p.newest, p.revision, p.stored = m, meta.Sequence.Stream, meta.Timestamp
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
	if len(p.newest.Data()) == 0 {
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

// later gives a parcel back, to be delivered again.
func (s *Service) later(p *parcel, cause error) {
	wait := s.pace.later
	if s.background.Err() != nil {
		wait = 0 // another replica may have it at once
	} else {
		s.complaint.Error().Err(cause).Str("subject", p.newest.Subject()).Msg("the events of an order cannot be written now; trying again later")
	}
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
		line := s.log.Info()
		if n.Cause != "" {
			line = s.log.Error().Str("error", n.Cause)
		}
		line.Str("order_id", d.orderID).Str("saga_id", d.id.String()).Msg(n.Text)
	}
}
