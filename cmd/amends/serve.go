package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"amends/embedded"

	"github.com/rs/zerolog"
)

// systemFlags are those of a process that runs sagas.
type systemFlags struct {
	Retention time.Duration `default:"2160h" env:"AMENDS_RETENTION" help:"How long records of ended sagas are kept; 0 is for ever."`
	MaxLive   int           `default:"4096" env:"AMENDS_MAX_LIVE" help:"Most sagas in memory at once; more wait in the inbox."`
	Replicas  int           `default:"1" env:"AMENDS_REPLICAS" help:"Copies of each stream, when streams are made (3 in a cluster)."`
}

// serveCommand runs everything in one process.
type serveCommand struct {
	systemFlags
	NATSListen string `name:"nats-listen" default:"127.0.0.1:4222" env:"AMENDS_NATS_LISTEN" help:"Where NATS clients connect."`
	Data       string `default:"./amends-data" env:"AMENDS_DATA" type:"path" help:"Folder of the store."`
	Durability string `enum:"disk,interval" default:"disk" env:"AMENDS_DURABILITY" help:"disk: every acknowledged step is on disk first. interval: synced every 100 ms."`
	Catalog    string `enum:"development,none" default:"development" env:"AMENDS_CATALOG" help:"What an empty store is filled with: ${enum}."`
}

func (c *serveCommand) Run(ctx context.Context, log zerolog.Logger) error {
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: c.Data, Listen: c.NATSListen, Durability: embedded.Durability(c.Durability), Log: log,
		},
		Replicas: c.Replicas, Retention: c.Retention, MaxLive: c.MaxLive,
		Development: c.Catalog == "development", Log: log,
	})
	return runApp(ctx, app, log)
}

// roleCommand runs one role on a NATS elsewhere.
type roleCommand struct {
	systemFlags
	accessFlags
	Catalog string `enum:"development,none" default:"development" env:"AMENDS_CATALOG" help:"What an empty store is filled with: ${enum}."`
}

func (c *roleCommand) Run(ctx context.Context, role embedded.Role, log zerolog.Logger) error {
	app := embedded.New(embedded.Config{
		Roles: []embedded.Role{role}, Access: c.access(),
		Replicas: c.Replicas, Retention: c.Retention, MaxLive: c.MaxLive,
		Development: c.Catalog == "development", Log: log,
	})
	return runApp(ctx, app, log)
}

// runApp runs an app until the process is told to stop.
func runApp(ctx context.Context, app *embedded.App, log zerolog.Logger) error {
	if err := app.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ready := log.Info()
	if url := app.URL(); url != "" {
		ready = ready.Str("nats", url)
	}
	ready.Msg("ready")
	<-ctx.Done()
	log.Info().Msg("stopping")
	return app.Stop(context.WithoutCancel(ctx))
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
