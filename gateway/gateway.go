package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// Gateway answers HTTP. Several of them share the work without knowing of each
// other.
type Gateway struct {
	cfg       Config
	log       zerolog.Logger
	local     bool // only clients on this machine, by a name of this machine
	metrics   *metrics
	limiter   *limiter
	origins   *http.CrossOriginProtection
	watchers  chan struct{} // a place for each event stream
	feeds     feeds
	lookups   chan struct{} // a place for each lookup of a listing
	readiness readiness
	link      link

	handler   http.Handler
	server    *http.Server
	addresses []string
	tasks     sync.WaitGroup

	stopOnce sync.Once
	stopping chan struct{}   // closed when Stop begins
	draining chan struct{}   // closed when no request is taken any more
	base     context.Context // of all requests; ends when they must
	cancel   context.CancelFunc
}

// New checks the configuration and makes a gateway that Start starts.
func New(cfg Config) (*Gateway, error) {
	if cfg.Conn == nil {
		return nil, errors.New("making a gateway: it needs a connection")
	}
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("making a gateway: %w", err)
	}
	cfg = cfg.withDefaults()
	origins, err := newOrigins(cfg.AllowOrigins)
	if err != nil {
		return nil, fmt.Errorf("making a gateway: %w", err)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = processMetrics()
	}
	metrics, err := newMetrics(cfg.Metrics, cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("making a gateway: %w", err)
	}
	g := &Gateway{
		cfg: cfg, log: cfg.Log.With().Str("role", "gateway").Logger(), local: cfg.onlyLocal(), metrics: metrics, origins: origins,
		limiter: newLimiter(cfg.Rate, cfg.Burst, maxClients), watchers: make(chan struct{}, cfg.MaxWatchers),
		lookups:  make(chan struct{}, lookups),
		feeds:    feeds{all: make(map[protocol.SagaID]*feed)},
		stopping: make(chan struct{}), draining: make(chan struct{}),
	}
	g.base, g.cancel = context.WithCancel(context.Background())
	g.link.renew(g.base)
	g.tasks.Go(func() { g.link.watch(g.base, cfg.Conn) })
	g.handler = g.chain(tidy(g.routes()))
	g.server = g.newServer()
	return g, nil
}

// routes are all that the gateway answers.
func (g *Gateway) routes() *http.ServeMux {
	mux := http.NewServeMux()
	api := humago.New(mux, humaConfig())
	api.UseMiddleware(g.strict)
	for _, add := range []func(huma.API){
		g.addCheckouts, g.addSagas, g.addEvents, g.addIncidents, g.addOperators, g.addCallbacks, g.addCart, g.addOrders, g.addHealth,
	} {
		add(api)
	}
	addDocuments(mux, api.OpenAPI())
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.cfg.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", fallback(mux))
	return mux
}

// debugLog takes what net/http says about connections of clients, which is
// nothing that anybody has to see.
type debugLog struct{ log zerolog.Logger }

// Write logs one line.
func (d debugLog) Write(line []byte) (int, error) {
	d.log.Debug().Str("server", strings.TrimSpace(string(line))).Msg("a connection failed")
	return len(line), nil
}
