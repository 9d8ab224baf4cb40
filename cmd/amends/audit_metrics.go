package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"amends/audit"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// auditMetrics are what a watch exports. They say what stands now: a rule for
// alerts is max(amends_audit_violations) > 0.
type auditMetrics struct {
	violations *prometheus.GaugeVec
	found      *prometheus.CounterVec
	sagas      prometheus.Counter
	stuck      prometheus.Gauge
	rounds     *prometheus.CounterVec
	failed     prometheus.Counter
	last       *prometheus.GaugeVec
	took       *prometheus.GaugeVec

	server *http.Server // nil if nothing is exported
}

func newAuditMetrics(to *prometheus.Registry) (*auditMetrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "amends_audit_" + name, Help: help}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "amends_audit_" + name, Help: help}, labels)
	}
	m := &auditMetrics{
		violations: gauge("violations", "Violations that stand, by invariant.", "invariant"),
		found:      counter("findings_total", "Violations that have appeared, by invariant.", "invariant"),
		rounds:     counter("rounds_total", "Rounds that were made: of everything, or of what has changed.", "kind"),
		last:       gauge("last_round_timestamp_seconds", "When the latest round of a kind ended.", "kind"),
		took:       gauge("round_seconds", "How long the latest round of a kind took.", "kind"),
		sagas:      prometheus.NewCounter(prometheus.CounterOpts{Name: "amends_audit_sagas_total", Help: "Sagas audited, in all rounds."}),
		stuck:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "amends_audit_stuck_sagas", Help: "Sagas that wait for a person."}),
		failed:     prometheus.NewCounter(prometheus.CounterOpts{Name: "amends_audit_failed_rounds_total", Help: "Rounds that could not be made."}),
	}
	for _, c := range []prometheus.Collector{m.violations, m.found, m.rounds, m.last, m.took, m.sagas, m.stuck, m.failed} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	for _, invariant := range audit.Invariants() { // an alert needs the zeros, too
		m.violations.WithLabelValues(string(invariant)).Set(0)
		m.found.WithLabelValues(string(invariant)).Add(0)
	}
	return m, nil
}

// serveAuditMetrics exports metrics on an address; "" is nowhere.
func serveAuditMetrics(address string, log zerolog.Logger) (*auditMetrics, error) {
	registry := prometheus.NewRegistry()
	m, err := newAuditMetrics(registry)
	if err != nil || address == "" {
		return m, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("exporting metrics: %w; name another address with --metrics-listen", err)}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Info().Str("metrics", "http://"+listener.Addr().String()+"/metrics").Msg("ready")
	go func() {
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("metrics are not exported any more")
		}
	}()
	return m, nil
}

func (m *auditMetrics) close() {
	if m.server != nil {
		_ = m.server.Close() // whoever reads metrics tries again
	}
}

// see takes a round in.
func (m *auditMetrics) see(r audit.Round) {
	kind := "changes"
	if r.Full {
		kind = "full"
	}
	if r.Err != nil {
		m.failed.Inc()
		return
	}
	for _, invariant := range audit.Invariants() {
		m.violations.WithLabelValues(string(invariant)).Set(float64(r.Report.Broken[invariant]))
	}
	for i := range r.Appeared {
		m.found.WithLabelValues(string(r.Appeared[i].Invariant)).Inc()
	}
	m.rounds.WithLabelValues(kind).Inc()
	m.last.WithLabelValues(kind).SetToCurrentTime()
	m.took.WithLabelValues(kind).Set(float64(r.Report.TookMS) / 1000)
	m.sagas.Add(float64(r.Report.Sagas.Total))
	m.stuck.Set(float64(r.Report.Sagas.Stuck))
}
