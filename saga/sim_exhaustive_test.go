package saga_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
)

var simDepth = flag.Int("sim.depth", 0, "how many faults TestExhaustive combines; default 2, with -race 1")

// TestExhaustive plays the checkout of document 000 on the happy path and on
// every path with a decline or a refused compensation, and lets every fault
// strike at every point where it can; then every two faults.
func TestExhaustive(t *testing.T) {
	depth := *simDepth
	if depth == 0 {
		depth = 2
		if raceEnabled {
			depth = 1
		}
	}
	collectSeldom(t)
	decline := func(step uint8) point { return point{kind: actionDeclined, step: step} }
	refuse := func(step uint8) point { return point{kind: undoRefused, step: step} }
	for _, path := range []struct {
		name  string
		given []point
	}{
		{"happy", nil},
		{"declined at step 1", []point{decline(1)}},
		{"declined at step 2", []point{decline(2)}},
		{"declined at step 3", []point{decline(3)}},
		{"declined at step 3, refund refused", []point{decline(3), refuse(2)}},
	} {
		t.Run(path.name, func(t *testing.T) {
			x := exhaustive{given: path.given, variant: newVariant(checkout())}
			points := x.try(nil, &world{})
			t.Logf("%d points", len(points))
			x.each(points, depth)
			t.Logf("%d schedules of up to %d faults", x.schedules, depth)
			if x.broken != "" {
				t.Error(x.broken)
			}
		})
	}
}

// exhaustive walks the tree of all faults that can be combined.
type exhaustive struct {
	given   []point
	variant *variant

	mu        sync.Mutex
	schedules int
	broken    string
}

// each tries every single fault, and with it all that can follow.
func (x *exhaustive) each(points []point, depth int) {
	next := make(chan point)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			w := &world{}
			for p := range next {
				x.deeper([]point{p}, depth-1, w)
			}
		})
	}
	for _, p := range points {
		next <- p
	}
	close(next)
	group.Wait()
	x.schedules++ // the one without any fault
}

func (x *exhaustive) deeper(faults []point, depth int, w *world) {
	points := slices.Clone(x.try(faults, w))
	x.mu.Lock()
	x.schedules++
	x.mu.Unlock()
	if depth == 0 {
		return
	}
	last := slices.Index(points, faults[len(faults)-1])
	for _, p := range points[last+1:] { // a fault that comes up earlier was combined with this one already
		x.deeper(append(slices.Clip(faults), p), depth-1, w)
	}
}

// try plays one schedule and returns the points that came up.
func (x *exhaustive) try(faults []point, w *world) []point {
	w.plan.reset(1)
	w.plan.exact, w.plan.listen, w.plan.only, w.plan.given = true, true, faults, x.given
	w.whole = len(faults) == 1
	w.run(0, x.variant)
	if w.broken != nil {
		x.report(faults, w)
	}
	return w.plan.asked
}

func (x *exhaustive) report(faults []point, w *world) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != "" {
		return
	}
	v := *w.broken
	w.tell = true
	w.plan.reset(1)
	w.plan.exact, w.plan.only, w.plan.given = true, faults, x.given
	w.run(0, x.variant)
	w.tell = false
	x.broken = fmt.Sprintf("%s: %s\nfaults: %v\n", v.invariant, v.problem, faults)
	for _, line := range w.story {
		x.broken += line + "\n"
	}
}
