package saga_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// explain reports a saga that broke an invariant: with the fewest faults that
// still break it, and all that happened.
func (s *simulation) explain(t *testing.T, number int) {
	t.Helper()
	w := &world{}
	v := s.prepare(w, number)
	w.run(number, v)
	all := slices.Clone(w.plan.struck)
	few := s.shrink(number, all)
	w = s.with(number, few, true)
	t.Errorf("%s: %s\n%s\nreplay: go test ./saga -run '^TestSimulate$' -sim.seed=%d -sim.saga=%d",
		w.broken.invariant, w.broken.problem, s.chronicle(w, number, few, len(all)), s.seed, number)
}

// replay tells the story of one saga, whether it goes well or not.
func (s *simulation) replay(t *testing.T, number int) {
	w := &world{}
	w.run(number, s.prepare(w, number))
	if w.broken != nil {
		s.explain(t, number)
		return
	}
	struck := slices.Clone(w.plan.struck)
	w = s.with(number, struck, true)
	t.Log(s.chronicle(w, number, struck, len(struck)))
}

func (s *simulation) chronicle(w *world, number int, faults []point, of int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, saga %d (%s, %d steps), %d of %d faults:\n", s.seed, number, w.variant.def.Name, len(w.variant.def.Steps), len(faults), of)
	for _, fault := range faults {
		fmt.Fprintf(&b, "  %v\n", fault)
	}
	fmt.Fprintf(&b, "what happened:\n")
	for _, line := range w.story {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// with runs a saga again, with exactly these faults.
func (s *simulation) with(number int, faults []point, tell bool) *world {
	w := &world{tell: tell}
	v := s.prepare(w, number)
	w.plan.exact, w.plan.only = true, faults
	w.run(number, v)
	return w
}

// shrink takes out one fault after the other, as long as the same invariant
// breaks without it.
func (s *simulation) shrink(number int, faults []point) []point {
	invariant := s.with(number, faults, false).broken
	if invariant == nil {
		return faults // not to be reproduced: report it as it came
	}
	for i := 0; i < len(faults); {
		fewer := slices.Delete(slices.Clone(faults), i, i+1)
		if w := s.with(number, fewer, false); w.broken != nil && w.broken.invariant == invariant.invariant {
			faults, i = fewer, 0 // those before it may be needless now
			continue
		}
		i++
	}
	return faults
}
