package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Rows is a bucket of business rows that are no step's effect, such as shopping
// carts: one value per key, changed by compare-and-set. It can be used once its
// service has started.
type Rows[T any] struct {
	kind   RowKind[T]
	conn   *nats.Conn
	bucket *store.Bucket
	log    zerolog.Logger
}

// RowKind says what the rows of a bucket are.
type RowKind[T any] struct {
	// Bucket is its name.
	Bucket string
	// Header is what followers are told of a row; nil is nothing.
	Header func(row T) nats.Header
	// TTL is how long a row is kept after it was last changed: at least a second,
	// or 0 for ever. nil is for ever.
	TTL func(row T) time.Duration
}

// NewRows describes a bucket of rows, which is created if there is none.
func NewRows[T any](kind RowKind[T]) *Rows[T] { return &Rows[T]{kind: kind} }

func (r *Rows[T]) check() error { return nil }

func (r *Rows[T]) open(ctx context.Context, cfg Config) error {
	var err error
	r.conn, r.log = cfg.Conn, cfg.Log
	r.bucket, err = store.Open(ctx, cfg.Writer, store.Config{Name: r.kind.Bucket, Replicas: cfg.Replicas})
	return err
}

func (r *Rows[T]) follow(context.Context) {}

func (r *Rows[T]) look(_ context.Context, do func()) error {
	do()
	return nil
}

// Get reads a row from the leader of the bucket: never a stale one. Without a
// row, found is false.
func (r *Rows[T]) Get(ctx context.Context, key string) (row T, found bool, err error) {
	row, _, found, err = r.get(ctx, key)
	return row, found, err
}

func (r *Rows[T]) get(ctx context.Context, key string) (row T, revision uint64, found bool, err error) {
	entry, err := r.bucket.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return row, entry.Revision, false, nil
	}
	if err != nil {
		return row, 0, false, err
	}
	if err := json.Unmarshal(entry.Value, &row); err != nil {
		return row, 0, false, fmt.Errorf("decoding %s of %s: %w", key, r.kind.Bucket, err)
	}
	return row, entry.Revision, true, nil
}

// Change stores what change makes of a row, and returns the row as it is then;
// where there is none, change gets the zero value. If change says that nothing
// changed, or fails, nothing is stored.
//
// It must be safe to call change again: it sees the row anew when somebody else
// was faster, and after a write that was not acknowledged, which may be stored.
// So a change that must not happen twice has to leave its mark in the row.
func (r *Rows[T]) Change(ctx context.Context, key string, change func(row T) (after T, changed bool, err error)) (T, error) {
	for try := range maxTries {
		row, revision, _, err := r.get(ctx, key)
		if err != nil {
			return row, err
		}
		after, changed, err := change(row)
		if err != nil || !changed {
			return row, err
		}
		err = r.put(ctx, key, revision, after)
		if err == nil {
			return after, nil
		}
		if !isUndecided(err) {
			return row, err
		}
		// Others go first for a moment, longer with every try.
		if !pauseFor(ctx, time.Duration(rand.Int64N(int64(try+1)*int64(time.Millisecond)))) {
			return row, ctx.Err()
		}
	}
	var none T
	return none, fmt.Errorf("changing %s of %s: others were faster %d times: %w", key, r.kind.Bucket, maxTries, store.ErrConflict)
}

func (r *Rows[T]) put(ctx context.Context, key string, revision uint64, row T) error {
	value, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("encoding %s of %s: %w", key, r.kind.Bucket, err)
	}
	write := store.Write{Key: key, Value: value, Revision: revision}
	if r.kind.Header != nil {
		write.Header = r.kind.Header(row)
	}
	if r.kind.TTL != nil {
		write.TTL = r.kind.TTL(row)
	}
	writing, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, err = r.bucket.Put(writing, write)
	return err
}

// Follow tells see the header of every row there is, and then of every row that
// changes, until ctx ends; that of a deleted row is nil. It may tell the same
// again. A row whose time is over goes without a word.
func (r *Rows[T]) Follow(ctx context.Context, see func(key string, header nats.Header)) {
	for ctx.Err() == nil {
		if err := r.followOnce(ctx, see); err != nil && ctx.Err() == nil {
			r.log.Warn().Err(err).Str("bucket", r.kind.Bucket).Msg("cannot follow the bucket; trying again")
			pauseFor(ctx, redrawPause)
		}
	}
}

// followOnce follows until the connection is made anew: behind the new one may be
// a server that has lost the end of the bucket, which a follower would not notice.
func (r *Rows[T]) followOnce(ctx context.Context, see func(string, nats.Header)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reconnected := r.conn.StatusChanged(nats.CONNECTED)
	defer r.conn.RemoveStatusListener(reconnected)
	ended := make(chan error, 1)
	go func() {
		ended <- r.bucket.Follow(ctx, ">", true, func(f store.Followed) {
			switch {
			case ctx.Err() != nil:
			case f.Deleted:
				see(f.Key, nil)
			default:
				see(f.Key, f.Header)
			}
		}, func() {})
	}()
	select {
	case err := <-ended:
		return err
	case <-reconnected:
	case <-ctx.Done():
	}
	return nil
}
