package worker

import (
	"context"
	"errors"
	"time"

	"amends/protocol"
)

// Fault is what goes wrong between a command and its answer. Simulated banks and
// carriers have faults on purpose, so that people can see what a saga does about
// them. The zero value is none.
type Fault struct {
	Delay   time.Duration     // before anything else
	Trouble *protocol.Trouble // answered instead of carrying the command out
	Lost    bool              // the command is neither carried out nor answered
	Mute    bool              // the command is carried out; its answer is lost
	crash   *crash            // the process dies; nil if it does not
}

// faultPlan says which fault a command meets.
type faultPlan func(ctx context.Context, cmd Command, attempt int) Fault

// WithFaults returns the endpoint of a command with faults in the way. plan is
// told the number of the attempt as its sender says it, from 1.
func WithFaults[C Command](e Endpoint, plan func(ctx context.Context, cmd C, attempt int) Fault) Endpoint {
	e.fault = func(ctx context.Context, cmd Command, attempt int) Fault {
		if c, ok := cmd.(C); ok {
			return plan(ctx, c, attempt)
		}
		return Fault{}
	}
	return e
}

// errSilent says that a command gets no answer.
var errSilent = errors.New("the answer is lost on purpose")

// faultOf is what goes wrong with one command.
func (e Endpoint) faultOf(ctx context.Context, c *call, t task) Fault {
	if e.fault == nil || t.message == nil {
		return Fault{}
	}
	return e.fault(ctx, t.message, c.attempt())
}

// before is what goes wrong before the command is carried out.
func (f Fault) before(ctx context.Context) error {
	if f.Delay > 0 {
		pauseFor(ctx, f.Delay) // who has no time left finds that out
	}
	switch {
	case f.crash != nil && !f.crash.after:
		f.crash.now()
		return errSilent
	case f.Lost:
		return errSilent
	case f.Trouble != nil:
		return &TroubleError{*f.Trouble}
	}
	return nil
}

// after is what goes wrong once it has been carried out.
func (f Fault) after() error {
	if f.crash != nil {
		f.crash.now()
	}
	if f.Mute || f.crash != nil {
		return errSilent
	}
	return nil
}
