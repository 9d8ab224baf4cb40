package saga_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"

	"amends/definitions"
	"amends/saga"
)

var simDepth = flag.Int("sim.depth", 0, "how many faults TestExhaustive combines on every path; default 2 on a few, 1 on the others")

// TestExhaustive plays every definition that is shipped, and those of these tests,
// on every path: the happy one, each with a decline, each with a refused
// compensation, each with a result that never comes. It lets every fault strike at
// every point where it can, and then every two of them (make sim-deep: three).
func TestExhaustive(t *testing.T) {
	collectSeldom(t)
	schedules := 0
	for _, v := range shipped(t) {
		for _, path := range paths(v.def) {
			t.Run(v.def.Name+"/"+path.name, func(t *testing.T) {
				x := exhaustive{given: path.given, variant: v}
				depth := x.depth(path)
				x.points = len(x.try(nil, &world{}))
				x.each(depth)
				t.Logf("%d points, %d schedules of up to %d faults", x.points, x.schedules, depth)
				if x.broken != "" {
					t.Error(x.broken)
				}
				schedules += x.schedules
			})
		}
	}
	t.Logf("%d schedules", schedules)
}

// shipped are the definitions that come with the program, and those of these
// tests with steps side by side, a pivot, results that come later, and questions.
func shipped(t *testing.T) []*variant {
	loaded, err := definitions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var all []*variant
	for _, name := range slices.Sorted(maps.Keys(loaded)) {
		if def := loaded[name]; len(def.Steps) <= maxSteps {
			all = append(all, newVariant(def))
		} else {
			t.Errorf("%s has %d steps: raise maxSteps", name, len(def.Steps))
		}
	}
	point, atOnce := ticket(), trip()
	point.Name, atOnce.Name, atOnce.Undo = "ticket with a pivot", "trip, undone at once", saga.InParallel
	turn(point, 2, false)
	for _, def := range []*saga.Definition{ticket(), point, trip(), atOnce} {
		if loaded[def.Name] == nil {
			all = append(all, newVariant(def))
		}
	}
	return all
}

// path is a business course of a saga: what strikes on it is no fault.
type path struct {
	name  string
	given []point
}

// paths are the courses that a definition allows.
func paths(def *saga.Definition) []path {
	all := []path{{"happy", nil}}
	for i := range def.Steps {
		declined := point{kind: actionDeclined, step: uint8(i + 1)}
		all = append(all, path{fmt.Sprintf("step %d declined", i+1), []point{declined}})
		if def.Steps[i].Reply == saga.Callback {
			all = append(all, path{fmt.Sprintf("no result of step %d", i+1), []point{{kind: resultNever, step: uint8(i + 1)}}})
		}
		if i == 0 || def.Steps[i].Kind == saga.Retriable {
			continue
		}
		for k := range i {
			refused := point{kind: undoRefused, step: uint8(k + 1)}
			all = append(all, path{fmt.Sprintf("step %d declined, and the compensation of step %d", i+1, k+1), []point{declined, refused}})
		}
	}
	return all
}

// depth is how many faults are combined.
func (x *exhaustive) depth(p path) int {
	switch {
	case *simDepth > 0:
		return *simDepth
	case len(p.given) > 0 || raceEnabled || testing.Short() || len(x.variant.def.Steps) > 3:
		return 1
	}
	return 2
}

// exhaustive walks the tree of all faults that can be combined.
type exhaustive struct {
	given   []point
	variant *variant
	points  int

	mu        sync.Mutex
	schedules int
	broken    string
}

// each tries every single fault, and with it all that can follow.
func (x *exhaustive) each(depth int) {
	points := slices.Clone(x.try(nil, &world{}))
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
