package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"amends/embedded"
	"amends/gateway"

	"github.com/rs/zerolog"
)

// httpFlags say how HTTP is served.
type httpFlags struct {
	Listen      []string      `name:"http-listen" default:"127.0.0.1:8080" env:"AMENDS_HTTP_LISTEN" help:"Where HTTP clients connect; several are parted by commas; none is not at all."`
	TokenFile   string        `name:"http-token-file" env:"AMENDS_HTTP_TOKEN_FILE" type:"existingfile" help:"File with the bearer token that operators' verbs need."`
	AllowRemote bool          `name:"allow-remote" env:"AMENDS_ALLOW_REMOTE" help:"Let in who is not on this machine, or uses another name of it, without a token: something in front decides who may ask."`
	AllowOrigin []string      `name:"http-allow-origin" env:"AMENDS_HTTP_ALLOW_ORIGIN" placeholder:"ORIGIN" help:"Origins whose pages may call from a browser, such as https://shop.example.com."`
	Rate        float64       `name:"http-rate" default:"100" env:"AMENDS_HTTP_RATE" help:"Requests a second of one client; 0 is no limit. Clients on this machine have none."`
	Burst       int           `name:"http-burst" default:"200" env:"AMENDS_HTTP_BURST" help:"Requests of one client at once."`
	Streams     int           `name:"http-streams" default:"2000" env:"AMENDS_HTTP_STREAMS" help:"Event streams that are open at once."`
	DrainDelay  time.Duration `name:"http-drain-delay" default:"0s" env:"AMENDS_HTTP_DRAIN_DELAY" help:"How long to serve on, with /readyz red, before stopping."`
}

// isOff reports whether HTTP is not to be served at all.
func (f *httpFlags) isOff() bool { return slices.Equal(f.Listen, []string{"none"}) }

// config is the configuration of a gateway, but for its connection.
func (f *httpFlags) config(log zerolog.Logger) (gateway.Config, error) {
	cfg := gateway.Config{
		Listen: f.Listen, AllowRemote: f.AllowRemote, AllowOrigins: f.AllowOrigin, Rate: f.Rate, Burst: f.Burst,
		MaxWatchers: f.Streams, DrainDelay: f.DrainDelay, Log: log,
	}
	if f.isOff() {
		cfg.Listen = nil
	}
	if f.TokenFile == "" {
		return cfg, nil
	}
	token, err := os.ReadFile(f.TokenFile)
	if err != nil {
		return cfg, fmt.Errorf("reading the operators' token: %w", err)
	}
	if cfg.Token = strings.TrimSpace(string(token)); cfg.Token == "" {
		return cfg, fmt.Errorf("reading the operators' token: %s is empty", f.TokenFile)
	}
	return cfg, nil
}

// checked is the configuration, or an error that says what is wrong with it.
func (f *httpFlags) checked(log zerolog.Logger) (gateway.Config, error) {
	if err := f.check(); err != nil {
		return gateway.Config{}, err
	}
	cfg, err := f.config(log)
	if err == nil && len(cfg.Listen) > 0 {
		err = cfg.Check()
	}
	if err != nil {
		return cfg, &exitError{exitUsage, err}
	}
	return cfg, checkFree("--http-listen", cfg.Listen...)
}

// gatewayCommand runs the HTTP gateway, on a NATS elsewhere.
type gatewayCommand struct {
	accessFlags
	httpFlags
}

func (c *gatewayCommand) Run(ctx context.Context, log zerolog.Logger) error {
	if c.isOff() {
		return &exitError{exitUsage, errors.New("a gateway that listens nowhere serves nobody; --http-listen none is for: amends serve")}
	}
	cfg, err := c.checked(log)
	if err != nil {
		return err
	}
	cfg.Conn, err = embedded.Connect(ctx, c.access(), "amends gateway", log)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return exitOfNATS(err)
	}
	defer cfg.Conn.Close()
	g, err := gateway.New(cfg)
	if err != nil {
		return err
	}
	if err := g.Start(ctx); err != nil {
		return err
	}
	log.Info().Strs("http", g.Addresses()).Msg("ready")
	<-ctx.Done()
	log.Info().Msg("stopping")
	return g.Stop(context.WithoutCancel(ctx))
}
