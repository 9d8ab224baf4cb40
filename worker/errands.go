package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a participant owes by itself stands in a work queue beside its bucket: one
// message per step, put in before the record says so. JetStream gives it to one
// replica, and to another one if that dies or asks for more time; it survives
// restarts; and to find what is open nobody has to read the bucket.

const (
	// maxErrands is how many steps one replica attends to at once.
	maxErrands = 32
	// errandWait is how long JetStream waits for a sign of life of a replica that
	// attends to one.
	errandWait = 5 * time.Second
	// firstPause is the wait before a step is attended to again; each further
	// one is twice as long, up to maxPause.
	firstPause, maxPause = 50 * time.Millisecond, 30 * time.Second
	// strayAfter is the age from which a message is dropped whose step is neither
	// decided nor owed anything: it outlasts the write that was to follow.
	strayAfter = 2 * callTimeout
	// errandPull is how long one pull stays open.
	errandPull = 5 * time.Second
)

// openErrands makes the work queue and its one durable consumer.
func (b *Book[E]) openErrands(ctx context.Context, replicas int) error {
	err := store.EnsureStream(ctx, b.js, jetstream.StreamConfig{
		Name: protocol.PromiseStream(b.name), Subjects: []string{protocol.PromiseSubjects(b.name)},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: max(replicas, 1),
		Discard: jetstream.DiscardOld, MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return err
	}
	return b.openConsumer(ctx)
}

func (b *Book[E]) openConsumer(ctx context.Context) error {
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, protocol.PromiseStream(b.name), jetstream.ConsumerConfig{
		Durable: protocol.ConsumerPromises, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: errandWait, MaxAckPending: -1, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("creating the consumer of what %s owes: %w", b.name, err)
	}
	b.errands = consumer
	return nil
}

// announce puts steps into the work queue.
func (b *Book[E]) announce(ctx context.Context, sagaID string, steps []int) error {
	id, err := protocol.ParseSagaID(sagaID)
	for _, step := range steps {
		if err == nil {
			_, err = b.writer.PublishWait(ctx, nats.NewMsg(protocol.PromiseSubject(b.name, protocol.StepKey(id, step))))
		}
	}
	if err != nil {
		return fmt.Errorf("announcing what is owed about saga %s: %w", sagaID, err)
	}
	return nil
}

// runErrands attends to what is owed until ctx ends.
func (b *Book[E]) runErrands(ctx context.Context) {
	b.reclaim(ctx)
	for ctx.Err() == nil {
		err := b.consume(ctx)
		if ctx.Err() != nil {
			return
		}
		b.complaint.Warn().Err(err).Str("bucket", b.name).Msg("cannot attend to what is owed; trying again")
		if !pauseFor(ctx, redrawPause) {
			return
		}
		if err := b.openConsumer(ctx); err != nil && ctx.Err() == nil {
			b.complaint.Warn().Err(err).Msg("cannot attend to what is owed")
		}
	}
}

// reclaim has the errands of dead replicas delivered at once, and anew, if nobody
// else is there. Attending to one twice does no harm.
func (b *Book[E]) reclaim(ctx context.Context) {
	info, err := b.errands.Info(ctx)
	if err == nil && info.NumAckPending > 0 && info.NumWaiting == 0 {
		_, err = b.js.ResetConsumer(ctx, protocol.PromiseStream(b.name), protocol.ConsumerPromises)
	}
	if err != nil && ctx.Err() == nil {
		// They come all the same, when the time of whoever had them has run out.
		b.log.Warn().Err(err).Str("bucket", b.name).Msg("cannot take over what a dead replica had begun")
	}
}

// consume takes errands until ctx ends or there is no consumer any more.
func (b *Book[E]) consume(ctx context.Context) error {
	room, free := newGate(maxErrands), make(chan struct{}, maxErrands)
	pulling, err := b.errands.Consume(func(m jetstream.Msg) {
		select {
		case free <- struct{}{}: // holds up the next ones while there is none
		case <-ctx.Done():
		}
		if ctx.Err() != nil || !room.enter() {
			b.settleErrand(m.Nak())
			return
		}
		go func() {
			defer func() { <-free }()
			defer room.leave()
			b.attend(ctx, m)
		}()
	}, jetstream.PullMaxMessages(maxErrands), jetstream.PullExpiry(errandPull))
	if err != nil {
		return err
	}
	select {
	case <-pulling.Closed():
		err = errors.New("the consumer is gone")
	case <-ctx.Done():
	}
	pulling.Stop() // the last ones may come all the same
	room.close()
	return errors.Join(err, room.wait(context.WithoutCancel(ctx)))
}

// attend does one errand, or asks for it again.
func (b *Book[E]) attend(ctx context.Context, m jetstream.Msg) {
	id, step, age, tries, err := b.readErrand(m)
	if err != nil {
		b.log.Error().Err(err).Str("subject", m.Subject()).Msg("a message is no errand; dropping it")
		b.settleErrand(m.Term())
		return
	}
	working, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	go b.beat(working, m)
	kept, err := b.tryToFulfil(working, id, step)
	switch {
	case err == nil && (kept || age > strayAfter):
		b.settleErrand(m.Ack())
	case ctx.Err() != nil:
		b.settleErrand(m.Nak())
	default:
		if err != nil && !errors.Is(err, errUndecided) {
			b.complaint.Warn().Err(err).Msg("what is owed cannot be done yet; trying again")
		}
		b.settleErrand(m.NakWithDelay(pauseAfter(tries)))
	}
}

// tryToFulfil is fulfil where a panic, of somebody's outside or ledger, costs this
// attempt only.
func (b *Book[E]) tryToFulfil(ctx context.Context, id protocol.SagaID, step int) (kept bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			b.log.Error().Str("stack", string(debug.Stack())).Msgf("what is owed panicked: %v", cause)
			kept, err = false, fmt.Errorf("panic: %v", cause)
		}
	}()
	return b.fulfil(ctx, id, step)
}

// readErrand says which step is meant, how old the message is, and how often it
// came.
func (b *Book[E]) readErrand(m jetstream.Msg) (
	id protocol.SagaID, step int, age time.Duration, tries uint64, err error,
) {
	meta, err := m.Metadata()
	if err != nil {
		return id, 0, 0, 0, err
	}
	saga, number, _ := strings.Cut(strings.TrimPrefix(m.Subject(), protocol.PromiseSubject(b.name, "")), ".")
	if id, err = protocol.ParseSagaID(saga); err != nil {
		return id, 0, 0, 0, err
	}
	step, err = strconv.Atoi(number)
	return id, step, time.Since(meta.Timestamp), meta.NumDelivered, err
}

// beat tells JetStream that an errand is attended to, until ctx ends.
func (b *Book[E]) beat(ctx context.Context, m jetstream.Msg) {
	tick := time.NewTicker(errandWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.settleErrand(m.InProgress())
		case <-ctx.Done():
			return
		}
	}
}

// settleErrand takes in whether JetStream was told. If it was not, the errand
// comes again, and is found done.
func (b *Book[E]) settleErrand(err error) {
	if err != nil {
		b.complaint.Debug().Err(err).Msg("JetStream was not told about an errand")
	}
}

// pauseAfter is how long to wait after the n-th attempt.
func pauseAfter(n uint64) time.Duration {
	return min(firstPause<<min(n-1, 16), maxPause)
}
