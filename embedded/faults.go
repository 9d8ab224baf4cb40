package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"amends/faults"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// faulty are the roles whose actions can fail with a probability.
var faulty = []Role{Inventory, Payment, Shipping}

// CheckFailures says what is wrong with the failures of a Config.
func CheckFailures(failures map[Role]float64) error {
	injector := faults.NewInjector(faults.Config{})
	for role, probability := range failures {
		if !slices.Contains(faulty, role) {
			return fmt.Errorf("there is no service %q that can fail on purpose; there are %v", role, faulty)
		}
		if err := injector.SetFailure(string(role), probability); err != nil {
			return fmt.Errorf("the failure probability of %s is %v: %w", role, probability, err)
		}
	}
	return nil
}

// injector makes the faults of this process, and tells them on NATS.
func (c *Config) injector(nc *nats.Conn) (*faults.Injector, error) {
	if len(c.Faults.Rules) > 0 && !c.AllowFaults {
		return nil, errors.New("a plan of faults is followed only where faults are allowed")
	}
	seed := c.FaultSeed
	if len(c.Faults.Rules) == 0 {
		seed = rand.Uint64() // of the failures: nobody asked for the same again
	}
	injector := faults.NewInjector(faults.Config{
		Plan: c.Faults, Seed: seed, Report: func(i faults.Injection) { tell(nc, i) }, Crash: func() { crash(nc) },
	})
	for role, probability := range c.Failures {
		if err := injector.SetFailure(string(role), probability); err != nil {
			return nil, err
		}
	}
	if len(c.Faults.Rules) > 0 {
		c.Log.Warn().Str("plan", c.Faults.ID()).Uint64("seed", c.FaultSeed).Msg("things go wrong on purpose here")
	}
	return injector, nil
}

// tell lets whoever listens know of a fault. It is made all the same if nobody can
// be told.
func tell(nc *nats.Conn, i faults.Injection) {
	if body, err := json.Marshal(i); err == nil {
		_ = nc.Publish(protocol.SubjectInjected(i.Service), body)
	}
}

// lastWords is how long a process that is about to crash waits until it has told
// so.
const lastWords = time.Second

// crash ends this process, when it has told so.
func crash(nc *nats.Conn) {
	_ = nc.FlushTimeout(lastWords)
	faults.Kill()
}
