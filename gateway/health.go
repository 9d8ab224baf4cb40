package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// canary is the saga that nobody has. Asking for it goes the way of every
// request: to an orchestrator, and from there to the journal.
const canary = "readiness-canary"

// A canary may take this long, and what it found holds for this long.
const (
	canaryTimeout = 2 * time.Second
	canaryHolds   = time.Second
)

// readiness is what the last canary found. However many ask, one canary a second
// is sent.
type readiness struct {
	mu    sync.Mutex
	until time.Time
	err   error
}

// Health is the answer of a probe that is content.
type Health struct {
	Status string `json:"status" example:"ready"`
}

func (g *Gateway) addHealth(a huma.API) {
	add(a, route{
		method: http.MethodGet, path: "/livez", id: "live", tag: tagHealth, summary: "Is the process alive?",
		doc: "It answers. Restart what does not.",
	}, func(context.Context, *struct{}) (*bodyOutput[Health], error) {
		return &bodyOutput[Health]{Health{"alive"}}, nil
	})
	add(a, route{
		method: http.MethodGet, path: "/readyz", id: "ready", tag: tagHealth, summary: "Can it serve?",
		doc: "A request went through NATS to an orchestrator and to the journal, a second ago at the most. 503 also says that the gateway is about to stop.",
	}, func(ctx context.Context, _ *struct{}) (*bodyOutput[Health], error) {
		if err := g.ready(ctx); err != nil {
			return nil, err
		}
		return &bodyOutput[Health]{Health{"ready"}}, nil
	})
}

func (g *Gateway) ready(ctx context.Context) error {
	select {
	case <-g.stopping:
		return unavailable("the gateway is stopping")
	default:
	}
	g.readiness.mu.Lock()
	defer g.readiness.mu.Unlock()
	if time.Now().After(g.readiness.until) {
		// Others live by what it finds: it does not end with the one who asked.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), canaryTimeout)
		defer cancel()
		_, g.readiness.err = g.status(ctx, canary)
		g.readiness.until = time.Now().Add(canaryHolds)
	}
	if errors.Is(g.readiness.err, &protocol.Error{Code: protocol.CodeSagaNotFound}) {
		return nil
	}
	return g.readiness.err
}
