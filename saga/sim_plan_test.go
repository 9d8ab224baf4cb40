package saga_test

import (
	"fmt"

	"amends/saga"
)

// point is a place in the run of one saga where a kind of fault may strike: the
// nth time that this question comes up about a step's operation and attempt. Since
// the answer depends on nothing else, one fault can be taken out of a run and the
// others stay what they were.
type point struct {
	kind    kind
	step    uint8
	mode    uint8
	attempt uint8
	nth     uint16
}

func (p point) String() string {
	return fmt.Sprintf("%-30s step=%d %-4s attempt=%d #%d", kindNames[p.kind], p.step, modeNames[p.mode], p.attempt, p.nth)
}

var modeNames = [...]string{"do", "undo", "ask"}

// place is an operation on a step, and its attempt.
type place struct {
	step    int
	mode    saga.Mode
	attempt int
}

func (p place) String() string {
	return fmt.Sprintf("step=%d %-4s attempt=%d", p.step, modeNames[modeOf(p.mode)], p.attempt)
}

func modeOf(m saga.Mode) uint8 {
	switch m {
	case saga.Compensate:
		return 1
	case saga.Ask:
		return 2
	}
	return 0
}

// plan decides which faults strike one saga. It draws from no stream: every
// decision is a hash of the seed, the saga and the point.
type plan struct {
	seed  uint64        // of this saga
	rates [kinds]uint32 // of 2³²
	until saga.Instant  // then the faults stop

	exact bool    // only the points in these two strike
	given []point // a business decision of the run: strikes at every nth
	only  []point

	asked  []point // every point that came up, if wanted
	listen bool
	struck []point
	seen   [draws][maxSteps + 2][3][maxAttempts]uint16 // a stray answer may name a step too many
}

const (
	maxAttempts = 6
	mostFaults  = 64 // of one saga: rivals and doubles beget each other
)

// reset makes a plan of the swarm kind: each saga has its own few kinds of fault
// at its own rates. One in eight is left in peace.
func (p *plan) reset(seed uint64) {
	*p = plan{seed: seed, asked: p.asked[:0], struck: p.struck[:0]}
	dice := mix(seed)
	p.until = epoch.Add(saga.Duration(5+dice%45) * second)
	if dice>>8%8 == 0 {
		p.rates[actionDeclined] = 1 << 29
		return
	}
	for k := range p.rates {
		dice = mix(dice)
		if dice%2 == 0 {
			p.rates[k] = 1 << (26 + dice>>1%5)
		}
	}
	for _, k := range [...]kind{cancelAsked, deadlineSkewed, rival, killAsked, retryAsked, resolvedDone, resolvedSkip, migrationAsked, clockJumps} {
		p.rates[k] >>= 2 // asked about at every step of the way
	}
	p.rates[poisoned] >>= 3 // ends much
	p.rates[killAsked] >>= 2
	p.rates[migrationAsked] >>= 2
}

// point counts how often a question came up.
func (p *plan) point(k kind, at place) point {
	attempt := min(max(at.attempt, 0), maxAttempts-1)
	mode := modeOf(at.mode)
	nth := &p.seen[k][at.step][mode][attempt]
	*nth++
	return point{kind: k, step: uint8(at.step), mode: mode, attempt: uint8(attempt), nth: *nth}
}

// roll is the random number of a point.
func (p *plan) roll(at point) uint64 {
	x := uint64(at.kind)<<32 | uint64(at.step)<<24 | uint64(at.attempt)<<16 | uint64(at.nth)<<8 | uint64(at.mode)
	return mix(p.seed ^ mix(x+0x9e3779b97f4a7c15))
}

// strikes decides about a fault.
func (p *plan) strikes(k kind, at place, now saga.Instant) bool {
	if !p.exact && (p.rates[k] == 0 || now > p.until || len(p.struck) >= mostFaults) {
		return false
	}
	here := p.point(k, at)
	if p.listen {
		p.asked = append(p.asked, here)
	}
	hit := false
	if p.exact {
		hit = p.listed(here)
	} else {
		hit = uint32(p.roll(here)>>32) < p.rates[k]
	}
	if hit {
		p.struck = append(p.struck, here)
	}
	return hit
}

func (p *plan) listed(here point) bool {
	for _, q := range p.only {
		if q == here {
			return true
		}
	}
	for _, q := range p.given {
		if q.kind == here.kind && q.step == here.step {
			return true
		}
	}
	return false
}

// draw is how long something takes: from low up to high.
func (p *plan) draw(k kind, at place, low, high saga.Duration) saga.Duration {
	return low + saga.Duration(p.roll(p.point(k, at))%uint64(high-low))
}

// mix spreads the bits of a number over all of them (the finalizer of SplitMix).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
