package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"amends/journal"
	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// errNoDefinition says that nobody has stored the definition that a saga began
// with.
var errNoDefinition = errors.New("the definition that the saga began with is not stored")

// records reads the journals of sagas.
type records struct {
	sagas       *store.Bucket
	definitions *store.Bucket

	mu    sync.RWMutex
	known map[string]*saga.Definition // by key; a version never changes, and there are few
}

func newRecords(sagas, definitions *store.Bucket) *records {
	return &records{sagas: sagas, definitions: definitions, known: make(map[string]*saga.Definition)}
}

// record is a journal that was read, and what is told of it.
type record struct {
	*journal.Saga
	facts []Fact
	notes []Note
}

// open reads a record. The error is errNoDefinition, store.ErrUnavailable when the
// definition cannot be read now, or says what is wrong with the record.
func (r *records) open(ctx context.Context, value []byte, revision uint64, stored time.Time) (*record, error) {
	var first *saga.Definition
	j, err := journal.Open(value, revision, saga.Instant(stored.UnixMicro()), func(name, hash string) (*saga.Definition, error) {
		def, err := r.definition(ctx, name, hash)
		first = def
		return def, err
	})
	if err != nil {
		return nil, err
	}
	facts, notes := Tell(first, j.Sequence)
	return &record{Saga: j, facts: facts, notes: notes}, nil
}

// load reads the record of a saga from the leader of the stream. The error is
// store.ErrNotFound if there is none, or as for open.
func (r *records) load(ctx context.Context, id protocol.SagaID) (*record, error) {
	entry, err := r.sagas.Get(ctx, id.String())
	if err != nil {
		return nil, err
	}
	return r.open(ctx, entry.Value, entry.Revision, entry.Stored)
}

func (r *records) definition(ctx context.Context, name, hash string) (*saga.Definition, error) {
	key := protocol.DefinitionKey(name, hash)
	r.mu.RLock()
	def := r.known[key]
	r.mu.RUnlock()
	if def != nil {
		return def, nil
	}
	entry, err := r.definitions.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", errNoDefinition, key)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(entry.Value, &def); err != nil {
		return nil, fmt.Errorf("decoding definition %s: %w", key, err)
	}
	if protocol.DefinitionKey(def.Name, def.Hash()) != key {
		return nil, fmt.Errorf("definition %s was changed after it was stored", key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[key] = def
	return def, nil
}
