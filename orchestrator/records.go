package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// loadTimeout bounds one read of a record.
const loadTimeout = 5 * time.Second

// records keeps the journals of all sagas.
type records struct {
	bucket      *store.Bucket
	retention   time.Duration // of terminal records; 0 is for ever
	definitions *shelf
}

// write is a new version of a record on its way to the bucket, with the state
// that it makes.
type write struct {
	record journal.Record
	state  saga.State
	def    *saga.Definition
	event  *saga.Event // the last one; nil if the write only claims the saga
}

// submit writes in place of the revision that the caller knows, and calls done
// with the new revision, from another goroutine. A terminal record is written
// with the retention as its time to live; one in flight never expires.
func (r *records) submit(w *write, revision uint64, done func(uint64, error)) {
	put := &store.Write{Key: w.record.SagaID, Value: w.record.Encode(), Revision: revision, Header: w.record.Header(w.def, &w.state)}
	if w.record.Phase.Terminal() {
		put.TTL = r.retention
	}
	r.bucket.Submit(put, done)
}

// put is submit for who can wait.
func (r *records) put(ctx context.Context, w *write, revision uint64) (uint64, error) {
	type result struct {
		revision uint64
		err      error
	}
	results := make(chan result, 1)
	r.submit(w, revision, func(revision uint64, err error) { results <- result{revision, err} })
	select {
	case r := <-results:
		return r.revision, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("writing the record: %w: %w", store.ErrUnknown, ctx.Err())
	}
}

// load reads a saga from the leader of the stream. The error is
// store.ErrNotFound if there is none, then mark is the revision that a deleted
// record left; errNoDefinition if its definition is not known here; a record that
// cannot be trusted comes as *brokenError.
func (r *records) load(ctx context.Context, id protocol.SagaID) (j *journal.Saga, mark uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	entry, err := r.bucket.Get(ctx, id.String())
	if err != nil {
		return nil, entry.Revision, err
	}
	find := func(name, hash string) (*saga.Definition, error) { return r.definitions.fetch(ctx, name, hash) }
	opened, err := journal.Open(entry.Value, entry.Revision, Instant(entry.Stored), find)
	if errors.Is(err, errNoDefinition) || errors.Is(err, store.ErrUnavailable) {
		return nil, entry.Revision, err
	}
	if err != nil {
		return nil, entry.Revision, &brokenError{id: id, cause: err, stored: Instant(entry.Stored), revision: entry.Revision}
	}
	return opened, entry.Revision, nil
}

// brokenError says that a saga has a record which cannot be continued: a person
// has to look at it.
type brokenError struct {
	id       protocol.SagaID
	cause    error
	stored   saga.Instant
	revision uint64
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("the record of saga %s cannot be trusted: %v", e.id, e.cause)
}

func (e *brokenError) Unwrap() error { return e.cause }

// isBroken reports whether err says that a record cannot be continued.
func isBroken(err error) bool {
	_, ok := errors.AsType[*brokenError](err)
	return ok
}
