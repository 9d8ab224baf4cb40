package worker

import (
	"context"

	"amends/faults"
	"amends/protocol"
)

// struck is what goes wrong with a task: what its endpoint plans, or else what the
// plan of the process has for it.
func (s *Service) struck(planned Fault, c *call, t task) Fault {
	if planned != (Fault{}) || t.message == nil {
		return planned
	}
	o := occasionOf(s.name, c, t.message.Header())
	rule := s.cfg.Faults.Strike(faults.AtWorker, o)
	if rule == nil {
		return Fault{}
	}
	if rule.Fault == faults.Refuse {
		s.cfg.Faults.Report(rule, o)
		return Fault{Trouble: refusalBy(rule, s.name)}
	}
	return Fault{crash: &crash{after: rule.Fault == faults.CrashAfter, now: func() {
		s.cfg.Faults.Report(rule, o)
		s.cfg.Faults.Crash()
	}}}
}

func occasionOf(service string, c *call, head protocol.Command) faults.Occasion {
	direction := faults.Action
	if head.Compensating {
		direction = faults.Compensation
	}
	return faults.Occasion{
		Service: service, Type: head.Type, SagaID: head.SagaID, Step: head.Step, Direction: direction, Attempt: c.attempt(),
	}
}

// refusalBy is what the sender of a command is told that a rule has refused.
func refusalBy(r *faults.Rule, service string) *protocol.Trouble {
	code := r.Error
	if code == "" {
		code = service + "_service_error"
	}
	return &protocol.Trouble{
		Error: code, Message: "this fails on purpose", Retryable: r.Retryable, RetryAfterMS: r.RetryAfter.Milliseconds(),
	}
}

// crash is the end of the process, before a command is carried out or after.
type crash struct {
	after bool
	now   func()
}

// chanceRequest asks a service with which probability its actions fail, and changes
// it if it says one.
type chanceRequest struct {
	FailureProbability *float64 `json:"failure_probability,omitempty"`
}

// Validate takes everything: whether it is a probability, the injector decides.
func (chanceRequest) Validate() error { return nil }

// chance answers a chanceRequest.
type chance struct {
	Type               string  `json:"type"` // "faults"
	Service            string  `json:"service"`
	FailureProbability float64 `json:"failure_probability"`
}

// chances is the endpoint on which that probability is changed. It reaches one
// replica.
func chances(service string, injector *faults.Injector) Endpoint {
	return Serve(protocol.SubjectFaults(service), func(_ context.Context, q chanceRequest) (chance, error) {
		if q.FailureProbability != nil {
			if err := injector.SetFailure(service, *q.FailureProbability); err != nil {
				return chance{}, err
			}
		}
		return chance{Type: "faults", Service: service, FailureProbability: injector.Failure(service)}, nil
	})
}
