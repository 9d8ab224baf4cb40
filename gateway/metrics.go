package gateway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what /metrics shows of the gateway. No label holds anything that a
// client chose.
type metrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	problems *prometheus.CounterVec
	inFlight prometheus.Gauge
	watchers prometheus.Gauge
}

// buckets reach from a lookup in memory to the longest wait, in seconds.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newMetrics(to *prometheus.Registry, nc *nats.Conn) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amends_gateway_requests_total", Help: "Requests answered, by route and HTTP status."}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "amends_gateway_request_seconds", Help: "Time to answer, by route; event streams are left out.", Buckets: buckets}, []string{"route"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "amends_gateway_problems_total", Help: "Requests that were not taken, by code."}, []string{"code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "amends_gateway_requests_in_flight", Help: "Requests being answered, event streams among them."}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "amends_gateway_event_streams", Help: "Event streams that are open."}),
	}
	connected := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "amends_gateway_nats_connected", Help: "1 while the gateway is connected to NATS."},
		func() float64 {
			if nc.IsConnected() {
				return 1
			}
			return 0
		})
	for _, c := range []prometheus.Collector{m.requests, m.took, m.problems, m.inFlight, m.watchers, connected} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// processMetrics is a registry with what there is to know of the process.
func processMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// count counts one answer. The route is the pattern that took the request, so
// there are only so many.
func (m *metrics) count(route string, status int, c *call, took time.Duration) {
	if route == "" || route == "/" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	if !c.isStream {
		m.took.WithLabelValues(route).Observe(took.Seconds())
	}
	if c.problem != "" {
		m.problems.WithLabelValues(string(c.problem)).Inc()
	}
}
