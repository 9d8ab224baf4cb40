package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// horizonKey is where the horizon of a bucket stands. No other key may be
	// named so.
	horizonKey = "horizon"
	// horizonEvery is how often it is looked at, and horizonStep by how many
	// sequence numbers it must have moved to be written again.
	horizonEvery, horizonStep = 10 * time.Second, 10_000
)

// horizon says that no business row stored up to a sequence number is needed for
// the picture any more. That stays true for ever: whatever changes is stored anew,
// beyond it. So a start reads what is open, not what has ended.
type horizon struct {
	// Stream is when the stream of the bucket was created. Values that were
	// copied into another one have other sequence numbers there.
	Stream   time.Time `json:"stream"`
	Sequence uint64    `json:"sequence"`
}

// readHorizon returns the sequence number up to which nothing needs to be read; 0
// if everything does.
func (b *Book[E]) readHorizon(ctx context.Context, info *jetstream.StreamInfo) (uint64, error) {
	entry, err := b.bucket.Get(ctx, horizonKey)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var h horizon
	if err := json.Unmarshal(entry.Value, &h); err != nil || !h.Stream.Equal(info.Created) || h.Sequence >= entry.Revision {
		b.log.Warn().Str("bucket", b.name).Msg("the horizon is not that of this bucket; reading all of it")
		return 0, nil
	}
	return h.Sequence, nil
}

// moveHorizon writes the horizon down when it has moved far enough.
func (b *Book[E]) moveHorizon(ctx context.Context) {
	stream, err := b.stream(ctx)
	if err != nil {
		return // whoever needs the bucket says so
	}
	info := stream.CachedInfo()
	before, err := b.readHorizon(ctx, info)
	if err != nil {
		return
	}
	// If it is not stored now, it will be another time.
	_, _, _ = b.attempt(ctx, horizonKey, func() (move, error) {
		next := b.view.horizon()
		if next < before+horizonStep {
			return move{}, nil
		}
		puts, err := withRows(nil, []Row{{Key: horizonKey, Value: horizon{Stream: info.Created, Sequence: next}}})
		return move{puts: puts, undo: func() {}}, err
	})
}

// horizon is how far it reaches now. What is on its way is stored before a horizon
// that was seen from there, or that is not stored either. It is called with the
// lock held.
func (v *view[E]) horizon() uint64 {
	if oldest, ok := v.picture.Oldest(); ok {
		return min(oldest-1, v.chain.tip.sequence)
	}
	return v.chain.tip.sequence
}
