package store

import (
	"context"
	"fmt"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Followed is one message of a bucket as a follower sees it, in the order of
// the bucket's sequence numbers.
type Followed struct {
	Entry
	Deleted bool   // the key was deleted or has expired
	Pending uint64 // how many there were behind it when it was sent
}

// Follow calls see for every value of the bucket under a key pattern (">" is
// all), oldest first, and then for every change, until ctx ends. caughtUp is
// called once, when everything that was there at the beginning has been seen.
// headersOnly leaves the values out.
//
// It stands on an ordered consumer: a watch of the client library takes 19 s to
// resume after a restart of the server, this takes milliseconds.
func (b *Bucket) Follow(ctx context.Context, pattern string, headersOnly bool, see func(Followed), caughtUp func()) error {
	return b.followAs(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubject(b.name, pattern)}, HeadersOnly: headersOnly,
	}, see, caughtUp)
}

// FollowFrom is Follow for every key, without those values whose revision is
// below the given one.
func (b *Bucket) FollowFrom(ctx context.Context, revision uint64, see func(Followed), caughtUp func()) error {
	return b.followAs(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubjects(b.name)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(revision, 1),
	}, see, caughtUp)
}

func (b *Bucket) followAs(ctx context.Context, cfg jetstream.OrderedConsumerConfig, see func(Followed), caughtUp func()) error {
	stream, err := b.js.Stream(ctx, protocol.BucketStream(b.name))
	if err != nil {
		return fmt.Errorf("following %s: %w", b.name, err)
	}
	target := stream.CachedInfo().State.LastSeq
	cfg.InactiveThreshold = idleThreshold
	consumer, err := b.js.OrderedConsumer(ctx, protocol.BucketStream(b.name), cfg)
	if err != nil {
		return fmt.Errorf("following %s: %w", b.name, err)
	}
	defer b.drop(consumer)
	return b.follow(ctx, consumer, target, see, caughtUp)
}

func (b *Bucket) follow(ctx context.Context, consumer jetstream.Consumer, target uint64, see func(Followed), caughtUp func()) error {
	// Unlike all other requests of the library, this one waits for ever.
	asking, cancel := context.WithTimeout(ctx, attemptTimeout)
	info, err := consumer.Info(asking)
	cancel()
	if err != nil {
		return fmt.Errorf("following %s: %w", b.name, err)
	}
	waiting := info.NumPending > 0
	if !waiting {
		caughtUp()
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("following %s: %w", b.name, err)
	}
	defer messages.Stop()
	prefix := protocol.BucketSubject(b.name, "")
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("following %s: %w", b.name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("following %s: %w", b.name, err)
		}
		see(followed(strings.TrimPrefix(m.Subject(), prefix), m, meta))
		if waiting && (meta.NumPending == 0 || meta.Sequence.Stream >= target) {
			waiting = false
			caughtUp()
		}
	}
}

func followed(key string, m jetstream.Msg, meta *jetstream.MsgMetadata) Followed {
	h := m.Headers()
	return Followed{
		Entry: Entry{
			Key: key, Value: m.Data(), Revision: meta.Sequence.Stream,
			Header: h, Stored: meta.Timestamp,
		},
		Deleted: isDeletion(h),
		Pending: meta.NumPending,
	}
}

// The header with which a key-value bucket marks a deletion.
const (
	operationHeader = "KV-Operation"
	operationDelete = "DEL"
)

// isDeletion tells the mark that a deletion, or an expiry, has left from a value.
func isDeletion(h nats.Header) bool {
	return h.Get(operationHeader) != "" || h.Get("Nats-Marker-Reason") != ""
}

// Scan calls see for every value that is in the bucket now, and returns when it
// has seen all.
func (b *Bucket) Scan(ctx context.Context, pattern string, headersOnly bool, see func(Followed)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := false
	err := b.Follow(ctx, pattern, headersOnly, func(f Followed) {
		if !seen {
			see(f)
		}
	}, func() { seen = true; cancel() })
	if seen {
		return nil
	}
	return err
}
