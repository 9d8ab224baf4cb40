package conformance_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"amends/conformance"
	"amends/worker/workertest"
)

// What does not hold is told with what was sent and what came back, also as JSON.
func TestAFailureIsToldWithItsEvidence(t *testing.T) {
	n := workertest.Server(t)
	newTiny(t, n.Connect(t), payments, "C14")
	var text strings.Builder
	report := check(t, conformance.Config{
		Conn: n.Connect(t), Profile: profile(t, "payment"),
		Progress: func(r conformance.Result) { must(t, r.WriteText(&text, false)) },
	})
	must(t, report.WriteSummary(&text))
	for _, want := range []string{
		"PASS  C13  A second attempt of an accepted action", "FAIL  C14  A second attempt of a declined action",
		"           the first was answered {", `> payment.charge {"amount":249.99`, `< {"type":"ChargePayment_failed"`,
		"SKIP  C24", "1 failed", "(sagas conform-" + report.Run,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, text.String())
		}
	}
	body, err := json.Marshal(report)
	must(t, err)
	var again conformance.Report
	must(t, json.Unmarshal(body, &again))
	evidence := again.Clauses[13].Exchanges
	if again.Failed != 1 || len(evidence) != 2 || evidence[0].Header["Amends-Attempt"] != "1" || evidence[1].Header["Amends-Attempt"] != "2" {
		t.Errorf("%+v", again.Clauses[13])
	}
}

// What cannot be undone is named: somebody has to look at it.
func TestWhatIsLeftIsNamed(t *testing.T) {
	n := workertest.Server(t)
	w := newTiny(t, n.Connect(t), payments, "C15")
	report := check(t, conformance.Config{Conn: n.Connect(t), Profile: profile(t, "payment")})
	if len(report.Left) == 0 {
		t.Error("an action that was accepted after its compensation is not named")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for step := range w.stands {
		saga, _, _ := strings.Cut(step, ".")
		if !strings.Contains(strings.Join(report.Left, " "), saga) {
			t.Errorf("%s stands and is not named among %v", saga, report.Left)
		}
	}
}

// A run that is told to stop does so, and undoes nothing less.
func TestARunCanBeStopped(t *testing.T) {
	n := workertest.Server(t)
	w := newTiny(t, n.Connect(t), payments, "")
	ctx, stop := context.WithCancel(t.Context())
	_, err := conformance.Run(ctx, conformance.Config{
		Conn: n.Connect(t), Profile: profile(t, "payment"),
		Progress: func(r conformance.Result) {
			if r.ID == "C13" {
				stop()
			}
		},
	})
	if err == nil {
		t.Error("it went on")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stands) > 0 {
		t.Errorf("still stands: %v", w.stands)
	}
}

// Two runs at once do not meet.
func TestRunsDoNotMeet(t *testing.T) {
	n := workertest.Server(t)
	newTiny(t, n.Connect(t), payments, "")
	reports := make(chan *conformance.Report)
	for range 2 {
		nc := n.Connect(t)
		go func() { reports <- check(t, conformance.Config{Conn: nc, Profile: profile(t, "payment")}) }()
	}
	first, second := <-reports, <-reports
	if !first.OK() || !second.OK() || first.Run == second.Run {
		t.Errorf("run %s fails %v, run %s fails %v", first.Run, of(first, conformance.Fail), second.Run, of(second, conformance.Fail))
	}
}
