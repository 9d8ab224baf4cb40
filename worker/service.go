package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"amends/crew"

	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"
)

const (
	// version is what `nats micro ls` shows.
	version = "1.0.0"
	// openTimeout bounds one attempt to open the bucket, and openPause is the
	// wait before the next.
	openTimeout = 2 * time.Second
	openPause   = 250 * time.Millisecond
	// crewSize is how many goroutines are kept for commands.
	crewSize = 64
	// flushTimeout bounds the wait for the server when endpoints open.
	flushTimeout = 5 * time.Second
)

// Service is one participant: a micro service whose endpoints share one store.
// It starts once and stops once; Stop may come at any time, also before Start.
type Service struct {
	name      string
	cfg       Config
	complaint zerolog.Logger // for what may go wrong with every command at once
	store     Store
	endpoints []Endpoint
	gates     []*gate // that of the service first
	crew      *crew.Crew
	following sync.WaitGroup

	stopping context.Context // ends when Stop is called
	stop     context.CancelFunc
	life     context.Context // ends when the last command has been answered
	end      context.CancelFunc

	mu      sync.Mutex
	started bool
	micro   micro.Service
}

// Store is what a service remembers in: a *Book, *Rows, or several of them.
type Store interface {
	check() error
	open(ctx context.Context, cfg Config) error
	follow(ctx context.Context)
	look(ctx context.Context, do func()) error
}

// New describes a service. Its name is also the queue group of its endpoints,
// so that replicas share the work.
func New(cfg Config, name string, store Store, endpoints ...Endpoint) (*Service, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuring service %s: %w", name, err)
	}
	if err := store.check(); err != nil {
		return nil, fmt.Errorf("configuring service %s: %w", name, err)
	}
	cfg = cfg.withDefaults()
	cfg.Log = cfg.Log.With().Str("service", name).Logger()
	s := &Service{
		name: name, cfg: cfg, store: store, gates: []*gate{newGate(cfg.Concurrency)},
		complaint: cfg.Log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second}),
	}
	if cfg.AllowFaults {
		endpoints = append(endpoints, chances(name, cfg.Faults))
	}
	for _, e := range endpoints {
		s.endpoints = append(s.endpoints, s.bounded(e))
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// bounded gives an endpoint its bounds: those of the service, unless it has its
// own.
func (s *Service) bounded(e Endpoint) Endpoint {
	if e.limit == 0 {
		e.gate, e.timeout = s.gates[0], callTimeout
		return e
	}
	e.gate = newGate(e.limit)
	s.gates = append(s.gates, e.gate)
	return e
}

// Start opens the store and then the endpoints. It waits for NATS, JetStream and
// the bucket until ctx ends; afterwards ctx has no say.
func (s *Service) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopping.Err() != nil {
		return fmt.Errorf("starting service %s: it was started or stopped before", s.name)
	}
	s.started = true
	s.crew = crew.New(crewSize)
	context.AfterFunc(s.life, s.crew.Stop)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	if err := s.open(ctx); err != nil {
		s.end()
		return errors.Join(fmt.Errorf("starting service %s: %w", s.name, err), s.closeEndpoints())
	}
	s.cfg.Log.Info().Msg("service started")
	return nil
}

func (s *Service) open(ctx context.Context) error {
	if err := s.openStore(ctx); err != nil {
		return err
	}
	s.following.Go(func() { s.store.follow(s.life) })
	if err := s.store.look(ctx, func() {}); err != nil {
		return err
	}
	return s.openEndpoints(ctx)
}

// openStore tries until it succeeds or ctx ends: services start in any order
// (S3-17). It says once what it is waiting for.
func (s *Service) openStore(ctx context.Context) error {
	for waiting := false; ; waiting = true {
		err := s.tryOpenStore(ctx)
		if err == nil {
			return nil
		}
		if !waiting {
			s.cfg.Log.Warn().Err(err).Msg("waiting for JetStream")
		}
		if !pauseFor(ctx, openPause) {
			return err
		}
	}
}

func (s *Service) tryOpenStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return s.store.open(ctx, s.cfg)
}

func (s *Service) openEndpoints(ctx context.Context) error {
	service, err := micro.AddService(s.cfg.Conn, micro.Config{
		Name: s.name, Version: version, QueueGroup: s.name, Metadata: s.cfg.Faults.Metadata(),
	})
	if err != nil {
		return err
	}
	s.micro = service
	for _, e := range s.endpoints {
		name := e.subject[strings.LastIndexByte(e.subject, '.')+1:]
		handler := micro.HandlerFunc(func(r micro.Request) { s.take(e, r) })
		if err := service.AddEndpoint(name, handler, micro.WithEndpointSubject(e.subject)); err != nil {
			return fmt.Errorf("opening endpoint %s: %w", e.subject, err)
		}
	}
	// Whoever saw Start return may send a command: the server must know by then.
	return s.flush(ctx)
}

// flush returns when the server has taken in everything sent to it so far.
func (s *Service) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return s.cfg.Conn.FlushWithContext(ctx)
}

// Stop takes no more commands, waits until those in work are answered or ctx
// ends, and lets go of everything. Commands that come too late are asked to try
// again, which another replica will serve. Stopping twice does no harm.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.following.Wait()
	defer s.end()
	err := s.closeEndpoints()
	for _, g := range s.gates {
		g.close()
	}
	for _, g := range s.gates {
		if late := g.wait(ctx); late != nil {
			err = errors.Join(err, fmt.Errorf("waiting for commands in work: %w", late))
		}
	}
	if err != nil {
		return fmt.Errorf("stopping service %s: %w", s.name, err)
	}
	return nil
}

func (s *Service) closeEndpoints() error {
	if s.micro == nil {
		return nil
	}
	if err := s.micro.Stop(); err != nil {
		return fmt.Errorf("closing the endpoints: %w", err)
	}
	return nil
}
