package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"amends/definitions"
	"amends/embedded"
	"amends/saga"

	"github.com/rs/zerolog"
)

// systemFlags are those of a process that runs sagas.
type systemFlags struct {
	Retention time.Duration `default:"2160h" env:"AMENDS_RETENTION" help:"How long records of ended sagas are kept; 0 is for ever."`
	MaxLive   int           `default:"4096" env:"AMENDS_MAX_LIVE" help:"Most sagas in memory at once; more wait in the inbox."`
	Replicas  int           `default:"1" env:"AMENDS_REPLICAS" help:"Copies of each stream, when streams are made (3 in a cluster)."`

	Definitions string `type:"existingdir" env:"AMENDS_DEFINITIONS" placeholder:"FOLDER" help:"Definitions of one's own, *.yaml or *.yml, beside those of the program."`
}

// definitions reads the folder of definitions, if there is one. Whoever replaces
// a definition of the program is told.
func (f *systemFlags) definitions(log zerolog.Logger) (map[string]*saga.Definition, error) {
	if f.Definitions == "" {
		return nil, nil
	}
	own, err := definitions.LoadFolder(f.Definitions)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	shipped, err := definitions.Shipped()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(own.Files)) {
		if shipped[name] != nil {
			log.Warn().Str("definition", name).Str("file", own.Files[name]).Msg("a definition of the program is replaced by one of --definitions")
		}
	}
	return own.Definitions, nil
}

// serveCommand runs everything in one process.
type serveCommand struct {
	systemFlags
	httpFlags
	serviceFaultFlags
	shippingFlags
	NATSListen string `name:"nats-listen" default:"127.0.0.1:4222" env:"AMENDS_NATS_LISTEN" help:"Where NATS clients connect."`
	Data       string `default:"./amends-data" env:"AMENDS_DATA" type:"path" help:"Folder of the store."`
	Durability string `enum:"disk,interval" default:"disk" env:"AMENDS_DURABILITY" help:"disk: every acknowledged step is on disk first. interval: synced every 100 ms."`
	Catalog    string `enum:"development,none" default:"development" env:"AMENDS_CATALOG" help:"What an empty store is filled with: ${enum}."`
}

func (c *serveCommand) Run(ctx context.Context, log zerolog.Logger) error {
	if err := c.check(); err != nil {
		return err
	}
	http, err := c.checked(log)
	if err != nil {
		return err
	}
	defs, err := c.definitions(log)
	if err != nil {
		return err
	}
	cfg := embedded.Config{
		CancelWindow: c.CancelWindow,
		Server: &embedded.ServerConfig{
			Data: c.Data, Listen: c.NATSListen, Durability: embedded.Durability(c.Durability), Log: log,
		},
		Replicas: c.Replicas, Retention: c.Retention, MaxLive: c.MaxLive, Definitions: defs, HTTP: http,
		Development: c.Catalog == "development", Log: log,
	}
	if err := c.endanger(&cfg); err != nil {
		return err
	}
	return runApp(ctx, embedded.New(cfg), log)
}

// roleCommand runs one role on a NATS elsewhere.
type roleCommand struct {
	systemFlags
	accessFlags
	serviceFaultFlags
	Catalog    string `enum:"development,none" default:"development" env:"AMENDS_CATALOG" help:"What an empty store is filled with: ${enum}."`
	WhileStdin bool   `hidden:"" help:"End when stdin does."`
}

func (c *roleCommand) Run(ctx context.Context, role embedded.Role, log zerolog.Logger) error {
	cfg, err := c.config(role, log)
	if err != nil {
		return err
	}
	return c.run(ctx, cfg, log)
}

// config is the configuration of an app of one role.
func (c *roleCommand) config(role embedded.Role, log zerolog.Logger) (embedded.Config, error) {
	if err := c.systemFlags.check(); err != nil {
		return embedded.Config{}, err
	}
	defs, err := c.definitions(log)
	if err != nil {
		return embedded.Config{}, err
	}
	cfg := embedded.Config{
		Roles: []embedded.Role{role}, Access: c.access(),
		Replicas: c.Replicas, Retention: c.Retention, MaxLive: c.MaxLive, Definitions: defs,
		Development: c.Catalog == "development", Log: log,
	}
	err = c.endanger(&cfg)
	return cfg, err
}

// run runs an app until the process is told to stop, or stdin ends if it is to end
// with that.
func (c *roleCommand) run(ctx context.Context, cfg embedded.Config, log zerolog.Logger) error {
	if c.WhileStdin {
		var stop context.CancelFunc
		ctx, stop = whileStdin(ctx)
		defer stop()
	}
	return runApp(ctx, embedded.New(cfg), log)
}

// whileStdin ends when stdin does: a process that was started with a pipe does not
// outlive whoever holds the other end.
func whileStdin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return ctx, stop
}

// runApp runs an app until the process is told to stop.
func runApp(ctx context.Context, app *embedded.App, log zerolog.Logger) error {
	if err := app.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	// Reading the stores back leaves much behind that nobody needs any more.
	debug.FreeOSMemory()
	ready := log.Info()
	if url := app.URL(); url != "" {
		ready = ready.Str("nats", url)
	}
	ready.Msg("ready")
	select {
	case <-ctx.Done():
		log.Info().Msg("stopping")
		return app.Stop(context.WithoutCancel(ctx))
	case err := <-app.Lost():
		err = fmt.Errorf("NATS has closed the connection for good: %w", err)
		return errors.Join(err, app.Stop(context.WithoutCancel(ctx)))
	}
}

// natsCommand runs only the embedded NATS server.
type natsCommand struct {
	Config     string `type:"existingfile" help:"A NATS configuration file; the other flags are then not used."`
	NATSListen string `name:"nats-listen" default:"127.0.0.1:4222" env:"AMENDS_NATS_LISTEN" help:"Where NATS clients connect."`
	Data       string `default:"./amends-data" env:"AMENDS_DATA" type:"path" help:"Folder of the store."`
	Durability string `enum:"disk,interval" default:"disk" env:"AMENDS_DURABILITY" help:"disk: every acknowledged write is on disk first. interval: synced every 100 ms."`
}

func (c *natsCommand) Run(ctx context.Context, log zerolog.Logger) error {
	server, err := c.start(log)
	if err != nil {
		return err
	}
	log.Info().Str("nats", server.URL()).Msg("ready")
	<-ctx.Done()
	server.Stop()
	return nil
}

func (c *natsCommand) start(log zerolog.Logger) (*embedded.Server, error) {
	if c.Config != "" {
		return embedded.StartServerFromFile(c.Config, log)
	}
	if err := checkNATSListen(c.NATSListen); err != nil {
		return nil, err
	}
	return embedded.StartServer(embedded.ServerConfig{
		Data: c.Data, Listen: c.NATSListen, Durability: embedded.Durability(c.Durability), Log: log,
	})
}

// temporary makes a folder for a store that nobody keeps, and says how to remove
// it.
func temporary() (dir string, remove func() error, err error) {
	root, err := os.MkdirTemp("", "amends-")
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	return filepath.Join(root, "nats"), func() error { return os.RemoveAll(root) }, nil
}
