package main

import "amends/embedded"

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
	AllowFaults bool `env:"AMENDS_ALLOW_FAULTS" help:"Let anybody who can send to <service>.faults change that at run time."`
}
