package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// loadTimeout bounds one read of a record.
const loadTimeout = 5 * time.Second

// journal keeps the records of all sagas.
type journal struct {
	bucket      *store.Bucket
	retention   time.Duration // of terminal records; 0 is for ever
	definitions *shelf
}

// append writes a record in place of the revision that the caller knows, and
// calls done with the new revision, from another goroutine. A terminal record
// is written with the retention as its time to live; one in flight never
// expires.
func (j *journal) append(r *record, started saga.Instant, revision uint64, done func(uint64, error)) {
	w := &store.Write{Key: r.SagaID, Value: r.encode(), Revision: revision, Header: r.header(started)}
	if r.Phase.Terminal() {
		w.TTL = j.retention
	}
	j.bucket.Submit(w, done)
}

// load reads a saga from the leader of the stream. The error is
// store.ErrNotFound if there is none; errNoDefinition if its definition is not
// known here; a record that cannot be trusted comes as *brokenError.
func (j *journal) load(ctx context.Context, id protocol.SagaID) (*Journal, store.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	entry, err := j.bucket.Get(ctx, id.String())
	if err != nil {
		return nil, entry, err
	}
	find := func(name, hash string) (*saga.Definition, error) { return j.definitions.fetch(ctx, name, hash) }
	opened, err := OpenJournal(entry.Value, entry.Revision, find)
	if errors.Is(err, errNoDefinition) || errors.Is(err, store.ErrUnavailable) {
		return nil, entry, err
	}
	if err != nil {
		return nil, entry, &brokenError{id: id, cause: err}
	}
	return opened, entry, nil
}

// brokenError says that a saga has a record which cannot be continued: a person
// has to look at it.
type brokenError struct {
	id    protocol.SagaID
	cause error
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
