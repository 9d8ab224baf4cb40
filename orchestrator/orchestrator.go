package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"amends/faults"
	"amends/orchestrator/actors"
	"amends/protocol"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
)

// Config is what an orchestrator needs. Conn, Writer and Definitions are
// required.
type Config struct {
	// Conn must have no reconnect buffer (nats.ReconnectBufSize(-1)): a command
	// is sent now or not at all.
	Conn *nats.Conn
	// Writer writes to the journal and the inbox; other roles of the process may
	// share it.
	Writer *store.Writer
	// Definitions by name. Sagas that began with an earlier version of one finish
	// on that.
	Definitions map[string]*saga.Definition
	// Name tells this instance from others in the records; no two may share it.
	Name string
	// Replicas of the streams, when they are made; 0 is 1.
	Replicas int
	// MaxLive caps the sagas in memory; 0 is 4,096.
	MaxLive int
	// AckWait is how long the inbox waits for a sign of life from an owner before
	// it gives the saga to another; 0 is 5 s, or 15 s with replicas. All
	// orchestrators of a system must agree on it.
	AckWait time.Duration
	// Retention is how long the records of ended sagas are kept, a second or
	// more; 0 is for ever.
	Retention time.Duration
	Log       zerolog.Logger
	// Faults drops, delays and doubles commands and answers on purpose; nil is
	// never.
	Faults *faults.Injector
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// flushTimeout bounds one round trip to the server.
const flushTimeout = 10 * time.Second

// handBackTimeout bounds how long Stop waits for sagas to be handed back; those
// that are not come back by themselves.
const handBackTimeout = 2 * time.Second

// maxPanics is how often a saga may panic in one process before it is
// quarantined.
const maxPanics = 3

// Orchestrator runs sagas. Several of them share the work.
type Orchestrator struct {
	cfg    Config
	log    zerolog.Logger
	js     jetstream.JetStream
	inbox  jetstream.Consumer
	hashes map[string]string // of the definitions, by name

	records   *records
	incidents *store.Bucket
	timers    *timers
	bus       *bus
	prices    *prices
	waiters   *waiters
	places    *places
	requests  slots
	wakes     slots
	actors    *actors.System
	service   micro.Service
	subs      []*nats.Subscription // of nudges and events

	background context.Context // ends with Stop
	cancel     context.CancelFunc
	tasks      sync.WaitGroup

	mu      sync.RWMutex
	live    map[string]*instance
	crashes map[string]int // panics by saga
	emptied chan struct{}  // closed when live is empty, while stopping

	missing   sync.Map // subjects of commands on which nobody listens
	fencedOff atomic.Uint64
}

// New checks the configuration and makes an orchestrator that Start starts.
func New(cfg Config) (*Orchestrator, error) {
	if cfg.Conn == nil || cfg.Writer == nil || len(cfg.Definitions) == 0 || cfg.Name == "" {
		return nil, errors.New("an orchestrator needs a connection, a writer, a name and a definition")
	}
	if cfg.Retention != 0 && cfg.Retention < time.Second {
		return nil, fmt.Errorf("a retention of %s is too short: give a second or more, or 0 for ever", cfg.Retention)
	}
	if cfg.MaxLive == 0 {
		cfg.MaxLive = 4096
	}
	if cfg.AckWait == 0 {
		cfg.AckWait = defaultAckWait(cfg.Replicas)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	o := &Orchestrator{
		cfg: cfg, log: cfg.Log.With().Str("role", "orchestrator").Logger(),
		hashes: make(map[string]string), prices: &prices{log: cfg.Log, products: make(map[string]protocol.Money)},
		waiters: newWaiters(), places: newPlaces(cfg.MaxLive), requests: make(slots, maxAside), wakes: make(slots, maxAside),
		live: make(map[string]*instance), crashes: make(map[string]int),
	}
	for name, def := range cfg.Definitions {
		o.hashes[name] = def.Hash()
	}
	o.actors = actors.New(o.log, o.onPanic)
	o.background, o.cancel = context.WithCancel(context.Background())
	return o, nil
}

// Start opens the streams, takes over what an earlier orchestrator left, and
// opens for starts. It returns when starts are answered.
func (o *Orchestrator) Start(ctx context.Context) error {
	var err error
	if o.js, err = jetstream.New(o.cfg.Conn); err != nil {
		return fmt.Errorf("starting the orchestrator: %w", err)
	}
	if err := o.open(ctx); err != nil {
		return fmt.Errorf("starting the orchestrator: %w", err)
	}
	o.task(o.pull)
	o.task(o.timers.follow)
	o.task(o.heartbeat)
	o.task(o.reconcile)
	if o.service, err = o.serve(); err != nil {
		return fmt.Errorf("starting the orchestrator: %w", err)
	}
	// The server must know the endpoints before anybody is told that they are
	// there.
	if err := o.cfg.Conn.FlushTimeout(flushTimeout); err != nil {
		return fmt.Errorf("starting the orchestrator: %w", err)
	}
	o.log.Info().Str("name", o.cfg.Name).Int("definitions", len(o.cfg.Definitions)).Msg("orchestrator ready")
	return nil
}

func (o *Orchestrator) open(ctx context.Context) error {
	bucket, err := o.openSagas(ctx)
	if err != nil {
		return err
	}
	known, err := store.Open(ctx, o.cfg.Writer, store.Config{Name: protocol.BucketDefinitions, Replicas: o.cfg.Replicas})
	if err != nil {
		return err
	}
	definitions, err := openShelf(ctx, known, o.cfg.Definitions, o.log)
	if err != nil {
		return err
	}
	o.records = &records{bucket: bucket, retention: o.cfg.Retention, definitions: definitions}
	if o.incidents, err = store.Open(ctx, o.cfg.Writer, store.Config{Name: protocol.BucketIncidents, Replicas: o.cfg.Replicas}); err != nil {
		return err
	}
	o.timers = &timers{o: o}
	if err := o.timers.open(ctx); err != nil {
		return err
	}
	if err := o.followPrices(ctx); err != nil {
		return err
	}
	if o.bus, err = newBus(o.cfg.Conn, o.cfg.Faults, o.deliver); err != nil {
		return err
	}
	if err := o.followNudges(); err != nil {
		return err
	}
	if err := o.openInbox(ctx); err != nil {
		return err
	}
	return o.followTriggers(ctx)
}

// followPrices returns when the price list is complete.
func (o *Orchestrator) followPrices(ctx context.Context) error {
	catalog, err := store.Open(ctx, o.cfg.Writer, store.Config{Name: protocol.BucketCatalog, Replicas: o.cfg.Replicas})
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	once := sync.OnceFunc(func() { close(ready) })
	o.task(func(ctx context.Context) {
		for ctx.Err() == nil {
			if err := o.prices.follow(ctx, catalog, once); err != nil && ctx.Err() == nil {
				o.log.Warn().Err(err).Msg("lost the price list; following it again")
				pauseFor(ctx, pause)
			}
		}
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve registers the micro service.
func (o *Orchestrator) serve() (micro.Service, error) {
	service, err := micro.AddService(o.cfg.Conn, micro.Config{
		Name: protocol.ServiceCheckout, Version: "1.0.0", QueueGroup: protocol.ServiceCheckout,
		Description: "starts checkouts and tells how they stand", Metadata: o.cfg.Faults.Metadata(),
	})
	if err != nil {
		return nil, fmt.Errorf("adding the service: %w", err)
	}
	for name, endpoint := range map[string]struct {
		subject string
		handle  micro.HandlerFunc
	}{
		"start":  {protocol.SubjectStart, o.handleStart},
		"status": {protocol.SubjectStatus, o.handleStatus},
		"list":   {protocol.SubjectList, o.handleList},

		"cancel":   {protocol.SubjectCancel, o.handleCancel},
		"retry":    {protocol.SubjectRetry, o.handleRetry},
		"resolve":  {protocol.SubjectResolve, o.handleResolve},
		"migrate":  {protocol.SubjectMigrate, o.handleMigrate},
		"plan":     {protocol.SubjectPlan, o.handlePlan},
		"callback": {protocol.SubjectCallbacks, o.handleCallback},

		"definitions": {protocol.SubjectDefinitions, o.handleDefinitions},
	} {
		if err := service.AddEndpoint(name, endpoint.handle, micro.WithEndpointSubject(endpoint.subject)); err != nil {
			return nil, fmt.Errorf("adding endpoint %s: %w", name, err)
		}
	}
	return service, nil
}

// Stop ends the orchestrator without losing anything: no new starts, what is
// quick is finished until ctx ends, the rest, and what waits, is handed back for
// others to continue at once. It may be called more than once.
func (o *Orchestrator) Stop(ctx context.Context) error {
	if o.isStopping() {
		return nil
	}
	if o.service != nil {
		if err := o.service.Stop(); err != nil {
			o.log.Warn().Err(err).Msg("cannot stop the service")
		}
	}
	for _, sub := range o.subs {
		// It fails when the connection was cut before.
		_ = sub.Unsubscribe()
	}
	o.cancel()
	o.tasks.Wait()
	for _, i := range o.living() {
		i.ref.Tell(stopping{})
	}
	o.drain(ctx)
	for _, i := range o.living() {
		i.ref.Tell(shutdown{})
	}
	handBack, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTimeout)
	defer cancel()
	o.drain(handBack)
	o.actors.Close()
	o.waiters.leave()
	if o.bus != nil {
		return o.bus.stop()
	}
	return nil
}

// isStopping reports whether Stop was called.
func (o *Orchestrator) isStopping() bool { return o.background.Err() != nil }

// drain waits until no saga is live, or ctx ends.
func (o *Orchestrator) drain(ctx context.Context) {
	o.mu.Lock()
	if len(o.live) == 0 {
		o.mu.Unlock()
		return
	}
	o.emptied = make(chan struct{})
	emptied := o.emptied
	o.mu.Unlock()
	select {
	case <-emptied:
	case <-ctx.Done():
	}
}

func (o *Orchestrator) task(run func(context.Context)) {
	o.tasks.Go(func() { run(o.background) })
}

func (o *Orchestrator) now() saga.Instant { return Instant(o.cfg.Now()) }

// learn fetches a definition that another orchestrator has begun a saga with.
func (o *Orchestrator) learn(name, hash string) {
	ctx, cancel := context.WithTimeout(o.background, loadTimeout)
	defer cancel()
	if _, err := o.records.definitions.fetch(ctx, name, hash); err != nil {
		o.log.Warn().Err(err).Str("definition", name).Str("hash", hash).Msg("cannot learn a definition")
	}
}
