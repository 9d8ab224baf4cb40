package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/protocol"
)

// Bounds of a plan.
const (
	MaxRules = 100
	// MaxDelay is a minute: whoever waits for an answer has given up long before.
	MaxDelay = time.Minute
	// MaxAttempt is the highest number that a rule may name.
	MaxAttempt = 1000
)

// Plan is what goes wrong on purpose. The zero value is nothing.
type Plan struct {
	Name  string  `json:"name"`
	Seed  *uint64 `json:"seed,omitempty"` // nil: whoever uses the plan brings one
	Rules []Rule  `json:"rules"`
}

// Rule is one fault and whom it meets. What it leaves out may be anything.
type Rule struct {
	Name      string    `json:"name"`
	Fault     Kind      `json:"fault"`
	Service   string    `json:"service,omitempty"`
	Type      string    `json:"type,omitempty"` // of the command
	Step      int       `json:"step,omitempty"` // from 1
	Direction Direction `json:"direction,omitempty"`
	Attempts  Attempts  `json:"attempts,omitzero"`
	// Probability is that with which it strikes an attempt that it fits, from 0 to 1.
	Probability float64 `json:"probability"`
	// Delay is how much later a message comes, or the copy of one.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// Error is the code of a refusal; absent, it is <service>_service_error. A
	// Retryable one may be tried again, after RetryAfter if that is not 0.
	Error      string        `json:"error,omitempty"`
	Retryable  bool          `json:"retryable,omitempty"`
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`
}

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	DropCommand      Kind = "drop-command"      // it never leaves
	DropReply        Kind = "drop-reply"        // the worker has done it, and nobody hears of it
	DelayCommand     Kind = "delay-command"     // it leaves later
	DelayReply       Kind = "delay-reply"       // the answer comes later
	DuplicateCommand Kind = "duplicate-command" // it leaves twice, the copy later if there is a delay
	DuplicateReply   Kind = "duplicate-reply"   // the answer comes twice
	Refuse           Kind = "refuse"            // the worker says that it cannot, and has done nothing
	CrashBefore      Kind = "crash-before"      // the process of the worker dies, and has done nothing
	CrashAfter       Kind = "crash-after"       // it dies when it is done, and before it answers
)

// Kinds are all kinds of faults.
func Kinds() []Kind {
	return []Kind{
		DropCommand, DropReply, DelayCommand, DelayReply, DuplicateCommand, DuplicateReply, Refuse, CrashBefore, CrashAfter,
	}
}

// Place is where a fault is made.
type Place string

// The places.
const (
	OnBus    Place = "bus"    // where the orchestrator sends commands and takes answers
	AtWorker Place = "worker" // between command and ledger
)

// Place is where faults of a kind are made.
func (k Kind) Place() Place {
	if k == Refuse || k == CrashBefore || k == CrashAfter {
		return AtWorker
	}
	return OnBus
}

// takesDelay tells the kinds that have a use for one; needsDelay those that are
// nothing without.
func (k Kind) takesDelay() bool {
	return k.needsDelay() || k == DuplicateCommand || k == DuplicateReply
}

func (k Kind) needsDelay() bool { return k == DelayCommand || k == DelayReply }

// Direction says what a message wants of a step.
type Direction string

// The directions.
const (
	Action       Direction = "action"
	Compensation Direction = "compensation"
	Question     Direction = "question" // what became of the action; only the bus meets it
)

// Directions are all directions.
func Directions() []Direction { return []Direction{Action, Compensation, Question} }

// Attempts are the attempts that a rule fits, both inclusive. The zero value is all
// of them.
type Attempts struct{ First, Last int }

func (a Attempts) hold(n int) bool { return a == Attempts{} || a.First <= n && n <= a.Last }

// String is the form in which people write them: 2, or 1-3.
func (a Attempts) String() string {
	if a.First == a.Last {
		return fmt.Sprint(a.First)
	}
	return fmt.Sprintf("%d-%d", a.First, a.Last)
}

// MarshalJSON writes them as people do.
func (a Attempts) MarshalJSON() ([]byte, error) { return json.Marshal(a.String()) }

// Problem is one thing wrong with a plan. Path leads to it: "rules[0].fault".
type Problem struct{ Path, Problem string }

func (p Problem) Error() string { return p.Path + " " + p.Problem }

// Check returns everything that is wrong with a plan, in the order in which it
// stands there; nothing when it may be used.
func (p *Plan) Check() []Problem {
	c := &checker{}
	c.name("name", p.Name)
	c.when(len(p.Rules) == 0, "rules", "must hold at least one rule")
	c.when(len(p.Rules) > MaxRules, "rules", fmt.Sprintf("must not hold more than %d rules", MaxRules))
	for n, rule := range p.Rules {
		path := fmt.Sprintf("rules[%d]", n)
		c.rule(path, rule)
		same := slices.ContainsFunc(p.Rules[:n], func(r Rule) bool { return r.Name == rule.Name })
		c.when(same && rule.Name != "", path+".name", "is that of an earlier rule")
	}
	return c.problems
}

type checker struct{ problems []Problem }

func (c *checker) when(wrong bool, path, problem string) {
	if wrong {
		c.problems = append(c.problems, Problem{path, problem})
	}
}

func (c *checker) name(path, name string) {
	c.when(protocol.CheckID("", name) != nil, path, "must be 1 to 64 letters, digits, _ or -")
}

func (c *checker) optionalName(path, name string) {
	if name != "" {
		c.name(path, name)
	}
}

func (c *checker) rule(path string, r Rule) {
	c.name(path+".name", r.Name)
	c.when(!slices.Contains(Kinds(), r.Fault), path+".fault", "must be "+oneOf(Kinds()))
	c.optionalName(path+".service", r.Service)
	c.optionalName(path+".type", r.Type)
	c.when(r.Step < 0 || r.Step > protocol.MaxSteps, path+".step", fmt.Sprintf("must be 1 to %d", protocol.MaxSteps))
	c.when(r.Direction != "" && !slices.Contains(Directions(), r.Direction), path+".direction", "must be "+oneOf(Directions()))
	c.when(r.Direction == Question && r.Fault.Place() == AtWorker, path+".direction",
		"must be action or compensation: a worker answers questions without faults")
	c.attempts(path+".attempts", r.Attempts)
	c.when(!(r.Probability >= 0 && r.Probability <= 1), path+".probability", "must be from 0 to 1") // NaN is neither
	c.delay(path+".delay", r)
	c.refusal(path, r)
}

func (c *checker) attempts(path string, a Attempts) {
	wrong := a != Attempts{} && (a.First < 1 || a.Last < a.First || a.Last > MaxAttempt)
	c.when(wrong, path, fmt.Sprintf("must be a number from 1 to %d, or two such as 1-3", MaxAttempt))
}

func (c *checker) delay(path string, r Rule) {
	switch {
	case r.Fault.needsDelay() && r.Delay == 0:
		c.when(true, path, "is required: how much later it comes, such as 300ms")
	case !r.Fault.takesDelay():
		c.when(r.Delay != 0, path, "belongs to "+oneOf(slices.DeleteFunc(Kinds(), func(k Kind) bool { return !k.takesDelay() })))
	default:
		c.when(r.Delay < 0 || r.Delay > MaxDelay, path, fmt.Sprintf("must be more than 0 and at most %s", MaxDelay))
	}
}

func (c *checker) refusal(path string, r Rule) {
	if r.Fault != Refuse {
		const belongs = "belongs to refuse"
		c.when(r.Error != "", path+".error", belongs)
		c.when(r.Retryable, path+".retryable", belongs)
		c.when(r.RetryAfter != 0, path+".retry_after", belongs)
		return
	}
	c.optionalName(path+".error", r.Error)
	c.when(r.RetryAfter < 0 || r.RetryAfter > MaxDelay, path+".retry_after", fmt.Sprintf("must be from 0 to %s", MaxDelay))
	c.when(r.RetryAfter != 0 && !r.Retryable, path+".retry_after", "needs retryable: true")
}

// oneOf lists what is allowed.
func oneOf[T ~string](all []T) string {
	words := make([]string, len(all))
	for n, one := range all {
		words[n] = string(one)
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
