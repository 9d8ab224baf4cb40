package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// DefaultListen is where a gateway listens unless told: only for this machine.
const DefaultListen = "127.0.0.1:8080"

// minTokenBytes is the least length of the operators' token: what is shorter can
// be guessed.
const minTokenBytes = 16

// Config is what a gateway needs. Conn is required; whatever is zero has a
// default.
type Config struct {
	// Conn must have no reconnect buffer (nats.ReconnectBufSize(-1)): what cannot
	// be asked now is answered 503 now, and never asked later behind the back of
	// the client.
	Conn *nats.Conn
	// Listen are addresses, host:port; port 0 is any free one. Empty is
	// DefaultListen.
	Listen []string
	// AllowRemote lets clients in that are not on this machine, or that ask by
	// another name than that of this machine, without a token: something in front
	// of the gateway decides who may ask.
	AllowRemote bool
	// Token, if set, is what operators' verbs must carry as a bearer token.
	Token string
	// AllowOrigins are the origins, such as https://shop.example.com, whose pages
	// may call the gateway from a browser. Empty is none but its own.
	AllowOrigins []string

	// Rate is how many requests a second one client may send, Burst how many at
	// once. A Rate of 0 is no limit; clients on this machine have none.
	Rate  float64
	Burst int
	// MaxWatchers caps the event streams that are open at once; 0 is 2,000.
	MaxWatchers int
	// MaxConns caps the connections of each listener; 0 is 4,096. One client may
	// have an eighth of them, unless it is on this machine.
	MaxConns int

	// HeaderTimeout is how long the head of a request may take to arrive, and
	// BodyTimeout its body; 0 is 5 s, and 10 s.
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration
	// Timeout is how long an answer on NATS may take, beyond the time that the
	// client wants to wait; 0 is 10 s.
	Timeout time.Duration
	// Heartbeat is how often an event stream says that it is there, and looks at
	// the journal again; 0 is 15 s.
	Heartbeat time.Duration
	// DrainDelay is how long a gateway that stops goes on as before, but for
	// /readyz, so that what stands in front of it notices.
	DrainDelay time.Duration
	// DrainTimeout is how long requests may take to finish after that; 0 is 10 s.
	DrainTimeout time.Duration

	// Metrics is where the gateway registers its own, and what /metrics shows;
	// nil is a registry with those of the process. No two gateways may share one.
	Metrics *prometheus.Registry
	Log     zerolog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{DefaultListen}
	}
	if c.Rate > 0 && c.Burst < 1 {
		c.Burst = max(1, int(c.Rate))
	}
	c.MaxWatchers = orDefault(c.MaxWatchers, 2000)
	c.MaxConns = orDefault(c.MaxConns, 4096)
	c.HeaderTimeout = orDefault(c.HeaderTimeout, 5*time.Second)
	c.BodyTimeout = orDefault(c.BodyTimeout, 10*time.Second)
	c.Timeout = orDefault(c.Timeout, 10*time.Second)
	c.Heartbeat = orDefault(c.Heartbeat, 15*time.Second)
	c.DrainTimeout = orDefault(c.DrainTimeout, 10*time.Second)
	return c
}

func orDefault[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// Check checks all but the connection, so that a mistake is told before anybody
// waits for NATS.
func (c Config) Check() error {
	c = c.withDefaults()
	if c.Token != "" && len(c.Token) < minTokenBytes {
		return fmt.Errorf("the operators' token is shorter than %d characters; make a longer one", minTokenBytes)
	}
	for _, address := range c.Listen {
		local, err := isLocalAddress(address)
		if err != nil {
			return err
		}
		if !local && c.Token == "" && !c.AllowRemote {
			return fmt.Errorf("listening on %s lets others than this machine in: protect the operators' verbs by a token "+
				"(--http-token-file FILE), or say that something in front of the gateway does (--allow-remote)", address)
		}
	}
	_, err := newOrigins(c.AllowOrigins)
	return err
}

// onlyLocal reports whether all clients are on this machine, and call the
// gateway by a name of this machine.
func (c Config) onlyLocal() bool {
	for _, address := range c.Listen {
		if local, err := isLocalAddress(address); err != nil || !local {
			return false
		}
	}
	return !c.AllowRemote
}

// isLocalAddress reports whether nobody but this machine can reach an address.
func isLocalAddress(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("listening on %q: give host:port: %w", address, err)
	}
	return isLocalHost(host), nil
}

// isLocalHost reports whether a host, without a port, is this machine.
func isLocalHost(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(host, "localhost")
	}
	return address.Unmap().IsLoopback()
}
