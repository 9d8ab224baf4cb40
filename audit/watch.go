package audit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Pace is how often a system is audited that is watched.
type Pace struct {
	// Every is the time between two rounds. A round reads what has changed since
	// the one before, and looks again at every saga that has not ended, or of which
	// something was found.
	Every time.Duration
	// Full is after how long a round reads everything once more: stock, and what
	// changed without a message, such as a file on a disk.
	Full time.Duration
}

// Round is what one round of a watch has found.
type Round struct {
	Full   bool
	Report *Report // of what this round has read; its findings are those that stand now
	// Appeared were not there in the round before, Gone were.
	Appeared, Gone []Finding
	// Err says why the round could not be made. What was found before stands.
	Err error
}

// Watch audits a system until ctx ends, and calls see after every round. It
// returns an error if the first round cannot be made. The first round is a full
// one.
func Watch(ctx context.Context, nc *nats.Conn, terms Terms, pace Pace, see func(Round)) error {
	w := watch{nc: nc, terms: terms, standing: map[string]Finding{}, open: map[string]bool{}, orderOf: map[string]string{}}
	first := w.round(ctx, true)
	if first.Err != nil {
		return first.Err
	}
	see(first)
	tick := time.NewTicker(pace.Every)
	defer tick.Stop()
	full := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		r := w.round(ctx, time.Since(full) >= pace.Full)
		if ctx.Err() != nil {
			return nil
		}
		if r.Full && r.Err == nil {
			full = time.Now()
		}
		see(r)
	}
}

// watch is what is known from the rounds before.
type watch struct {
	nc    *nats.Conn
	terms Terms

	from     bounds
	open     map[string]bool    // sagas that have not ended
	standing map[string]Finding // what was found, by its name
	orderOf  map[string]string  // the orders of sagas that have no record
}

// round audits once.
func (w *watch) round(ctx context.Context, full bool) Round {
	src, err := openSource(ctx, w.nc)
	if err != nil {
		return Round{Err: err}
	}
	full = full || src.startedAnew(w.from)
	a := newAuditor(src, w.terms)
	a.orderOf = w.orderOf
	if full {
		err = a.everything(ctx, w.found())
	} else {
		err = a.changes(ctx, w.from, w.again())
	}
	if err != nil {
		return Round{Full: full, Err: err}
	}
	a.sumUp()
	r := w.compare(a, full)
	w.from = src.bounds()
	for id := range a.tally.judged {
		delete(w.open, id)
	}
	if full {
		clear(w.open)
	}
	maps.Copy(w.open, a.tally.open)
	return r
}

// again are the sagas to be looked at whether they have changed or not.
func (w *watch) again() map[string]bool {
	again := w.found()
	maps.Copy(again, w.open)
	return again
}

// found are the sagas of which something stands.
func (w *watch) found() map[string]bool {
	found := map[string]bool{}
	for _, f := range w.standing {
		if f.SagaID != "" {
			found[f.SagaID] = true
		}
	}
	return found
}

// compare tells what is new and what is gone. A round knows nothing of what it has
// not judged; and if it has found more than it keeps, nobody knows what is gone.
func (w *watch) compare(a *auditor, full bool) Round {
	report := a.tally.finish()
	r := Round{Full: full, Report: report}
	now := make(map[string]Finding, len(report.Findings))
	for _, f := range report.Findings {
		now[f.name()] = f
	}
	for name, f := range w.standing {
		if _, there := now[name]; there {
			continue
		}
		if !report.isCut() && a.tally.hasJudged(f, full) {
			r.Gone = append(r.Gone, f)
		} else {
			now[name] = f
		}
	}
	for name, f := range now {
		if _, known := w.standing[name]; !known {
			r.Appeared = append(r.Appeared, f)
		}
	}
	w.standing = now
	report.stand(slices.Collect(maps.Values(now)))
	slices.SortFunc(r.Appeared, compareFindings)
	slices.SortFunc(r.Gone, compareFindings)
	return r
}

// hasJudged tells whether a round has looked at what a finding is about.
func (t *tally) hasJudged(f Finding, full bool) bool {
	if f.SagaID != "" {
		return t.judged[f.SagaID]
	}
	return full && !t.restless[f.SKU]
}

// isCut tells whether a report holds fewer findings than there are.
func (r *Report) isCut() bool { return r.Violations > len(r.Findings) }

// stand makes the findings of a report those that stand, as far as they are known.
func (r *Report) stand(findings []Finding) {
	if r.isCut() && r.Violations >= len(findings) {
		return
	}
	slices.SortFunc(findings, compareFindings)
	r.Findings, r.Violations, r.Broken = findings, len(findings), map[Invariant]int{}
	for _, f := range findings {
		r.Broken[f.Invariant]++
	}
}

// name tells a finding from others as long as it stands. Numbers of stock change
// while it is oversold.
func (f *Finding) name() string {
	evidence, what := f.Evidence, f.What
	if f.SKU != "" {
		evidence, _, _ = strings.Cut(evidence, ":")
		what, _, _ = strings.Cut(strings.TrimLeft(what, "-0123456789"), ":")
	}
	return strings.Join([]string{string(f.Invariant), f.SagaID, f.SKU, evidence, what}, "\x00")
}

// changes reads what is new in the streams, and looks at what does not agree, and
// at some sagas in any case.
func (a *auditor) changes(ctx context.Context, from bounds, again map[string]bool) error {
	a.goesOn = true
	a.note()
	if err := a.readAll(ctx, from); err != nil {
		return err
	}
	if err := a.checkStreams(ctx); err != nil {
		return err
	}
	if err := a.judgeAll(ctx); err != nil {
		return err
	}
	return a.judgeAgain(ctx, again)
}

// everything reads everything, and looks in any case at some sagas: one that
// seems to be in order may only have moved.
func (a *auditor) everything(ctx context.Context, again map[string]bool) error {
	if err := a.all(ctx); err != nil {
		return err
	}
	return a.judgeAgain(ctx, again)
}

// judgeAgain looks at the sagas that were not looked at yet.
func (a *auditor) judgeAgain(ctx context.Context, again map[string]bool) error {
	for id := range a.tally.judged {
		delete(again, id)
	}
	return each(ctx, maps.Keys(again), func(ctx context.Context, id string) error { return a.judge(ctx, id, a.balance.of(PrintOf(id))) })
}

// bounds are how far the streams reached.
func (s *source) bounds() bounds {
	reached := bounds{}
	for _, st := range s.all() {
		reached[st.name] = st.last
	}
	return reached
}

// startedAnew tells whether a stream reaches less far than before: it was lost,
// or made anew.
func (s *source) startedAnew(before bounds) bool {
	for _, st := range s.all() {
		if st.last < before[st.name] {
			return true
		}
	}
	return false
}
