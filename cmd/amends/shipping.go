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

// checkWindow is an error of usage for a window that makes no sense.
func (f *shippingFlags) checkWindow() error {
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
	if err := c.checkWindow(); err != nil {
		return err
	}
	cfg, err := c.config(role, log)
	if err != nil {
		return err
	}
	cfg.CancelWindow = c.CancelWindow
	return c.run(ctx, cfg, log)
}
