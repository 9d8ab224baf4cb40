package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"amends/audit"
	"amends/faults"

	"github.com/rs/zerolog"
)

// chaosCommand runs checkouts while a plan makes things go wrong, and then proves
// that it added up all the same.
type chaosCommand struct {
	Plan     string        `required:"" type:"path" placeholder:"FILE" help:"The plan of faults, YAML."`
	Seed     *uint64       `placeholder:"N" help:"The same seed makes the same decisions. Default is that of the plan, or a random one."`
	Sagas    int           `short:"n" default:"200" help:"Checkouts in all."`
	Clients  int           `short:"c" default:"32" help:"Checkouts in flight."`
	Each     int           `default:"1" placeholder:"N" help:"Processes of each role, in a system of its own."`
	Patience time.Duration `default:"2m" help:"How long to wait for the end of one checkout."`
	NATS     string        `name:"nats" short:"s" placeholder:"URL" help:"Use the system there, which has to follow the plan already, instead of one of its own in a temporary folder."`
	Creds    string        `env:"NATS_CREDS" placeholder:"FILE" help:"Credentials file, for --nats."`
	JSON     bool          `help:"Print the result as JSON."`
}

// Validate is asked by the command line.
func (c *chaosCommand) Validate() error {
	switch {
	case c.Sagas < 1 || c.Clients < 1 || c.Each < 1:
		return errors.New("--sagas, --clients and --each must be at least 1")
	case c.Patience <= 0:
		return errors.New("--patience must be more than 0")
	}
	return nil
}

func (c *chaosCommand) Run(ctx context.Context, log zerolog.Logger) (err error) {
	plan, text, err := loadPlan(c.Plan)
	if err != nil {
		return err
	}
	system, err := c.open(ctx, plan, text, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.close()) }()
	result, err := c.measure(ctx, plan, system)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(result)
	} else {
		err = result.print(os.Stdout)
	}
	if err == nil && !result.OK {
		err = &exitError{code: exitViolation}
	}
	return err
}

// open makes a system that follows the plan, or finds the one that does.
func (c *chaosCommand) open(ctx context.Context, plan *faults.Plan, text []byte, log zerolog.Logger) (*chaosSystem, error) {
	if c.NATS != "" {
		return joinChaosSystem(ctx, c.NATS, c.Creds, plan, c.Seed)
	}
	if err := checkMeets(plan); err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s: %w", c.Plan, err)}
	}
	return startChaosSystem(ctx, text, c.Each, seedOf(plan, c.Seed), log)
}

// measure runs the load, and the audit behind it.
func (c *chaosCommand) measure(ctx context.Context, plan *faults.Plan, system *chaosSystem) (*chaosResult, error) {
	if !c.JSON {
		fmt.Printf("plan %s, seed %d: %d checkouts, %d at a time, %s\n", plan.Name, system.seed, c.Sagas, c.Clients, system.what)
	}
	injected, err := watchInjected(system.nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(system.failed, func() { cancel(context.Cause(system.failed)) })()
	load := &chaosLoad{nc: system.nc, prefix: system.prefix, total: c.Sagas, patience: c.Patience, outcomes: make(map[string]int)}
	begin := time.Now()
	if err := load.run(ctx, c.Clients); err != nil {
		return nil, err
	}
	result := load.result(time.Since(begin))
	result.Plan, result.Seed, result.Clients = plan.ID(), system.seed, c.Clients
	if err := letArrive(ctx, plan); err != nil {
		return nil, err
	}
	if result.Injected, err = injected.counts(plan); err != nil {
		return nil, err
	}
	result.Restarts = system.restarts()
	if result.Audit, err = runAudit(ctx, system.nc); err != nil {
		return nil, err
	}
	result.OK = result.Audit.OK() && result.Ended == result.Sagas
	return result, nil
}

// letArrive waits until everything has come that a plan holds back: what arrives
// after the last checkout has ended must not change anything.
func letArrive(ctx context.Context, plan *faults.Plan) error {
	var longest time.Duration
	for _, rule := range plan.Rules {
		longest = max(longest, rule.Delay)
	}
	select {
	case <-time.After(longest):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// chaosResult is what a run has shown. Times are in milliseconds.
type chaosResult struct {
	Plan     string         `json:"plan"` // <name>@<hash>
	Seed     uint64         `json:"seed"`
	Clients  int            `json:"clients"`
	Injected []chaosCount   `json:"injected"` // by rule, in the order of the plan
	Restarts map[string]int `json:"restarts,omitempty"`
	Sagas    int            `json:"sagas"`
	Ended    int            `json:"ended"` // COMPLETED, ABORTED or KILLED
	Outcomes map[string]int `json:"outcomes"`
	Seconds  float64        `json:"seconds"`
	P50      float64        `json:"p50_ms"`
	P95      float64        `json:"p95_ms"`
	P99      float64        `json:"p99_ms"`
	Max      float64        `json:"max_ms"`
	Audit    *audit.Report  `json:"audit"`
	OK       bool           `json:"ok"` // everything ended, and the audit found nothing
}

func (r *chaosResult) print(w io.Writer) error {
	fmt.Fprintln(w, "injected")
	for _, c := range r.Injected {
		fmt.Fprintf(w, "  %-24s  %-17s  %6d\n", c.Rule, c.Fault, c.Count)
	}
	for _, role := range slices.Sorted(maps.Keys(r.Restarts)) {
		fmt.Fprintf(w, "  the process of %s died and was started again: %d\n", role, r.Restarts[role])
	}
	fmt.Fprintf(w, "checkouts %d, ended %d in %.1f s:", r.Sagas, r.Ended, r.Seconds)
	for _, status := range slices.Sorted(maps.Keys(r.Outcomes)) {
		fmt.Fprintf(w, "  %s %d", status, r.Outcomes[status])
	}
	fmt.Fprintf(w, "\nlatency   p50 %.2f ms  p95 %.2f ms  p99 %.2f ms  max %.2f ms\n", r.P50, r.P95, r.P99, r.Max)
	if err := r.Audit.WriteText(w); err != nil {
		return err
	}
	if r.Ended < r.Sagas {
		fmt.Fprintf(w, "NOT ENDED: %d checkouts; what is STUCK waits for a person, the rest wanted more --patience\n", r.Sagas-r.Ended)
	}
	return nil
}
