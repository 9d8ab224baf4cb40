package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"amends/protocol"
	"amends/store"
)

// deedDone is what is remembered of a request that was carried out once: the value
// under a key of its own.
type deedDone[R any] struct {
	Hash  string          `json:"hash"`  // of the request's content
	At    int64           `json:"at"`    // microseconds since 1970 UTC
	Reply json.RawMessage `json:"reply"` // the answer, given again byte by byte
	Row   R               `json:"row"`   // what was done
}

// Deed is a request that is carried out once.
type Deed[R any] struct {
	Row    R      // what was done, to be remembered
	Reply  any    // becomes JSON
	Others []Row  // the values that change with it
	Undo   func() // takes it out of the picture again
}

// Once carries out a request that is no step of a saga, such as a delivery, and
// remembers it under a key of the bucket, together with whatever changes with it.
// The same request again has the same answer, and changes nothing; another one
// under the same key is a conflict. do is called when the picture of the guarded
// book is complete, and must be safe to call again. Its error should be a
// *protocol.Error.
func Once[Q, E, R any](
	ctx context.Context, b *Book[E], key string, request Q, do func(at int64) (Deed[R], error),
) (json.RawMessage, error) {
	hash, err := hashOf(request)
	if err != nil {
		return nil, err
	}
	for range maxTries {
		known, err := b.bucket.Get(ctx, key)
		if err == nil {
			return repeatOf[R](known, hash)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		var done deedDone[R]
		end, after, err := b.attempt(ctx, key, func() (move, error) {
			var m move
			done.Hash, done.At = hash, b.now().UnixMicro()
			d, err := do(done.At)
			if err == nil {
				m, err = moveOf(key, known.Revision, &done, d)
			}
			return m, err
		})
		switch {
		case err != nil:
			return nil, err
		case end == isStored:
			return done.Reply, nil
		case end == refused:
			if now, err := b.bucket.Get(ctx, key); now.Revision == known.Revision && (err == nil || errors.Is(err, store.ErrNotFound)) {
				b.view.need(after + 1)
			}
		}
	}
	return nil, fmt.Errorf("carrying out %s: others were faster %d times: %w", key, maxTries, store.ErrConflict)
}

// repeatOf is the answer to a request under a key that was used before.
func repeatOf[R any](known store.Entry, hash string) (json.RawMessage, error) {
	var done deedDone[R]
	if err := json.Unmarshal(known.Value, &done); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", known.Key, err)
	}
	if done.Hash != hash {
		return nil, &protocol.Error{
			Code: protocol.CodeIdempotencyConflict, Message: "this was asked for before with other content",
		}
	}
	return done.Reply, nil
}

// moveOf is the move that remembers a deed.
func moveOf[R any](key string, revision uint64, done *deedDone[R], d Deed[R]) (move, error) {
	var err error
	if done.Reply, err = json.Marshal(d.Reply); err == nil {
		done.Row = d.Row
		var value []byte
		if value, err = json.Marshal(done); err == nil {
			var puts []put
			if puts, err = withRows([]put{{key: key, value: value, guarded: true, revision: revision}}, d.Others); err == nil {
				return move{puts: puts, undo: d.Undo}, nil
			}
		}
	}
	d.Undo()
	return move{}, fmt.Errorf("encoding %s: %w", key, err)
}
