package worker

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"amends/protocol"
)

// Chance is the probability with which the actions of a service fail on purpose,
// and can be changed while it runs (S2-08). The zero value is none. An action that
// fails so is not carried out, and is not to be tried again: its saga turns back.
// Compensations never fail so.
type Chance struct{ bits atomic.Uint64 }

// Set changes the probability, from 0 to 1. The error is a *protocol.Error.
func (c *Chance) Set(probability float64) error {
	if !(probability >= 0 && probability <= 1) { // NaN is neither
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "failure_probability", Message: "must be from 0 to 1"}
	}
	c.bits.Store(math.Float64bits(probability))
	return nil
}

// Probability is what was set last.
func (c *Chance) Probability() float64 { return math.Float64frombits(c.bits.Load()) }

// falls draws. A service without a chance has none.
func (c *Chance) falls() bool {
	return c != nil && rand.Float64() < c.Probability()
}

// struck is what goes wrong with a task: what its endpoint plans, or else what
// chance brings.
func (s *Service) struck(planned Fault, t task) Fault {
	if planned != (Fault{}) || t.command == nil || t.command.Compensating || !s.cfg.Chance.falls() {
		return planned
	}
	return Fault{Trouble: &protocol.Trouble{Error: s.name + "_service_error", Message: "this fails on purpose"}}
}

// FaultsRequest asks a service what its chance is, and changes it if it says one.
type FaultsRequest struct {
	FailureProbability *float64 `json:"failure_probability,omitempty"`
}

// Validate takes everything: whether it is a probability, the chance decides.
func (FaultsRequest) Validate() error { return nil }

// Faults answers a FaultsRequest.
type Faults struct {
	Type               string  `json:"type"` // "faults"
	Service            string  `json:"service"`
	FailureProbability float64 `json:"failure_probability"`
}

// faults is the endpoint on which a chance is changed. It reaches one replica.
func faults(service string, chance *Chance) Endpoint {
	return Serve(protocol.SubjectFaults(service), func(_ context.Context, q FaultsRequest) (Faults, error) {
		if q.FailureProbability != nil {
			if err := chance.Set(*q.FailureProbability); err != nil {
				return Faults{}, err
			}
		}
		return Faults{Type: "faults", Service: service, FailureProbability: chance.Probability()}, nil
	})
}
