package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// clients is how many checkouts are in flight under load.
const clients = 16

// TestKillServe holds that kill -9 of the whole process at any moment loses,
// doubles and forgets nothing, with either durability
// (I1–I6, I8, I10).
func TestKillServe(t *testing.T) {
	for durability, share := range map[string]int{"interval": 16, "disk": 14} {
		t.Run(durability, func(t *testing.T) {
			times := kills(t, share)
			if testing.Short() && durability == "interval" {
				times = 1 // the one kill of a short run
				t.Parallel()
			} else {
				slow(t)
			}
			random := dice(t)
			s := newSite(t, durability)
			victims := s.startAll(roleServe)
			l := startLoad(s, random, clients)
			killAll(t, random, l, times, func() []*process { return victims })
			conclude(t, s, l)
		})
	}
}

// TestKillOrchestrator: the same for the orchestrator alone. Its sagas are
// continued by the one that comes after it.
func TestKillOrchestrator(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 15), func() []*process { return []*process{parts[roleOrchestrator]} })
	conclude(t, s, l)
}

// TestKillWorkers: the same for each worker alone, and for several at once. What
// they have answered they must still know.
func TestKillWorkers(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 21), func() []*process {
		all := []*process{parts[roleInventory], parts[rolePayment], parts[roleShipping]}
		random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		return all[:1+random.IntN(len(all))]
	})
	conclude(t, s, l)
}

// TestKillNATS: the same for the server that all the others need. They must
// neither die of it nor take an unknown write for a failed one.
func TestKillNATS(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 9), func() []*process { return []*process{parts[roleNATS]} })
	conclude(t, s, l)
}

// TestKillAnything kills any two processes at once of a system with two of each
// role, the server among them.
func TestKillAnything(t *testing.T) {
	slow(t)
	random := dice(t)
	s := newSite(t, "interval")
	everybody := s.startAll(append(splitRoles, splitRoles[1:]...)...)
	l := startLoad(s, random, clients)
	killAll(t, random, l, kills(t, 9), func() []*process {
		random.Shuffle(len(everybody), func(a, b int) { everybody[a], everybody[b] = everybody[b], everybody[a] })
		return everybody[:2]
	})
	conclude(t, s, l)
}

// splitRoles are the roles of a system with one process for each.
var splitRoles = []string{roleNATS, roleOrchestrator, roleInventory, rolePayment, roleShipping}

// underLoad is a split system that clients are using.
func underLoad(t *testing.T) (*rand.Rand, *site, *load, map[string]*process) {
	t.Helper()
	random := dice(t)
	s := newSite(t, "interval")
	parts := make(map[string]*process)
	for n, p := range s.startAll(splitRoles...) {
		parts[splitRoles[n]] = p
	}
	return random, s, startLoad(s, random, clients), parts
}

// killAll kills victims at random moments until so many were killed. They are
// started again, at random moments too, and now and then killed once more before
// they are ready.
func killAll(t *testing.T, random *rand.Rand, l *load, times int, victims func() []*process) {
	t.Helper()
	l.await(t, clients)
	killed := 0
	for killed < times {
		pass(between(random, 20*time.Millisecond, 500*time.Millisecond))
		chosen := victims()
		killed += killEach(chosen)
		pass(between(random, 0, 100*time.Millisecond))
		launchEach(chosen)
		if random.IntN(4) == 0 {
			pass(between(random, 0, 200*time.Millisecond))
			killed += killEach(chosen)
			launchEach(chosen)
		}
		for _, p := range chosen {
			p.ready()
		}
	}
	t.Logf("%d processes were killed", killed)
}

func killEach(chosen []*process) int {
	for _, p := range chosen {
		p.kill()
	}
	return len(chosen)
}

func launchEach(chosen []*process) {
	for _, p := range chosen {
		p.launch()
	}
}
