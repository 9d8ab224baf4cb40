package main

import (
	"context"
	"errors"
	"time"

	"amends/embedded"
	"amends/shipping"

	"github.com/rs/zerolog"
)

// shippingFlags are what a shop decides about its labels.
type shippingFlags struct {
	CancelWindow time.Duration `default:"0s" env:"AMENDS_CANCEL_WINDOW" help:"How long after it was made a shipping label may be cancelled; 0 is until somebody says that its parcel was handed over."`
}

// shipping are the options of the shipping service, or an error of usage.
func (f *shippingFlags) shipping() (shipping.Options, error) {
	if f.CancelWindow < 0 {
		return shipping.Options{}, &exitError{exitUsage, errors.New("--cancel-window must not be negative; 0 is until the hand-over")}
	}
	return shipping.Options{CancelWindow: f.CancelWindow}, nil
}

// shippingCommand runs the shipping service, on a NATS elsewhere.
type shippingCommand struct {
	roleCommand
	shippingFlags
}

// Run takes the place of that of roleCommand.
func (c *shippingCommand) Run(ctx context.Context, role embedded.Role, log zerolog.Logger) error {
	cfg, err := c.config(role, log)
	if err != nil {
		return err
	}
	if cfg.Shipping, err = c.shipping(); err != nil {
		return err
	}
	return c.runRole(ctx, cfg, log)
}
