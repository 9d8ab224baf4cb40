package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"amends/conformance"
)

// conformCommand checks a worker, in any language, against the checklist of
// PROTOCOL.md. It exits 1 if a clause does not hold.
type conformCommand struct {
	accessFlags
	Service string        `xor:"profile" required:"" placeholder:"NAME" help:"Service to check: inventory, payment, payment-hold, payment-later or shipping."`
	Profile string        `xor:"profile" required:"" type:"existingfile" placeholder:"FILE" help:"YAML file that describes a service of one's own."`
	Timeout time.Duration `default:"2s" help:"How long an answer may take."`
	Restart string        `placeholder:"COMMAND" help:"Shell command that kills the worker and starts it again, to check what survives that."`
	Verbose bool          `short:"v" help:"Print the evidence of what holds, too."`
	JSON    bool          `help:"Print the report as JSON."`
}

func (c *conformCommand) Run(ctx context.Context) error {
	profile, err := c.profile()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	nc, err := c.access().Dial("amends conform")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	cfg := conformance.Config{Conn: nc, Profile: profile, Timeout: c.Timeout}
	if c.Restart != "" {
		cfg.Restart = c.restart
	}
	var printing error
	if !c.JSON {
		cfg.Progress = func(r conformance.Result) {
			printing = errors.Join(printing, r.WriteText(stdout, c.Verbose))
		}
	}
	report, err := conformance.Run(ctx, cfg)
	if err = errors.Join(err, printing); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(stdout).Encode(report)
	} else {
		err = report.WriteSummary(stdout)
	}
	if err == nil && !report.OK() {
		err = &exitError{code: exitInternal}
	}
	return err
}

func (c *conformCommand) profile() (*conformance.Profile, error) {
	if c.Profile == "" {
		return conformance.Known(c.Service)
	}
	text, err := os.ReadFile(c.Profile)
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return conformance.Read(filepath.Base(c.Profile), text)
}

// restart runs the command that the user gave. What it prints is not for stdout.
func (c *conformCommand) restart(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", c.Restart)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%q: exit code %d", c.Restart, exit.ExitCode())
	}
	return err
}
