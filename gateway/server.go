package gateway

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// What a connection may take, in time and bytes: a client that sends or reads
// slowly on purpose holds its connection for no longer. The body has its own
// deadline (readBody), and so has each event of a stream.
const (
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 16 << 10
)

// answerTimeout bounds one answer: the body, the longest wait, and the answer on
// NATS that comes late.
func (g *Gateway) answerTimeout() time.Duration {
	return g.cfg.BodyTimeout + maxWait + g.cfg.Timeout + writeTimeout
}

func (g *Gateway) newServer() *http.Server {
	return &http.Server{
		Handler: g.handler, ReadHeaderTimeout: g.cfg.HeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // OPTIONS * passes what every request passes
		WriteTimeout:                 g.answerTimeout(), BaseContext: func(net.Listener) context.Context { return g.base },
		ErrorLog: log.New(debugLog{g.log}, "", 0),
	}
}

// Start listens. It returns when clients can connect; /readyz says whether they
// are served.
func (g *Gateway) Start(ctx context.Context) error {
	for _, address := range g.cfg.Listen {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("starting the gateway: %w", err)
		}
		g.addresses = append(g.addresses, listener.Addr().String())
		g.tasks.Go(func() { g.serve(newFairListener(netutil.LimitListener(listener, g.cfg.MaxConns), g.cfg.MaxConns/8)) })
	}
	g.log.Info().Strs("http", g.addresses).Msg("gateway ready")
	return nil
}

func (g *Gateway) serve(listener net.Listener) {
	if err := g.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		g.log.Error().Err(err).Msg("the gateway cannot go on listening")
	}
}

// Addresses are where the gateway listens, in the order of the configuration.
func (g *Gateway) Addresses() []string { return g.addresses }

// Stop ends the gateway without cutting anybody off: /readyz is red first; after
// DrainDelay event streams are closed and told to come back, and requests are
// finished, as long as DrainTimeout and ctx allow. Those that are not are answered
// 503. It may be called more than once.
func (g *Gateway) Stop(ctx context.Context) error {
	g.stopOnce.Do(func() {
		close(g.stopping)
		g.server.SetKeepAlivesEnabled(false)
		pause(ctx, g.cfg.DrainDelay)
		close(g.draining)
	})
	drain, cancel := context.WithTimeout(ctx, g.cfg.DrainTimeout)
	defer cancel()
	err := g.server.Shutdown(drain)
	g.cancel()
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		err = errors.Join(g.server.Shutdown(last), g.server.Close())
	}
	g.feeds.close()
	g.tasks.Wait()
	return err
}

// lastWords is how long a request that is cut short has to say so.
const lastWords = time.Second

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
