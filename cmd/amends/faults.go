package main

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"amends/embedded"
	"amends/faults"
	"amends/faults/planfile"
)

// faultFlags make services fail on purpose, to see what sagas do about it (S2-08).
type faultFlags struct {
	FailureProbability map[string]float64 `mapsep:"," placeholder:"SERVICE=P,..." env:"AMENDS_FAILURE_PROBABILITY" help:"With which probability, from 0 to 1, actions of inventory, payment and shipping fail on purpose."`
}

// failures are the probabilities by role, or an error of usage.
func (f *faultFlags) failures() (map[embedded.Role]float64, error) {
	failures := make(map[embedded.Role]float64)
	for service, probability := range f.FailureProbability {
		failures[embedded.Role(service)] = probability
	}
	if err := embedded.CheckFailures(failures); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return failures, nil
}

// serviceFaultFlags are those of a process that others may use.
type serviceFaultFlags struct {
	faultFlags
	FaultPlan   string  `type:"path" placeholder:"FILE" env:"AMENDS_FAULT_PLAN" help:"A plan of faults to be made on purpose, YAML; needs --allow-faults."`
	FaultSeed   *uint64 `placeholder:"N" env:"AMENDS_FAULT_SEED" help:"Seed of the plan: the same one makes the same decisions. Default is that of the plan, or a random one."`
	AllowFaults bool    `env:"AMENDS_ALLOW_FAULTS" help:"Let a plan of faults be followed, and anybody who can send to <service>.faults change how often actions fail."`
}

// endanger puts what goes wrong on purpose into a configuration.
func (f *serviceFaultFlags) endanger(cfg *embedded.Config) (err error) {
	if cfg.Failures, err = f.failures(); err != nil {
		return err
	}
	if slices.Max(append(slices.Collect(maps.Values(cfg.Failures)), 0)) > 0 {
		cfg.Log.Warn().Any("failure_probability", cfg.Failures).Msg("things go wrong on purpose here")
	}
	cfg.AllowFaults = f.AllowFaults
	switch {
	case f.FaultPlan != "" && !f.AllowFaults:
		return &exitError{exitUsage, errors.New("--fault-plan makes things go wrong on purpose; if that is wanted, say --allow-faults, too")}
	case f.FaultPlan == "" && f.FaultSeed != nil:
		return &exitError{exitUsage, errors.New("--fault-seed is the seed of a plan; name it with --fault-plan FILE")}
	case f.FaultPlan == "":
		return nil
	}
	plan, _, err := loadPlan(f.FaultPlan)
	if err == nil {
		cfg.Faults, cfg.FaultSeed = *plan, seedOf(plan, f.FaultSeed)
	}
	return err
}

// loadPlan reads a plan; one that is not understood is an error of usage.
func loadPlan(file string) (plan *faults.Plan, text []byte, err error) {
	if plan, text, err = planfile.Load(file); err != nil {
		return nil, nil, &exitError{exitUsage, err}
	}
	return plan, text, nil
}

// seedOf is the seed that the command line says, or that of the plan, or else a
// random one, short enough to be typed.
func seedOf(plan *faults.Plan, said *uint64) uint64 {
	switch {
	case said != nil:
		return *said
	case plan.Seed != nil:
		return *plan.Seed
	}
	return uint64(rand.Uint32())
}
