package faults_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"amends/faults"
	"amends/protocol"

	"pgregory.net/rapid"
)

// charge is the first attempt to charge.
func charge(change func(o *faults.Occasion)) faults.Occasion {
	o := faults.Occasion{
		Service: "payment", Type: "ChargePayment", SagaID: "checkout42", Step: 2, Direction: faults.Action, Attempt: 1,
	}
	if change != nil {
		change(&o)
	}
	return o
}

// A rule meets what it names, and everything of what it leaves out.
func TestRulesFitWhatTheyName(t *testing.T) {
	second := charge(func(o *faults.Occasion) { o.Attempt = 2 })
	for _, c := range []struct {
		name string
		rule faults.Rule
		on   faults.Occasion
		want bool
	}{
		{"nothing is named", faults.Rule{}, charge(nil), true},
		{"its service", faults.Rule{Service: "payment"}, charge(nil), true},
		{"another service", faults.Rule{Service: "shipping"}, charge(nil), false},
		{"its step", faults.Rule{Step: 2}, charge(nil), true},
		{"another step", faults.Rule{Step: 1}, charge(nil), false},
		{"its type", faults.Rule{Type: "ChargePayment"}, charge(nil), true},
		{"another type", faults.Rule{Type: "RefundPayment"}, charge(nil), false},
		{"its direction", faults.Rule{Direction: faults.Action}, charge(nil), true},
		{"the other direction", faults.Rule{Direction: faults.Compensation}, charge(nil), false},
		{"questions only", faults.Rule{Direction: faults.Question}, charge(nil), false},
		{"its attempt", faults.Rule{Attempts: faults.Attempts{First: 1, Last: 1}}, charge(nil), true},
		{"the next attempt", faults.Rule{Attempts: faults.Attempts{First: 1, Last: 1}}, second, false},
		{"a range", faults.Rule{Attempts: faults.Attempts{First: 1, Last: 3}}, second, true},
		{"all of it at once", faults.Rule{Service: "payment", Type: "ChargePayment", Step: 2, Direction: faults.Action}, charge(nil), true},
		{"all but one", faults.Rule{Service: "payment", Type: "ChargePayment", Step: 2, Direction: faults.Compensation}, charge(nil), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.rule.Fits(c.on); got != c.want {
				t.Errorf("fits: %v", got)
			}
		})
	}
}

// Of all rules that strike at a place the first counts; those of the other place
// are none of its business.
func TestTheFirstRuleOfAPlaceCounts(t *testing.T) {
	always := func(name string, kind faults.Kind) faults.Rule {
		return faults.Rule{Name: name, Fault: kind, Probability: 1}
	}
	never := always("never", faults.DropCommand)
	never.Probability = 0
	plan := faults.Plan{Rules: []faults.Rule{
		never, always("no", faults.Refuse), always("late", faults.DelayReply), always("dead", faults.CrashAfter), always("lost", faults.DropReply),
	}}
	for at, want := range map[faults.Place]string{faults.OnBus: "late", faults.AtWorker: "no"} {
		if got := plan.Strike(1, at, charge(nil)); got == nil || got.Name != want {
			t.Errorf("at the %s: %+v, want %s", at, got, want)
		}
	}
	if got := plan.Strike(1, faults.OnBus, charge(func(o *faults.Occasion) { o.Direction = faults.Question })); got == nil {
		t.Error("a question goes over the bus as well")
	}
}

// A probability is kept, whatever the seed, the rule, and the sagas are called.
func TestProbabilitiesAreKept(t *testing.T) {
	const draws = 1000
	rapid.Check(t, func(t *rapid.T) {
		rule := faults.Rule{
			Name: rapid.StringMatching(`[a-z-]{1,20}`).Draw(t, "rule"), Probability: rapid.Float64Range(0, 1).Draw(t, "probability"),
		}
		seed, prefix := rapid.Uint64().Draw(t, "seed"), rapid.StringMatching(`[a-zA-Z0-9_-]{0,30}`).Draw(t, "prefix")
		struck := 0
		for n := range draws {
			if rule.Strikes(seed, charge(func(o *faults.Occasion) { o.SagaID = fmt.Sprint(prefix, n) })) {
				struck++
			}
		}
		// Five and a half standard deviations: one run in 26 million is further off.
		deviation := math.Sqrt(draws * rule.Probability * (1 - rule.Probability))
		if off := math.Abs(float64(struck) - draws*rule.Probability); off > 5.5*deviation+1 {
			t.Fatalf("%d of %d are struck with probability %v", struck, draws, rule.Probability)
		}
	})
}

// The extremes are exact.
func TestOneIsAlwaysAndZeroIsNever(t *testing.T) {
	for n := range 10_000 {
		o := charge(func(o *faults.Occasion) { o.Attempt = n })
		if one := (&faults.Rule{Probability: 1}); !one.Strikes(7, o) {
			t.Fatalf("attempt %d is not struck", n)
		}
		if none := (&faults.Rule{}); none.Strikes(7, o) {
			t.Fatalf("attempt %d is struck", n)
		}
	}
}

// The same seed makes the same decisions, in whatever order and however many at
// once; another seed makes others, and so do another step and another direction.
func TestDecisionsBelongToTheAttempt(t *testing.T) {
	plan := faults.Plan{Rules: []faults.Rule{{Name: "half", Fault: faults.DropReply, Probability: 0.5}}}
	const attempts = 512
	decide := func(seed uint64, change func(o *faults.Occasion)) []bool {
		struck := make([]bool, attempts)
		var all sync.WaitGroup
		for n := range attempts {
			all.Go(func() {
				o := charge(func(o *faults.Occasion) { o.SagaID, o.Attempt = fmt.Sprint("s", n/4), n%4 })
				if change != nil {
					change(&o)
				}
				struck[n] = plan.Strike(seed, faults.OnBus, o) != nil
			})
		}
		all.Wait()
		return struck
	}
	first := decide(1, nil)
	if !slices.Equal(first, decide(1, nil)) {
		t.Error("the same seed decides otherwise")
	}
	for what, other := range map[string][]bool{
		"seed":      decide(2, nil),
		"step":      decide(1, func(o *faults.Occasion) { o.Step++ }),
		"direction": decide(1, func(o *faults.Occasion) { o.Direction = faults.Compensation }),
	} {
		if slices.Equal(first, other) {
			t.Errorf("another %s decides the same", what)
		}
	}
}

// S2-08: a probability is a rule beside the plan, for actions only, and can be
// changed at any time.
func TestFailureProbabilities(t *testing.T) {
	i := faults.NewInjector(faults.Config{})
	if got := i.Strike(faults.AtWorker, charge(nil)); got != nil || i.Failure("payment") != 0 {
		t.Errorf("nothing was asked for, and it is struck by %+v", got)
	}
	if err := i.SetFailure("payment", 1); err != nil {
		t.Fatal(err)
	}
	got := i.Strike(faults.AtWorker, charge(nil))
	if got == nil || got.Fault != faults.Refuse || got.Retryable || i.Failure("payment") != 1 {
		t.Errorf("struck by %+v", got)
	}
	for what, o := range map[string]faults.Occasion{
		"a compensation":  charge(func(o *faults.Occasion) { o.Direction = faults.Compensation }),
		"another service": charge(func(o *faults.Occasion) { o.Service = "shipping" }),
	} {
		if got := i.Strike(faults.AtWorker, o); got != nil {
			t.Errorf("%s is struck by %+v", what, got)
		}
	}
	if got := i.Strike(faults.OnBus, charge(nil)); got != nil {
		t.Errorf("on the bus it is struck by %+v", got)
	}
	for _, p := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if err := i.SetFailure("payment", p); !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalidField}) {
			t.Errorf("%v is taken with %v", p, err)
		}
	}
	if err := i.SetFailure("payment", 0); err != nil {
		t.Fatal(err)
	}
	if got := i.Strike(faults.AtWorker, charge(nil)); got != nil {
		t.Errorf("struck by %+v", got)
	}
}

// Who has no injector makes no faults.
func TestNoInjectorNoFaults(t *testing.T) {
	var none *faults.Injector
	if got := none.Strike(faults.OnBus, charge(nil)); got != nil || none.Metadata() != nil {
		t.Errorf("struck by %+v", got)
	}
}
