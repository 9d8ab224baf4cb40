// Package simulated is a bank that exists for demonstrations and tests only. It
// is deterministic: what it does with an order depends on the order, on how often
// it came, and on who pays (magic.go), and a restart changes nothing.
//
// Most users it can serve without keeping anything in mind (payment.Instant).
// What it does for the others it keeps in a bucket of its own, since a provider
// and whoever asks it do not remember the same things: that is the point of them.
package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"amends/payment"
	"amends/protocol"
	"amends/store"
)

// DefaultSilence is how long a call takes that gets no answer: longer than whoever
// sent the command waits.
const DefaultSilence = 3 * time.Second

// maxTries bounds how often an order is carried out anew because another call
// changed the account meanwhile.
const maxTries = 64

// errFault is what the bank says when it is unwell.
var errFault = errors.New("the bank has a technical fault")

// Config is what a bank needs. Writer is required.
type Config struct {
	Writer   *store.Writer
	Replicas int           // of the bucket BANK, if it is made here; 0 is 1
	Silence  time.Duration // how long a call takes that gets no answer; 0 is DefaultSilence
}

// Bank is a payment.Gateway. Any number may run on the same bucket: they are one
// bank.
type Bank struct {
	cfg Config

	mu     sync.Mutex
	bucket *store.Bucket // opened with the first order that needs it
}

// New opens a bank. It waits for nothing: the bucket is opened when it is needed.
func New(cfg Config) *Bank {
	if cfg.Silence <= 0 {
		cfg.Silence = DefaultSilence
	}
	return &Bank{cfg: cfg}
}

// Answer is the receipt of an order of a user about whom the bank keeps nothing in
// mind. It is part of payment.Instant.
func (b *Bank) Answer(o payment.Order) (payment.Receipt, bool) {
	behaves := behaviourOf(o.UserID)
	if !behaves.isInstant() {
		return payment.Receipt{}, false
	}
	takes := o.Kind == payment.KindCharge || o.Kind == payment.KindAuthorize
	switch {
	case takes && behaves.declined != nil:
		return payment.Receipt{State: payment.Declined, Failure: *behaves.declined}, true
	case o.Kind == payment.KindRefund && behaves.refuses != nil:
		return payment.Receipt{State: payment.Declined, Failure: *behaves.refuses}, true
	}
	r := payment.Receipt{State: payment.Approved, TransactionID: transactionID(o)}
	if o.Kind == payment.KindAuthorize {
		r.ExpiresAt = o.At + behaves.holdFor().Microseconds()
	}
	return r, true
}

// Submit carries an order out. It is part of payment.Gateway.
func (b *Bank) Submit(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	if r, ok := b.Answer(o); ok {
		return r, nil
	}
	for range maxTries {
		r, met, err := b.submitOnce(ctx, o)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil:
			return payment.Receipt{}, err
		case met == failed:
			return payment.Receipt{}, errFault
		case met == dropped:
			return payment.Receipt{}, b.silence(ctx)
		}
		return r, nil
	}
	return payment.Receipt{}, fmt.Errorf("carrying out %s: %w", o.Key, store.ErrConflict)
}

// submitOnce is one call of the bank, up to its own write. What is not stored did
// not happen.
func (b *Bank) submitOnce(ctx context.Context, o payment.Order) (payment.Receipt, fate, error) {
	bucket, acc, revision, err := b.load(ctx, o)
	if err != nil {
		return payment.Receipt{}, failed, err
	}
	r, met, err := acc.carry(o, behaviourOf(o.UserID))
	if err != nil {
		return r, met, fmt.Errorf("carrying out %s: %w", o.Key, err)
	}
	value, err := json.Marshal(acc)
	if err != nil {
		return r, met, fmt.Errorf("encoding the account of %s: %w", o.Key, err)
	}
	_, err = bucket.Put(ctx, store.Write{Key: accountOf(o), Value: value, Revision: revision})
	return r, met, err
}

// silence lets the caller wait for nothing.
func (b *Bank) silence(ctx context.Context) error {
	over := time.NewTimer(b.cfg.Silence)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
	return payment.ErrNoAnswer
}

// Find tells what became of an order. It is part of payment.Gateway.
func (b *Bank) Find(ctx context.Context, o payment.Order) (payment.Receipt, error) {
	behaves := behaviourOf(o.UserID)
	if behaves.isInstant() {
		return payment.Receipt{}, nil
	}
	_, acc, _, err := b.load(ctx, o)
	if err != nil {
		return payment.Receipt{}, err
	}
	return acc.receipt(o, behaves)
}

// load reads the account of an order; an empty one at revision 0 if there is
// none.
func (b *Bank) load(ctx context.Context, o payment.Order) (bucket *store.Bucket, acc *account, revision uint64, err error) {
	if bucket, err = b.open(ctx); err != nil {
		return nil, nil, 0, err
	}
	acc = &account{Orders: make(map[string]*order)}
	entry, err := bucket.Get(ctx, accountOf(o))
	if errors.Is(err, store.ErrNotFound) {
		return bucket, acc, entry.Revision, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value, acc)
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading the account of %s: %w", o.Key, err)
	}
	return bucket, acc, entry.Revision, nil
}

func (b *Bank) open(ctx context.Context) (*store.Bucket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bucket != nil {
		return b.bucket, nil
	}
	bucket, err := store.Open(ctx, b.cfg.Writer, store.Config{Name: protocol.BucketBank, Replicas: b.cfg.Replicas})
	if err == nil {
		b.bucket = bucket
	}
	return bucket, err
}

// accountOf is the key of an account: one per saga, so that all orders about one
// payment are in one record.
func accountOf(o payment.Order) string {
	sagaID, _, _ := strings.Cut(o.Key, ".")
	return sagaID
}
