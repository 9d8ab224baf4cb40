package store

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MaxBatch bounds the messages of one batch.
const MaxBatch = maxBatch

// PublishBatchWait is PublishBatch for a caller that waits. It returns the
// sequence number of the last message. One message goes alone.
func (w *Writer) PublishBatchWait(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	type result struct {
		ack jetstream.PubAck
		err error
	}
	done := make(chan result, 1)
	settle := func(ack jetstream.PubAck, err error) { done <- result{ack, err} }
	if len(messages) == 1 {
		w.Publish(messages[0], settle)
	} else {
		w.PublishBatch(messages, settle)
	}
	select {
	case r := <-done:
		return r.ack.Sequence, r.err
	case <-ctx.Done():
		return 0, ErrUnknown
	}
}
