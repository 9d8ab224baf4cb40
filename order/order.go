package order

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
)

// Config is what the role needs. Conn and Writer are required.
type Config struct {
	// Conn must have no reconnect buffer (nats.ReconnectBufSize(-1)).
	Conn *nats.Conn
	// Writer writes the events; other roles of the process may share it.
	Writer *store.Writer
	// Replicas of the streams, when they are made; 0 is 1.
	Replicas int
	Log      zerolog.Logger
}

// Service is the role. Any number of them share the work.
type Service struct {
	cfg       Config
	log       zerolog.Logger
	complaint zerolog.Logger // at most one line a second

	js       jetstream.JetStream
	records  *records
	outbox   *outbox
	consumer jetstream.Consumer
	pace     pace
	micro    micro.Service
	bounds   bounds
	getting  *places
	listing  *places

	background context.Context // ends with Stop
	cancel     context.CancelFunc
	tasks      sync.WaitGroup
}

// flushTimeout bounds one round trip to the server.
const flushTimeout = 10 * time.Second

// New checks the configuration and makes a service that Start starts.
func New(cfg Config) (*Service, error) {
	if cfg.Conn == nil || cfg.Writer == nil {
		return nil, errors.New("the order service needs a connection and a writer")
	}
	log := cfg.Log.With().Str("role", protocol.ServiceOrder).Logger()
	s := &Service{
		cfg: cfg, log: log, complaint: log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second}),
		getting: newPlaces(maxRequests, maxRequests), listing: newPlaces(maxRequests, maxLists), bounds: usualBounds, pace: usual,
	}
	s.background, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Start opens the streams, goes on with the events where it was left, and opens
// for questions. It returns when they are answered.
func (s *Service) Start(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return fmt.Errorf("starting the order service: %w", err)
	}
	s.tasks.Go(func() { s.follow(s.background) })
	if err := s.serve(); err != nil {
		return fmt.Errorf("starting the order service: %w", err)
	}
	// The server must know the endpoints before anybody is told that they are
	// there.
	if err := s.cfg.Conn.FlushTimeout(flushTimeout); err != nil {
		return fmt.Errorf("starting the order service: %w", err)
	}
	s.log.Info().Msg("order service ready")
	return nil
}

func (s *Service) open(ctx context.Context) error {
	var err error
	if s.js, err = jetstream.New(s.cfg.Conn); err != nil {
		return err
	}
	buckets := make(map[string]*store.Bucket)
	for _, name := range []string{protocol.BucketSagas, protocol.BucketDefinitions, protocol.BucketOrders} {
		if buckets[name], err = store.Open(ctx, s.cfg.Writer, store.Config{Name: name, Replicas: s.cfg.Replicas}); err != nil {
			return err
		}
	}
	s.records = newRecords(buckets[protocol.BucketSagas], buckets[protocol.BucketDefinitions])
	s.outbox = &outbox{nc: s.cfg.Conn, js: s.js, writer: s.cfg.Writer, customers: buckets[protocol.BucketOrders]}
	if err := s.outbox.open(ctx, s.cfg.Replicas); err != nil {
		return err
	}
	return s.openConsumer(ctx)
}

// Stop takes no more questions and records, and waits until those in hand are
// through or ctx ends. Whatever is left half done is done again by whoever comes
// next. It may be called more than once.
func (s *Service) Stop(ctx context.Context) error {
	var err error
	if s.micro != nil {
		err = s.micro.Stop()
	}
	s.cancel()
	done := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
