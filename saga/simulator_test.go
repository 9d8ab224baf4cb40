package saga_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The simulator plays whole sagas, millions of them, in a world where everything
// that can go wrong does: see sim_world_test.go. It runs the core, the chain and
// the fence of production; the shell, the participants' ledgers and the network
// are models.
//
//	go test ./saga -run '^TestSimulate$' -sim.n=1000000 -sim.seed=7
var (
	simN    = flag.Int("sim.n", 0, "sagas to simulate; default: about three seconds' worth")
	simSeed = flag.Uint64("sim.seed", 0, "seed of the simulation; default: a random one, which is printed")
	simSaga = flag.Int("sim.saga", -1, "simulate only the saga of this number, and tell its story")
)

func TestSimulate(t *testing.T) {
	seed := *simSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	n := *simN
	if n == 0 {
		n = 40_000
		if raceEnabled {
			n /= 20
		}
	}
	collectSeldom(t)
	s := newSimulation(seed)
	if *simSaga >= 0 {
		s.replay(t, *simSaga)
		return
	}
	began := time.Now()
	total := s.run(n)
	t.Logf("seed %d: %d sagas in %v\n%s", seed, total.sagas, time.Since(began).Round(time.Millisecond), total.report())
	if total.failed >= 0 {
		s.explain(t, total.failed)
		return
	}
	if n >= 10_000 {
		total.demandAll(t)
	}
}

// collectSeldom lets garbage pile up to some 100 MB: a world is so small that it
// would be collected hundreds of times a second, and each time stops them all.
func collectSeldom(t *testing.T) {
	old := debug.SetGCPercent(2_000)
	t.Cleanup(func() { debug.SetGCPercent(old) })
}

// simulation is one seed and its definitions, the fixed ones first.
type simulation struct {
	seed     uint64
	variants []*variant
	fixed    int
}

func newSimulation(seed uint64) *simulation {
	return &simulation{seed, variants(seed), len(fixed())}
}

// prepare makes a world's plan for the saga of that number, and picks its
// definition.
func (s *simulation) prepare(w *world, number int) *variant {
	dice := mix(s.seed ^ mix(uint64(number)+1))
	w.plan.reset(dice)
	w.whole = dice>>20%16 == 0
	return s.pick(mix(dice))
}

// run simulates n sagas on all processors. Sagas share nothing, so the outcome of
// each is the same whoever runs it.
func (s *simulation) run(n int) tally {
	const block = 64
	var next atomic.Int64
	var failed atomic.Int64
	failed.Store(int64(n))
	tallies := make([]tally, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i := range tallies {
		group.Go(func() {
			w, sum := &world{}, newTally()
			for {
				first := int(next.Add(block)) - block
				if first >= min(n, int(failed.Load())) {
					break
				}
				for number := first; number < min(first+block, n); number++ {
					w.run(number, s.prepare(w, number))
					sum.add(w, number)
					if w.broken != nil {
						keepLeast(&failed, int64(number))
						break
					}
				}
			}
			tallies[i] = sum
		})
	}
	group.Wait()
	return merge(tallies)
}

func keepLeast(least *atomic.Int64, number int64) {
	for old := least.Load(); number < old; old = least.Load() {
		if least.CompareAndSwap(old, number) {
			return
		}
	}
}
