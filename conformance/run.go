package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// Config is what a run needs. Conn and Profile are required.
type Config struct {
	Conn    *nats.Conn
	Profile *Profile
	// Timeout is how long an answer may take; 0 is 2 s.
	Timeout time.Duration
	// Restart kills the worker and starts it again. It is nil if nobody can; then
	// what survives that is not checked.
	Restart func(context.Context) error
	// Progress is told of each clause when it has come out; where C1 does not hold,
	// of that only. It may be nil.
	Progress func(Result)
}

const (
	// DefaultTimeout is how long an answer may take unless a Config says otherwise.
	DefaultTimeout = 2 * time.Second
	// idLength is the length of the id of a run: random, base 32.
	idLength = 8
)

// Run checks a worker. It returns when every clause has come out, and everything
// that was done has been undone; every wait in it is bounded. The error says that
// the run could not be held at all.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Conn == nil || cfg.Profile == nil {
		return nil, errors.New("a conformance run needs a connection and a profile")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Result) {}
	}
	r := &run{Config: cfg, id: strings.ToLower(rand.Text()[:idLength]), sagas: make(map[string]*standing)}
	r.report = &Report{Type: "conformance", Service: cfg.Profile.Service, Run: r.id}
	for _, c := range clauses {
		if ctx.Err() != nil {
			break
		}
		result := r.check(ctx, c)
		r.report.add(result)
		if !r.answersNot() || c.id == "C1" {
			cfg.Progress(result)
		}
	}
	r.undoAll(context.WithoutCancel(ctx))
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("checking %s: %w", cfg.Profile.Service, err)
	}
	return r.report, nil
}

// run is a run under way.
type run struct {
	Config
	id     string
	report *Report
	sagas  map[string]*standing // to which an action was sent
}

// standing is what may stand of a saga of this run.
type standing struct {
	accepted bool // the action was
	undone   bool // the compensation was accepted
	lost     bool // the action was accepted after its compensation: nothing undoes it
}

// skipped says that a clause cannot be checked.
type skipped struct{ reason string }

func (s skipped) Error() string { return s.reason }

func skip(format string, args ...any) error { return skipped{fmt.Sprintf(format, args...)} }

// check finds out how one clause comes out.
func (r *run) check(ctx context.Context, c clause) Result {
	t := &trial{run: r, ctx: ctx, clause: c}
	result := Result{ID: c.id, Title: c.text(), Status: Pass}
	err := r.precondition(c)
	if err == nil {
		err = c.check(t)
	}
	t.close()
	result.Exchanges = t.exchanges
	result.Detail = t.note
	if why, ok := errors.AsType[skipped](err); ok {
		result.Status, result.Detail = Skip, why.reason
	} else if err != nil {
		result.Status, result.Detail = Fail, err.Error()
		if c.should {
			result.Status = Warn
		}
	}
	return result
}

// answersNot reports whether C1 does not hold. Then no other clause can be checked,
// and nobody wants to read of each that it was not.
func (r *run) answersNot() bool { return r.report.Clauses[0].Status == Fail }

// precondition skips a clause that says nothing where another one does not hold.
func (r *run) precondition(c clause) error {
	for _, earlier := range r.report.Clauses {
		if earlier.Status == Fail && (earlier.ID == "C1" || slices.Contains(c.needs, earlier.ID)) {
			return skip("says nothing as long as %s does not hold", earlier.ID)
		}
	}
	return nil
}

// undoAll compensates what the run has done and not undone.
func (r *run) undoAll(ctx context.Context) {
	t := &trial{run: r, ctx: ctx}
	defer t.close()
	for _, saga := range slices.Sorted(maps.Keys(r.sagas)) {
		if !r.sagas[saga].undone {
			_, _ = t.undo(saga, nil) // what comes of it stands in r.sagas
		}
		if left := r.sagas[saga]; !left.undone || left.lost {
			r.report.Left = append(r.report.Left, saga)
		}
	}
}

// saga is a fresh saga id of this trial.
func (t *trial) saga() string {
	t.given++
	return fmt.Sprintf("%s%s-%s-%d", protocol.ConformancePrefix, t.id, strings.ToLower(t.clause.id), t.given)
}
