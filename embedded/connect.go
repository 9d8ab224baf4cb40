package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/synadia-io/orbit.go/natscontext"
)

// Access says which NATS to use, and as whom. The zero value is the environment
// and the selected context of the nats command.
type Access struct {
	URL     string // server URLs, separated by commas
	Creds   string // path of a credentials file
	Context string // name of a nats context
}

const (
	// reconnectWait makes a restart of the server a short stall: with the
	// client's own default of 2 s it would be a long one.
	reconnectWait = 100 * time.Millisecond
	pingInterval  = 5 * time.Second
)

// options are those of every connection that sends commands or writes. There is
// no reconnect buffer: what cannot be sent now fails now, and is never delivered
// later behind the back of whoever gave it up.
func options(name string, log zerolog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name(name), nats.ReconnectBufSize(-1), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.PingInterval(pingInterval), nats.PermissionErrOnSubscribe(true), nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Msg("lost NATS; reconnecting")
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			log.Info().Str("url", c.ConnectedUrlRedacted()).Msg("connected to NATS again")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			event := log.Error().Err(err)
			if sub != nil {
				event = event.Str("subject", sub.Subject)
			}
			event.Msg("NATS reports an error")
		}),
	}
}

// errChecked ends a dial before anything is sent.
var errChecked = errors.New("checked")

// Check says what is wrong with an access that no server could make good: a URL
// that is none, or a file or context that is not there.
func (a Access) Check() error {
	if a.Creds != "" {
		file, err := os.Open(a.Creds)
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		_ = file.Close()
	}
	for address := range strings.SplitSeq(a.URL, ",") {
		address = strings.TrimSpace(address)
		if !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		if _, err := url.Parse(address); err != nil {
			return fmt.Errorf("the URL of NATS: %w", withoutURL(err))
		}
	}
	if a.URL != "" {
		return nil
	}
	_, err := a.dial([]nats.Option{func(*nats.Options) error { return errChecked }})
	if err != nil && !errors.Is(err, errChecked) {
		return fmt.Errorf("the context of the nats command: %w", err)
	}
	return nil
}

// withoutURL is the cause of an error of url.Parse: the URL may hold a password.
func withoutURL(err error) error {
	if parsing, ok := errors.AsType[*url.Error](err); ok {
		return parsing.Err
	}
	return err
}

// Connect connects a role to NATS and waits until it is there: with one line in
// the log, not with an error.
func Connect(ctx context.Context, access Access, name string, log zerolog.Logger) (*nats.Conn, error) {
	connected := make(chan struct{})
	opts := append(options(name, log), nats.ConnectHandler(func(*nats.Conn) { close(connected) }))
	nc, err := access.dial(opts)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	if nc.IsConnected() {
		return nc, nil
	}
	log.Warn().Strs("urls", nc.Servers()).Msg("NATS is not there; waiting for it")
	select {
	case <-connected:
		log.Info().Str("url", nc.ConnectedUrlRedacted()).Msg("connected to NATS")
		return nc, nil
	case <-ctx.Done():
		nc.Close()
		return nil, fmt.Errorf("connecting to NATS: %w", ctx.Err())
	}
}

// Dial connects a client: it fails when NATS is not there. What the client cannot
// send at once it never sends.
func (a Access) Dial(name string) (*nats.Conn, error) {
	return a.dial([]nats.Option{nats.Name(name), nats.ReconnectBufSize(-1)})
}

func (a Access) dial(opts []nats.Option) (*nats.Conn, error) {
	if a.Creds != "" {
		opts = append(opts, nats.UserCredentials(a.Creds))
	}
	if a.URL != "" {
		return nats.Connect(a.URL, opts...)
	}
	nc, _, err := natscontext.Connect(a.Context, opts...)
	return nc, err
}
