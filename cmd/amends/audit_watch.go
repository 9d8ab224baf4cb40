package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"amends/audit"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// watchAndPrint audits until ctx ends. It tells the whole report first, and then
// what appears and what goes, once each.
func (c *auditCommand) watchAndPrint(ctx context.Context, nc *nats.Conn, out io.Writer, log zerolog.Logger) error {
	metrics, err := serveAuditMetrics(c.MetricsListen, log)
	if err != nil {
		return err
	}
	defer metrics.close()
	known := &definitionsOf{nc: nc}
	if err := known.load(ctx); err != nil {
		return exitOfAudit(err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := watcher{out: out, asJSON: c.JSON, log: log, metrics: metrics, stop: stop}
	if err := audit.Watch(ctx, nc, audit.Terms{Find: known.find(ctx), Elsewhere: c.Elsewhere}, audit.Pace{Every: c.Every, Full: c.Full}, w.see); err != nil {
		return exitOfAudit(err)
	}
	switch {
	case w.err != nil:
		return fmt.Errorf("printing what was found: %w", w.err)
	case w.found:
		return &exitError{code: exitViolation}
	}
	return nil
}

// watcher tells of the rounds of a watch.
type watcher struct {
	out     io.Writer
	asJSON  bool
	log     zerolog.Logger
	metrics *auditMetrics
	stop    context.CancelFunc

	began bool
	away  bool  // the last round could not be made
	found bool  // something was found in any round
	err   error // nobody reads what is printed
}

// told is a line of a watch as JSON.
type told struct {
	At      time.Time      `json:"at"`
	Event   string         `json:"event"` // report, appeared or gone
	Finding *audit.Finding `json:"finding,omitempty"`
	Report  *audit.Report  `json:"report,omitempty"`
}

func (w *watcher) see(r audit.Round) {
	w.metrics.see(r)
	if r.Err != nil {
		if !w.away {
			w.log.Warn().Err(r.Err).Msg("the audit cannot be made: NATS is not there, or does not answer; each round tries again")
		}
		w.away = true
		return
	}
	if w.away {
		w.log.Info().Msg("the audit goes on")
	}
	w.away = false
	w.found = w.found || len(r.Appeared) > 0 || !r.Report.OK()
	if !w.began {
		w.began = true
		w.report(r.Report)
		return
	}
	w.log.Debug().Bool("full", r.Full).Int("sagas", r.Report.Sagas.Total).Int64("took_ms", r.Report.TookMS).
		Int("violations", r.Report.Violations).Msg("audited")
	if r.Full && r.Report.Unjudged > 0 {
		w.log.Warn().Int("unjudged", r.Report.Unjudged).Strs("notes", r.Report.Notes).Msg("not everything could be judged; the next full round tries again")
	}
	for i := range r.Appeared {
		w.finding("appeared", &r.Appeared[i])
	}
	for i := range r.Gone {
		w.finding("gone", &r.Gone[i])
	}
}

// report tells the first round.
func (w *watcher) report(r *audit.Report) {
	if w.asJSON {
		w.encode(told{At: time.Now().UTC(), Event: "report", Report: r})
		return
	}
	w.check(r.WriteText(w.out))
}

func (w *watcher) finding(event string, f *audit.Finding) {
	now := time.Now().UTC()
	if w.asJSON {
		w.encode(told{At: now, Event: event, Finding: f})
		return
	}
	_, err := fmt.Fprintf(w.out, "%s %-8s %s\n", now.Format(time.RFC3339), event, f)
	w.check(err)
}

func (w *watcher) encode(line told) { w.check(json.NewEncoder(w.out).Encode(line)) }

// check ends the watch if nobody reads what is printed.
func (w *watcher) check(err error) {
	if err != nil && w.err == nil {
		w.err = err
		w.stop()
	}
}
