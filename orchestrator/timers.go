package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// timers are the wake-up times of the sagas that are in nobody's memory: one
// scheduled message per saga, which the server delivers when its time has come.
// It is only a nudge: the saga then looks for itself what is to be done.
type timers struct {
	o        *Orchestrator
	consumer jetstream.Consumer
}

const (
	// dueTTL is how long a timer that has fired is kept for whoever picks it up.
	dueTTL = 24 * time.Hour
	// dueAckWait is how long one orchestrator may take to put a saga that is due
	// into the inbox, before another one does it.
	dueAckWait = 15 * time.Second
	// dueRetry is how soon a timer is offered again that could not be handled.
	dueRetry = time.Second
)

// open makes the stream and the one consumer that all orchestrators share.
// Schedules must not stand in a work queue.
func (t *timers) open(ctx context.Context) error {
	err := store.EnsureStream(ctx, t.o.js, jetstream.StreamConfig{
		Name: protocol.StreamTimers, Subjects: []string{protocol.TimerSubjects},
		Storage: jetstream.FileStorage, Replicas: max(t.o.cfg.Replicas, 1), MaxMsgsPerSubject: 1, Discard: jetstream.DiscardOld,
		AllowMsgSchedules: true, AllowMsgTTL: true, AllowDirect: true, AllowAtomicPublish: true,
	})
	if err != nil {
		return err
	}
	t.consumer, err = t.o.js.CreateOrUpdateConsumer(ctx, protocol.StreamTimers, jetstream.ConsumerConfig{
		Durable: protocol.ConsumerTimers, FilterSubject: protocol.TimersDue, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: dueAckWait, MaxAckPending: maxPending, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("creating the consumer of the timers: %w", err)
	}
	return nil
}

// set writes the timer of a saga, in place of the one it has.
func (t *timers) set(ctx context.Context, id protocol.SagaID, at saga.Instant) error {
	m := nats.NewMsg(protocol.SubjectTimer(id))
	// The client library would cut the fraction off and let it fire too early.
	m.Header.Set("Nats-Schedule", "@at "+time.UnixMicro(int64(at)).UTC().Format(time.RFC3339Nano))
	m.Header.Set("Nats-Schedule-Target", protocol.SubjectTimerDue(id))
	m.Header.Set("Nats-Schedule-TTL", dueTTL.String())
	_, err := t.o.cfg.Writer.PublishWait(ctx, m)
	return err
}

// drop puts an empty message in the place of a timer that is not needed any
// more.
func (t *timers) drop(id protocol.SagaID) {
	m := nats.NewMsg(protocol.SubjectTimer(id))
	m.Header.Set(jetstream.MsgTTLHeader, "1s")
	t.o.cfg.Writer.Publish(m, func(_ jetstream.PubAck, err error) {
		if err != nil {
			t.o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("cannot drop a timer; it will fire in vain")
		}
	})
}

// follow puts sagas whose time has come into the inbox, until ctx ends.
func (t *timers) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := t.fetch(ctx); err != nil && ctx.Err() == nil {
			t.o.log.Warn().Err(err).Msg("cannot pull timers; trying again")
			pauseFor(ctx, pause)
		}
	}
}

func (t *timers) fetch(ctx context.Context) error {
	batch, done, err := t.o.fetch(ctx, t.consumer, pullBatch)
	if err != nil {
		return err
	}
	defer done()
	for m := range batch.Messages() {
		t.fire(m)
	}
	return ended(batch.Error())
}

// fire wakes the saga of one timer. A timer is gone only when the saga is in the
// inbox.
func (t *timers) fire(m jetstream.Msg) {
	id, err := protocol.ParseSagaID(m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:])
	if err != nil {
		t.o.log.Error().Err(err).Str("subject", m.Subject()).Msg("a timer of no saga; dropping it")
		_ = m.Term()
		return
	}
	t.o.cfg.Writer.Publish(wakeMessage(id), func(_ jetstream.PubAck, err error) {
		if err == nil || store.IsSubjectTaken(err) {
			err = m.Ack()
		} else {
			err = errors.Join(err, m.NakWithDelay(dueRetry))
		}
		if err != nil {
			t.o.log.Debug().Err(err).Str("saga_id", id.String()).Msg("a timer comes again")
		}
	})
}
