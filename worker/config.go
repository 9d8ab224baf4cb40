package worker

import (
	"errors"
	"math/rand/v2"
	"time"

	"amends/faults"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// defaultConcurrency is how many commands a service works at once unless its
// Config says otherwise.
const defaultConcurrency = 256

// Config is what every participant is given. Conn and Writer are required.
type Config struct {
	// Conn carries commands and answers. It should reconnect for ever and have
	// no reconnect buffer: an answer that cannot be sent now is sent again when
	// the command is repeated.
	Conn *nats.Conn
	// Writer stores what the service decides. All services of a process share
	// one, and the service never closes it.
	Writer *store.Writer
	// Replicas is how many copies JetStream keeps of the service's bucket, if
	// the service is the one to create it. 0 is 1.
	Replicas int
	// Log gets a line at start, at stop, and when something is wrong; nothing
	// above debug for a command that goes well.
	Log zerolog.Logger
	// Now tells the time. nil is time.Now.
	Now func() time.Time
	// Concurrency bounds the commands in work at once; those beyond are
	// answered "overloaded" at once, to be tried again. 0 is 256.
	Concurrency int
	// Faults makes things go wrong on purpose; nil is never. It is for
	// demonstrations and tests (S2-08).
	Faults *faults.Injector
	// AllowFaults opens an endpoint on which anybody may change with which
	// probability actions fail.
	AllowFaults bool
}

func (c Config) validate() error {
	if c.Conn == nil {
		return errors.New("worker.Config.Conn is required")
	}
	if c.Writer == nil {
		return errors.New("worker.Config.Writer is required")
	}
	return nil
}

// Clock is what tells the time.
func (c Config) Clock() func() time.Time {
	if c.Now == nil {
		return time.Now
	}
	return c.Now
}

func (c Config) withDefaults() Config {
	c.Now = c.Clock()
	if c.Faults == nil && c.AllowFaults {
		c.Faults = faults.NewInjector(faults.Config{Seed: rand.Uint64()})
	}
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	return c
}
