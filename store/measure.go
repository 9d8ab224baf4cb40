package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// probeWrites is how many writes a measurement sends at once.
const probeWrites = 32

// maxGroupFrom is the size from which groups no longer pay: so many writes
// seldom wait at once.
const maxGroupFrom = 64

// Measure finds out, on a scratch stream, from how many waiting writes on an
// atomic batch is cheaper than single writes on this server. A single server
// that syncs every write gains from a few; one that syncs now and then never
// does, and the answer is 0.
func Measure(ctx context.Context, nc *nats.Conn, replicas int) (groupFrom int, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	removeOld(ctx, js)
	name := probePrefix + nuid.Next()
	cfg := bucketStream(Config{Name: name, Replicas: replicas})
	if err := EnsureStream(ctx, js, cfg); err != nil {
		return 0, fmt.Errorf("measuring writes: %w", err)
	}
	defer func() {
		if gone := js.DeleteStream(context.WithoutCancel(ctx), cfg.Name); err == nil && gone != nil {
			err = fmt.Errorf("removing the scratch stream: %w", gone)
		}
	}()
	w, err := NewWriter(nc, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = w.Close() }() // of the scratch stream nothing matters any more
	g := &group{writer: w, batchID: nuid.Next()}
	singles, err := bestTime(ctx, name+".single", g.singles)
	if err != nil {
		return 0, fmt.Errorf("measuring single writes: %w", err)
	}
	batch, err := bestTime(ctx, name+".batch", func(round []*grouped) { g.batch(nuid.Next(), round) })
	if err != nil {
		return 0, fmt.Errorf("measuring a batch: %w", err)
	}
	from := int(batch*probeWrites/singles) + 1
	if from > maxGroupFrom {
		return 0, nil
	}
	return max(from, 2), nil
}

// probePrefix begins the names of scratch streams.
const probePrefix = "AMENDS_PROBE_"

// removeOld removes the scratch streams of processes that were killed before
// they could. What it cannot remove is left for the next one.
func removeOld(ctx context.Context, js jetstream.JetStream) {
	for stream := range js.ListStreams(ctx).Info() {
		if strings.HasPrefix(stream.Config.Name, protocol.BucketStream(probePrefix)) && time.Since(stream.Created) > time.Minute {
			_ = js.DeleteStream(ctx, stream.Config.Name)
		}
	}
}

// bestTime returns the best of three times that probeWrites new keys take to be
// stored all at once.
func bestTime(ctx context.Context, keys string, send func([]*grouped)) (time.Duration, error) {
	best := time.Duration(math.MaxInt64)
	for n := range 3 {
		begin := time.Now()
		if err := storeRound(ctx, fmt.Sprintf("$KV.%s.%d.", keys, n), send); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin))
	}
	return best, nil
}

func storeRound(ctx context.Context, subjects string, send func([]*grouped)) error {
	stored := make(chan error, probeWrites)
	round := make([]*grouped, probeWrites)
	for i := range round {
		write := &Write{Value: make([]byte, 256), subject: subjects + strconv.Itoa(i)}
		round[i] = &grouped{write: write, done: func(_ uint64, err error) { stored <- err }}
	}
	send(round)
	for range round {
		select {
		case err := <-stored:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
