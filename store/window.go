package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go/jetstream"
)

// Span returns the revisions between which all values of the bucket lie now. Last
// is 0 if nothing was ever written.
func (b *Bucket) Span(ctx context.Context) (first, last uint64, err error) {
	stream, err := b.js.Stream(ctx, protocol.BucketStream(b.name))
	if err != nil {
		return 0, 0, fmt.Errorf("looking at %s: %w", b.name, err)
	}
	state := stream.CachedInfo().State
	return state.FirstSeq, state.LastSeq, nil
}

// Window is a part of a bucket.
type Window struct {
	Pattern     string // of the keys; ">" is all
	First, Last uint64 // the revisions, both included
	Values      bool   // read the values, and not the headers alone
}

// Read calls see for what a part of the bucket holds now, oldest first, and returns
// when it has seen all. A bucket that grows to the end is read from there
// backwards, window by window, until the newest are found.
func (b *Bucket) Read(ctx context.Context, w Window, see func(Followed)) error {
	consumer, err := b.js.OrderedConsumer(ctx, protocol.BucketStream(b.name), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{protocol.BucketSubject(b.name, w.Pattern)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: w.First,
		HeadersOnly: !w.Values, InactiveThreshold: idleThreshold,
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", b.name, err)
	}
	defer b.drop(consumer)
	if err := b.window(ctx, consumer, w.Last, see); err != nil {
		return fmt.Errorf("reading %s: %w", b.name, err)
	}
	return nil
}

// idleThreshold is when the server forgets a consumer that was not dropped.
const idleThreshold = 10 * time.Second

// drop takes a consumer off the server at once: each one that stays makes every
// write to the bucket a little slower, and a server allows no more than 1,000.
func (b *Bucket) drop(consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	// If it fails, the server forgets the consumer by itself.
	_ = b.js.DeleteConsumer(ctx, protocol.BucketStream(b.name), consumer.CachedInfo().Name)
}

func (b *Bucket) window(ctx context.Context, consumer jetstream.Consumer, last uint64, see func(Followed)) error {
	asking, cancel := context.WithTimeout(ctx, attemptTimeout)
	info, err := consumer.Info(asking)
	cancel()
	if err != nil || info.NumPending == 0 {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	prefix := protocol.BucketSubject(b.name, "")
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Stream <= last {
			see(followed(strings.TrimPrefix(m.Subject(), prefix), m, meta))
		}
		if meta.Sequence.Stream >= last || meta.NumPending == 0 {
			return nil
		}
	}
}
