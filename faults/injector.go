package faults

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"sync"
	"syscall"

	"amends/protocol"
)

// Injection is one fault that was made, as it is told on faults.<service>.
type Injection struct {
	Rule  string `json:"rule"`
	Fault Kind   `json:"fault"`
	Occasion
}

// Config says which faults a process makes.
type Config struct {
	Plan Plan
	// Seed decides when; with a plan, all processes of a system need the same one.
	Seed uint64
	// Report is told of each fault right before it is made; nil is nobody.
	Report func(Injection)
	// Crash ends the process, or what stands for it in a test; nil is Kill.
	Crash func()
}

// Injector makes the faults of one process. A nil one makes none.
type Injector struct {
	cfg Config

	mu       sync.Mutex
	failures map[string]*Rule // by service, beside the plan
}

// NewInjector makes an injector of a plan that was checked.
func NewInjector(cfg Config) *Injector {
	if cfg.Crash == nil {
		cfg.Crash = Kill
	}
	return &Injector{cfg: cfg, failures: make(map[string]*Rule)}
}

// failureRule is what rules are called that come from a probability.
const failureRule = "failure-probability"

// SetFailure sets with which probability, from 0 to 1, the actions of a service
// fail: they are refused, and not to be tried again, so that the saga turns back
// (S2-08). Compensations never fail so. The error is a *protocol.Error.
func (i *Injector) SetFailure(service string, probability float64) error {
	if !(probability >= 0 && probability <= 1) { // NaN is neither
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "failure_probability", Message: "must be from 0 to 1"}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failures[service] = &Rule{
		Name: failureRule, Fault: Refuse, Service: service, Direction: Action, Probability: probability,
	}
	return nil
}

// Failure is what was set last; 0 is the beginning.
func (i *Injector) Failure(service string) float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.failures[service]; r != nil {
		return r.Probability
	}
	return 0
}

// Strike is the rule that strikes an attempt at a place; nil if none does.
func (i *Injector) Strike(at Place, o Occasion) *Rule {
	if i == nil {
		return nil
	}
	r := i.cfg.Plan.Strike(i.cfg.Seed, at, o)
	if r != nil || at != AtWorker {
		return r
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.failures[o.Service]; r != nil && r.Strikes(i.cfg.Seed, o) {
		return r
	}
	return nil
}

// Report tells that a fault is made now.
func (i *Injector) Report(r *Rule, o Occasion) {
	if i.cfg.Report != nil {
		i.cfg.Report(Injection{Rule: r.Name, Fault: r.Fault, Occasion: o})
	}
}

// Crash ends the process.
func (i *Injector) Crash() { i.cfg.Crash() }

// Kill ends this process as kill -9 does: nothing is drained, handed back or
// answered.
func Kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment, in which nothing must be done any more
}

// Names of what micro services say about themselves.
const (
	MetadataPlan = "amends.fault-plan" // <name>@<hash>
	MetadataSeed = "amends.fault-seed"
)

// Metadata is what a micro service says about its plan; nil if it has none.
func (i *Injector) Metadata() map[string]string {
	if i == nil || len(i.cfg.Plan.Rules) == 0 {
		return nil
	}
	return map[string]string{MetadataPlan: i.cfg.Plan.ID(), MetadataSeed: strconv.FormatUint(i.cfg.Seed, 10)}
}

// ID tells plans apart: the name, and a hash of the rules.
func (p *Plan) ID() string {
	rules, err := json.Marshal(p.Rules)
	if err != nil {
		return p.Name // a plan that was checked can be written
	}
	sum := sha256.Sum256(rules)
	return p.Name + "@" + hex.EncodeToString(sum[:6])
}
