package main

import (
	"context"
	"errors"
	"time"

	"amends/embedded"

	"github.com/rs/zerolog"
)

// shippingFlags are what a shop decides about its labels.
type shippingFlags struct {
	CancelWindow time.Duration `default:"0s" env:"AMENDS_CANCEL_WINDOW" help:"How long after it was made a shipping label may be cancelled; 0 is until somebody says that its parcel was handed over."`
}

// check refuses a window that makes no sense, as an error of usage.
func (f *shippingFlags) check() error {
	if f.CancelWindow < 0 {
		return &exitError{exitUsage, errors.New("--cancel-window must not be negative; 0 is until the hand-over")}
	}
	return nil
}

// shippingCommand runs the shipping service, on a NATS elsewhere.
type shippingCommand struct {
	roleCommand
	shippingFlags
}

// Run takes the place of that of roleCommand.
func (c *shippingCommand) Run(ctx context.Context, role embedded.Role, log zerolog.Logger) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg, err := c.config(role, log)
	if err != nil {
		return err
	}
	cfg.CancelWindow = c.CancelWindow
	return runApp(ctx, embedded.New(cfg), log)
}
