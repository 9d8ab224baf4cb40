// Package cart keeps what users want to buy, and buys it (S3-05).
//
// ledger.go has the rules of the items, purchase.go those of a checkout. desk.go
// adds, removes and shows; checkout.go starts the saga of a cart and waits for it,
// pursue.go finds out what became of it, and keeper.go does that for those for
// whom nobody waits any more. others.go asks the services beside. README.md says
// how a cart behaves.
package cart

import (
	"context"
	"fmt"
	"sync"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Definition is the name of the definition of the sagas that buy a cart.
const Definition = "cart"

// DefaultRetention is how long a cart is kept that nobody touches.
const DefaultRetention = 90 * 24 * time.Hour

const (
	// maxWaiting bounds the checkouts for whose end somebody waits at this replica.
	maxWaiting = 4096
	// longestWait outlasts every wait that a request may ask for.
	longestWait = protocol.MaxWaitMS*time.Millisecond + 5*time.Second
)

// Options are what a shop decides about its carts. The zero value is good.
type Options struct {
	// Retention is how long a cart is kept that nobody changes: at least a second;
	// 0 is DefaultRetention. A cart whose checkout runs is kept for ever.
	Retention time.Duration
	// Patience is how long a checkout may run before a replica that did not start
	// it looks after it; 0 is 15 s. A replica that died has none to wait for.
	Patience time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	if o.Retention < time.Second || o.Patience < 0 {
		return o, fmt.Errorf("configuring the cart: a retention of %s and a patience of %s make no sense", o.Retention, o.Patience)
	}
	return o, nil
}

// Service is the cart service. Any number of replicas may run.
type Service struct {
	worker  *worker.Service
	keeper  *keeper
	keeping context.Context // ends when Stop is called
	stop    context.CancelFunc
	kept    sync.WaitGroup
}

// desk is what the endpoints share.
type desk struct {
	carts *worker.Rows[Cart]
	conn  *nats.Conn
	now   func() time.Time
	// complaint is the log for what may go wrong with every request at once.
	complaint zerolog.Logger
}

// New describes the cart service with the default options.
func New(cfg worker.Config) (*Service, error) { return NewWith(cfg, Options{}) }

// NewWith describes the cart service.
func NewWith(cfg worker.Config, options Options) (*Service, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &desk{
		carts: worker.NewRows(rowKind(options.Retention)), conn: cfg.Conn, now: cfg.Clock(),
		complaint: cfg.Log.With().Str("service", protocol.ServiceCart).Logger().
			Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second}),
	}
	w, err := worker.New(cfg, protocol.ServiceCart, d.carts,
		worker.Serve(protocol.SubjectCartAdd, d.add),
		worker.Serve(protocol.SubjectCartRemove, d.remove),
		worker.Serve(protocol.SubjectCart, d.get),
		worker.Serve(protocol.SubjectCartCheckout, d.checkout).Patient(maxWaiting, longestWait),
	)
	if err != nil {
		return nil, err
	}
	s := &Service{worker: w, keeper: newKeeper(d, options.Patience)}
	s.keeping, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// rowKind is what a cart is to its bucket. Followers are told of the checkout that
// runs; such a cart must not expire, or its saga would be forgotten.
func rowKind(retention time.Duration) worker.RowKind[Cart] {
	return worker.RowKind[Cart]{
		Bucket: protocol.BucketCarts,
		Header: func(c Cart) nats.Header {
			if c.Checkout == nil {
				return nats.Header{}
			}
			return nats.Header{protocol.HeaderCheckout: {c.Checkout.SagaID}}
		},
		TTL: func(c Cart) time.Duration {
			if c.Checkout != nil {
				return 0
			}
			return retention
		},
	}
}

// Start opens the endpoints, as worker.Service does, and then looks after the
// checkouts that were left running, here or elsewhere.
func (s *Service) Start(ctx context.Context) error {
	if err := s.worker.Start(ctx); err != nil {
		return err
	}
	s.kept.Go(func() { s.keeper.run(s.keeping) })
	return nil
}

// Stop takes no more requests, tells those who wait for a checkout that it goes
// on, and lets go of everything. Stopping twice does no harm.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	err := s.worker.Stop(ctx)
	s.kept.Wait()
	return err
}
