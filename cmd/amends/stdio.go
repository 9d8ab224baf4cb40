package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"amends/embedded"
	"amends/gateway/stdio"
	"amends/protocol"
	"amends/saga"

	"github.com/rs/zerolog"
)

// stdioCommand speaks the lines of document 000 on stdin and stdout, with a whole
// system in this process or with one elsewhere.
type stdioCommand struct {
	NATS             string        `name:"nats" short:"s" placeholder:"URL" help:"Use the system on a NATS elsewhere; default is one in this process. NATS_URL is not looked at."`
	Creds            string        `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file, for --nats."`
	Stdout           string        `enum:"full,init-only" default:"full" help:"What goes to stdout: ${enum}; the rest goes to stderr."`
	ExternalServices bool          `help:"Send the commands as lines to the nodes inventory, payment and shipping, and await their replies on stdin."`
	Drain            time.Duration `default:"10s" help:"How long sagas in progress may take after the end of the input."`
}

func (c *stdioCommand) Run(ctx context.Context, log zerolog.Logger) error {
	if c.ExternalServices && c.Stdout == "init-only" {
		return &exitError{exitUsage, errors.New("--external-services needs --stdout=full: the commands are lines on stdout")}
	}
	elsewhere := accessFlags{NATS: c.NATS, Creds: c.Creds}
	if err := elsewhere.check(); c.NATS != "" && err != nil {
		return err
	}
	// Whoever reads our lines may go away: that ends the session, and the store is
	// removed, as at any other end.
	signal.Ignore(syscall.SIGPIPE)
	if c.NATS != "" {
		return c.speak(ctx, log, elsewhere.access(), nil)
	}
	system := &stdioSystem{log: log.Level(zerolog.WarnLevel), definitions: make(map[string]*saga.Definition)}
	if !c.ExternalServices {
		system.roles = []embedded.Role{embedded.Inventory, embedded.Payment, embedded.Shipping}
	}
	err := system.start(ctx)
	if err == nil {
		err = c.speak(ctx, log, embedded.Access{URL: system.server.URL()}, system.define)
	} else if ctx.Err() != nil {
		err = nil // told to stop before it could begin
	}
	end, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	if err != nil {
		cut() // whatever is in flight ends with the store: nobody waits for it
	}
	return errors.Join(err, system.stop(end))
}

// speak holds the session.
func (c *stdioCommand) speak(ctx context.Context, log zerolog.Logger, access embedded.Access, define func(context.Context, *saga.Definition) error) error {
	nc, err := access.Dial("amends stdio")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	err = stdio.Run(ctx, stdio.Config{
		Conn: nc, In: os.Stdin, Out: os.Stdout, Aside: os.Stderr, InitOnly: c.Stdout == "init-only",
		External: c.ExternalServices, Define: define, Drain: c.Drain, Log: log,
	})
	if unfinished, ok := errors.AsType[*stdio.UnfinishedError](err); ok {
		return &exitError{exitRunning, unfinished}
	}
	return err
}

// maxDefinitions bounds the definitions that clients make.
const maxDefinitions = 256

// stdioSystem is a whole system in this process, with a store of its own in a
// temporary folder. The orchestrator is apart from the rest: it is started anew
// with each definition that a client makes.
type stdioSystem struct {
	log      zerolog.Logger
	roles    []embedded.Role // of the participants; none if they are elsewhere
	server   *embedded.Server
	services *embedded.App
	remove   func() error

	mu           sync.Mutex
	definitions  map[string]*saga.Definition
	orchestrator *embedded.App
}

func (s *stdioSystem) start(ctx context.Context) error {
	data, remove, err := temporary()
	if err != nil {
		return err
	}
	s.remove = remove
	s.server, err = embedded.StartServer(embedded.ServerConfig{
		Data: data, Listen: "127.0.0.1:0", Durability: embedded.Interval, Log: s.log,
	})
	if err != nil {
		return err
	}
	if len(s.roles) > 0 {
		s.services = s.app(s.roles...)
		if err := s.services.Start(ctx); err != nil {
			return err
		}
	}
	s.orchestrator = s.app(embedded.Orchestrator)
	return s.orchestrator.Start(ctx)
}

func (s *stdioSystem) app(roles ...embedded.Role) *embedded.App {
	return embedded.New(embedded.Config{
		Access: embedded.Access{URL: s.server.URL()}, Roles: roles, Development: true,
		Definitions: maps.Clone(s.definitions), Log: s.log,
	})
}

// define has the orchestrator load one more definition: it is stopped, which hands
// its sagas back, and started anew. Whoever asks meanwhile finds nobody and asks
// again.
func (s *stdioSystem) define(ctx context.Context, def *saga.Definition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.definitions[def.Name] != nil {
		return nil
	}
	if len(s.definitions) == maxDefinitions {
		return &protocol.Error{Code: protocol.CodeOverloaded, Message: "too many kinds of sagas were described; begin another session"}
	}
	s.definitions[def.Name] = def
	if err := s.orchestrator.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the orchestrator to load definition %s: %w", def.Name, err)
	}
	s.orchestrator = s.app(embedded.Orchestrator)
	if err := s.orchestrator.Start(ctx); err != nil {
		return fmt.Errorf("loading definition %s: %w", def.Name, err)
	}
	return nil
}

// stop stops what was started, and removes the store.
func (s *stdioSystem) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, app := range []*embedded.App{s.orchestrator, s.services} {
		if app != nil {
			errs = append(errs, app.Stop(ctx))
		}
	}
	if s.server != nil {
		s.server.Stop()
	}
	if s.remove != nil {
		errs = append(errs, s.remove())
	}
	return errors.Join(errs...)
}
