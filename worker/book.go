package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// writeTimeout is how long a write waits for its acknowledgement before the book
// reads back what became of it.
const writeTimeout = 3 * time.Second

// Book is where a participant remembers: one record (Memory) per step of a saga,
// in one bucket, under the key <prefix><saga_id>.<step>. It can be written in
// once its service has started.
type Book[E any] struct {
	name   string   // of the bucket
	prefix string   // ends in a dot, or is empty
	view   *view[E] // nil in a plain book

	outside Outside[E]         // nil if the ledger decides everything
	errands jetstream.Consumer // of what is owed; nil without an outside

	reach   reach   // of a guarded book, like the next three
	chores  []chore // done by the replica that writes
	relays  bool    // commands go to that replica (see Relay)
	service string  // whose replicas they are

	conn      *nats.Conn
	js        jetstream.JetStream
	bucket    *store.Bucket
	writer    *store.Writer
	now       func() time.Time
	log       zerolog.Logger
	complaint zerolog.Logger // for what may go wrong again and again
}

// NewBook describes a book whose decisions each concern one record only, such
// as a charge.
func NewBook[E any](bucket string) *Book[E] {
	return &Book[E]{name: bucket}
}

func (b *Book[E]) check() error {
	if b.view != nil && b.outside != nil {
		return fmt.Errorf("bucket %s: a guarded book decides by its picture and consults nobody", b.name)
	}
	return nil
}

// open binds the book to its bucket, which is created if there is none.
func (b *Book[E]) open(ctx context.Context, cfg Config) error {
	var err error
	if b.bucket, err = store.Open(ctx, cfg.Writer, store.Config{Name: b.name, Replicas: cfg.Replicas}); err != nil {
		return err
	}
	if b.js, err = jetstream.New(cfg.Conn); err != nil {
		return fmt.Errorf("opening bucket %s: %w", b.name, err)
	}
	b.conn, b.writer, b.now, b.log = cfg.Conn, cfg.Writer, cfg.Now, cfg.Log
	b.complaint = cfg.Log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second})
	switch {
	case b.view != nil:
		return b.prepareChain(ctx)
	case b.outside != nil:
		return b.openErrands(ctx, cfg.Replicas)
	}
	return nil
}

// follow keeps the picture of a guarded book up to date and does its chores, or
// attends to what a plain one owes, until ctx ends.
func (b *Book[E]) follow(ctx context.Context) {
	switch {
	case b.view != nil:
		b.tendAll(ctx)
	case b.outside != nil:
		b.runErrands(ctx)
	}
}

// look calls do when the book can decide.
func (b *Book[E]) look(ctx context.Context, do func()) error {
	if b.view != nil {
		return b.lookAtStored(ctx, do)
	}
	do()
	return nil
}

// recalled is a memory and the revision at which it was read; 0 if there never
// was one.
type recalled[E any] struct {
	memory   Memory[E]
	revision uint64
}

// decider makes the next memory of a step from the one before.
type decider[E any] func(Memory[E]) (Memory[E], error)

// recall reads what is remembered of a step, from the leader of the bucket. A
// step never heard of is the zero value.
func (b *Book[E]) recall(ctx context.Context, step string) (recalled[E], error) {
	var r recalled[E]
	entry, err := b.bucket.Get(ctx, b.prefix+step)
	r.revision = entry.Revision
	if errors.Is(err, store.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(entry.Value, &r.memory); err != nil {
		return r, fmt.Errorf("decoding %s%s of %s: %w", b.prefix, step, b.name, err)
	}
	return r, nil
}

// keep stores what decide makes of what is known of a step, and returns what is
// remembered of it afterwards: its own memory, or another if the record, or the
// picture on which the decision rests, has changed meanwhile. An error says that
// nothing is known.
func (b *Book[E]) keep(ctx context.Context, step string, known recalled[E], decide decider[E]) (recalled[E], error) {
	if b.view != nil {
		return b.keepInChain(ctx, step, known, decide)
	}
	m, err := decide(known.memory)
	if err != nil {
		return known, err
	}
	if more := m.owesMoreThan(&known.memory); len(more) > 0 {
		// An errand for what is not going to be stored is a nuisance: look first.
		now, err := b.recall(ctx, step)
		if err != nil || now.revision != known.revision {
			return now, err
		}
		if err := b.announce(ctx, m.SagaID, more); err != nil {
			return known, err
		}
	}
	value, err := b.encode(step, m)
	if err != nil {
		return known, err
	}
	writing, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	revision, err := b.bucket.Put(writing, store.Write{Key: b.prefix + step, Value: value, Revision: known.revision})
	switch {
	case err == nil:
		return recalled[E]{memory: m, revision: revision}, nil
	case isUndecided(err):
		return b.recall(ctx, step)
	}
	return known, err
}

func (b *Book[E]) encode(step string, m Memory[E]) ([]byte, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s%s of %s: %w", b.prefix, step, b.name, err)
	}
	return value, nil
}

// isUndecided tells errors of a write after which the record must be read again.
func isUndecided(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnknown)
}
