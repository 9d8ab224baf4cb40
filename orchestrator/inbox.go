package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
)

// The inbox is a work queue: JetStream gives each message to one orchestrator,
// and to another one when the first does not answer for it in time. Ownership,
// failover, back-pressure and scale-out are JetStream's own.

const (
	// pullBatch is how many messages one pull asks for at the most.
	pullBatch = 256
	// pullWait is how long one pull stays open.
	pullWait = 5 * time.Second
	// maxQueued bounds the starts that wait in the inbox; more are refused as
	// overloaded.
	maxQueued = 1_000_000
)

// defaultAckWait outlasts the election of a leader on a replicated stream (4 to
// 9 s); a single server needs none of that.
func defaultAckWait(replicas int) time.Duration {
	if replicas > 1 {
		return 15 * time.Second
	}
	return 5 * time.Second
}

// openInbox makes the work queue and its one durable consumer. A subject holds
// one message: a saga that is in the queue cannot be put into it again.
func (o *Orchestrator) openInbox(ctx context.Context) error {
	err := store.EnsureStream(ctx, o.js, jetstream.StreamConfig{
		Name: protocol.StreamInbox, Subjects: []string{protocol.InboxSubjects},
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: max(o.cfg.Replicas, 1),
		Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1, MaxMsgs: maxQueued,
		AllowAtomicPublish: true,
	})
	if err != nil {
		return err
	}
	o.inbox, err = o.js.CreateOrUpdateConsumer(ctx, protocol.StreamInbox, jetstream.ConsumerConfig{
		Durable: protocol.ConsumerInbox, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: o.cfg.AckWait, MaxAckPending: maxPending, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("creating the consumer of the inbox: %w", err)
	}
	return o.reclaim(ctx)
}

// maxPending bounds the sagas in flight of all orchestrators together.
const maxPending = 100_000

// reclaim has the messages of dead owners delivered at once. It does so only
// when nobody else pulls: then whoever holds a message is gone, and there is no
// reason to wait for its time to run out.
func (o *Orchestrator) reclaim(ctx context.Context) error {
	info, err := o.inbox.Info(ctx)
	if err != nil {
		return fmt.Errorf("looking at the consumer of the inbox: %w", err)
	}
	if info.NumAckPending == 0 || info.NumWaiting > 0 || o.hasCompany(ctx) {
		return nil
	}
	o.log.Info().Int("sagas", info.NumAckPending).Msg("taking over the sagas of an orchestrator that is gone")
	if _, err := o.js.ResetConsumer(ctx, protocol.StreamInbox, protocol.ConsumerInbox); err != nil {
		// They come all the same, when their time has run out.
		o.log.Warn().Err(err).Msg("cannot reset the inbox; the sagas come back within the ack wait")
	}
	return nil
}

// hasCompany reports whether another orchestrator answers. One that has as many
// sagas as it may does not pull, and is alive all the same.
func (o *Orchestrator) hasCompany(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ping, err := micro.ControlSubject(micro.PingVerb, protocol.ServiceCheckout, "")
	if err != nil {
		return true
	}
	_, err = o.cfg.Conn.RequestWithContext(ctx, ping, nil)
	return !errors.Is(err, nats.ErrNoResponders)
}

// pull takes messages from the inbox until ctx ends, never more than there are
// free places.
func (o *Orchestrator) pull(ctx context.Context) {
	for ctx.Err() == nil {
		places := o.places.take(ctx, pullBatch)
		if places == 0 {
			return
		}
		used, err := o.pullOnce(ctx, places)
		o.places.release(places - used)
		if err != nil && ctx.Err() == nil {
			o.log.Warn().Err(err).Msg("cannot pull from the inbox; trying again")
			pauseFor(ctx, pause)
		}
	}
}

// pullOnce runs one pull request. It returns how many sagas it has brought to
// life, each of which keeps its place.
func (o *Orchestrator) pullOnce(ctx context.Context, places int) (used int, err error) {
	batch, done, err := o.fetch(ctx, o.inbox, places)
	if err != nil {
		return 0, err
	}
	defer done()
	for m := range batch.Messages() {
		if o.route(m) {
			used++
		}
	}
	return used, ended(batch.Error())
}

// fetch sends one pull request, which ends after a while, or when the connection
// has come back: a server that was restarted knows nothing of a pull from before.
func (o *Orchestrator) fetch(ctx context.Context, from jetstream.Consumer, most int) (batch jetstream.MessageBatch, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	back := o.cfg.Conn.StatusChanged(nats.CONNECTED)
	go func() {
		<-back
		cancel()
	}()
	done = func() {
		cancel()
		o.cfg.Conn.RemoveStatusListener(back)
	}
	if batch, err = from.Fetch(most, jetstream.FetchContext(ctx)); err != nil {
		done()
		return nil, nil, err
	}
	return batch, done, nil
}

// ended is the error of a pull that did not just come to its end.
func ended(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// route gives a message to the actor of its saga, and spawns one if there is
// none. It returns whether it spawned one.
func (o *Orchestrator) route(m jetstream.Msg) (spawned bool) {
	d, err := newDelivery(m)
	if err != nil {
		o.log.Error().Err(err).Str("subject", m.Subject()).Msg("an inbox message is not usable; dropping it")
		if err := m.TermWithReason("not an inbox entry"); err != nil {
			o.log.Warn().Err(err).Msg("cannot drop an inbox message")
		}
		return false
	}
	ref, spawned, err := o.actorOf(d.id)
	if err != nil {
		o.log.Error().Err(err).Str("saga_id", d.id.String()).Msg("cannot spawn the actor of a saga; it comes again")
		return false
	}
	ref.Tell(delivered{d})
	return spawned
}

// heartbeat tells the inbox that the sagas which take long are still worked on.
func (o *Orchestrator) heartbeat(ctx context.Context) {
	every := o.cfg.AckWait / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, i := range o.living() {
				i.ref.Tell(beat{})
			}
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
