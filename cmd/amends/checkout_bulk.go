package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// targetFlags name one checkout, or pick many.
type targetFlags struct {
	SagaID string `arg:"" optional:"" help:"Id of the checkout; give a filter instead for many."`
	filterFlags
	Yes bool `help:"Do it to all that match the filter. Without it they are only told."`
}

// run carries an act out: on the one checkout that is named; or on those that
// match the filter, after it has told what that will do.
func (t *targetFlags) run(ctx context.Context, f *actFlags, a *act) error {
	filter := t.filter()
	switch {
	case t.SagaID != "" && filter != (protocol.Filter{}):
		return &exitError{exitUsage, errors.New("give the id of a checkout, or a filter, not both")}
	case t.SagaID != "":
		return f.actOnOne(a, t.SagaID)
	case filter == (protocol.Filter{}):
		return &exitError{exitUsage, errors.New("give the id of a checkout, or a filter, such as --status STUCK")}
	}
	if err := a.request("any").Validate(); err != nil {
		return f.refuse(err)
	}
	nc, err := f.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	var plan protocol.Plan
	raw, err := f.ask(nc, protocol.SubjectPlan, protocol.PlanRequest{Act: a.name, Filter: filter, Limit: t.Limit}, &plan)
	f.printJSON(raw)
	if err != nil {
		return err
	}
	if !f.JSON {
		printPlan(stdout, &plan)
	}
	if !t.Yes && plan.Total > 0 {
		return &exitError{exitUsage, errors.New("nothing was done; --yes does it")}
	}
	b := bulk{flags: f, act: a, nc: nc, out: stdout, counts: make(map[string]int)}
	return b.run(ctx, &plan)
}

// bulk carries one act out on many checkouts, one after the other.
type bulk struct {
	flags  *actFlags
	act    *act
	nc     *nats.Conn
	out    io.Writer
	counts map[string]int // by what became of them, in the words of the summary
	worst  error
	away   bool // the service is out of reach
}

// result is what became of one checkout, as it is printed as JSON.
type result struct {
	SagaID string          `json:"saga_id"`
	Code   exitCode        `json:"exit_code"`        // with which the act on this one alone would exit
	Why    string          `json:"why,omitempty"`    // why the checkout failed, or the act was not done
	Answer json.RawMessage `json:"answer,omitempty"` // of the service, if the act was sent
	became string          // its status, or one word
}

// summary is printed as JSON at the end.
type summary struct {
	Type   string         `json:"type"`
	Act    string         `json:"act"`
	Counts map[string]int `json:"counts"`
	Code   exitCode       `json:"exit_code"`
}

// run acts on what the plan has told, and on nothing else: what matches since then
// is left alone. It ends early when the service is out of reach, or the process is
// told to stop.
func (b *bulk) run(ctx context.Context, plan *protocol.Plan) error {
	for _, one := range plan.Sagas {
		switch {
		case ctx.Err() != nil:
			b.count("not tried", &exitError{exitRunning, context.Cause(ctx)})
		case b.away:
			b.counts["not tried"]++
		case one.Refused != "":
			b.told(result{SagaID: one.SagaID, became: "refused"}, &exitError{exitRefused, errors.New(one.Refused)})
		default:
			b.one(one.SagaID)
		}
	}
	if left := plan.Total - len(plan.Sagas); left > 0 {
		b.counts["beyond --limit"] = left
	}
	if b.flags.JSON {
		if err := json.NewEncoder(b.out).Encode(summary{"checkout_bulk", b.act.name, b.counts, codeOf(b.worst)}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(b.out, "%s: %s\n", b.act.name, b.summary())
	}
	if b.worst != nil {
		return &exitError{code: codeOf(b.worst)}
	}
	return nil
}

// one acts on one checkout.
func (b *bulk) one(sagaID string) {
	raw, outcome, err := b.flags.actOn(b.nc, b.act, sagaID)
	r := result{SagaID: sagaID, Answer: raw, Why: outcome.Reason, became: outcome.Status}
	switch {
	case err == nil:
		err = b.act.exitOf(outcome.Status)
	case codeOf(err) == exitRefused:
		r.became = "refused"
	default:
		_, answered := errors.AsType[*protocol.Error](err)
		r.became, b.away = "failed", codeOf(err) == exitNoNATS && !answered
	}
	b.told(r, err)
}

// told prints what became of one checkout, and counts it.
func (b *bulk) told(r result, err error) {
	b.count(r.became, err)
	r.Code = codeOf(err)
	if coded, ok := errors.AsType[*exitError](err); ok && coded.cause != nil {
		r.Why = coded.cause.Error()
	}
	if b.flags.JSON {
		// Whether it is lost is asked once, at the end.
		_ = json.NewEncoder(b.out).Encode(r)
		return
	}
	fmt.Fprintln(b.out, strings.TrimRight(r.SagaID+"  "+r.became+"  "+r.Why, " "))
}

// count counts what became of one checkout, and keeps the gravest error.
func (b *bulk) count(became string, err error) {
	b.counts[became]++
	if slices.Index(gravity, codeOf(err)) > slices.Index(gravity, codeOf(b.worst)) {
		b.worst = err
	}
}

// summary counts what became of the checkouts.
func (b *bulk) summary() string {
	var parts []string
	for _, became := range slices.Sorted(maps.Keys(b.counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", b.counts[became], became))
	}
	if len(parts) == 0 {
		return "no checkout matches"
	}
	return strings.Join(parts, ", ")
}
