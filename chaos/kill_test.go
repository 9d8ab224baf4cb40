package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// clients is how many checkouts are in flight under load.
const clients = 16

// TestKillServe holds that kill -9 of the whole process at any moment loses,
// doubles and forgets nothing, with either durability (issue 2 "must hold",
// DESIGN §7, I1–I6, I8, I10).
func TestKillServe(t *testing.T) {
	for durability, share := range map[string]int{"interval": 12, "disk": 10} {
		t.Run(durability, func(t *testing.T) {
			times := kills(t, share)
			if testing.Short() {
				times = 1
			}
			t.Parallel()
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
	killAll(t, random, l, kills(t, 10), func() []*process { return []*process{parts[roleOrchestrator]} })
	conclude(t, s, l)
}

// TestKillWorkers: the same for each worker alone, and for several at once. What
// they have answered they must still know.
func TestKillWorkers(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 14), func() []*process {
		all := []*process{parts[roleInventory], parts[rolePayment], parts[roleShipping]}
		random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		return all[:1+random.IntN(len(all))]
	})
	conclude(t, s, l)
}

// TestKillNATS: the same for the server that all the others need. They must
// neither die of it nor take an unknown write for a failed one (DESIGN §3.15).
func TestKillNATS(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 5), func() []*process { return []*process{parts[roleNATS]} })
	conclude(t, s, l)
}

// TestKillAnything kills any two processes of a split system at once, the server
// among them.
func TestKillAnything(t *testing.T) {
	slow(t)
	random, s, l, parts := underLoad(t)
	killAll(t, random, l, kills(t, 5), func() []*process {
		var all []*process
		for _, role := range splitRoles {
			all = append(all, parts[role])
		}
		random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		return all[:2]
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

// killAll kills victims at random moments until so many were killed. Each is
// started again, at a random moment too.
func killAll(t *testing.T, random *rand.Rand, l *load, times int, victims func() []*process) {
	t.Helper()
	l.await(t, clients)
	var down time.Duration
	for n := 0; n < times; {
		pass(between(random, 20*time.Millisecond, 500*time.Millisecond))
		chosen := victims()
		for _, p := range chosen {
			p.kill()
			n++
		}
		begin := time.Now()
		pass(between(random, 0, 150*time.Millisecond))
		for _, p := range chosen {
			p.launch()
		}
		for _, p := range chosen {
			p.ready()
		}
		down += time.Since(begin)
	}
	t.Logf("killed %d processes; restarts took %v in all", times, down.Round(time.Millisecond))
}
