package saga_test

import (
	"fmt"

	"amends/saga"
)

// kind is one way in which the world goes wrong, or a person interferes.
type kind uint8

// The network, the participants, the journal, the owners, and people.
const (
	commandLost kind = iota
	commandTwice
	commandLate
	commandTampered // a second one under the same key with other content
	replyLost
	replyTwice
	replyLate
	replyStray // an answer to a command that was never sent
	workerAbsent
	workerBusy     // a technical no, nothing done
	workerHopeless // the same, and trying again is pointless
	workerDiesFirst
	workerDiesLast // the verdict is stored, the answer never sent
	workerUnsure   // the verdict is stored, the answer is a technical no
	actionDeclined
	undoRefused
	writeUnheard // the journal has it, the owner hears nothing
	writeLost    // the journal does not have it, the owner hears nothing
	writeSlow    // the owner hears nothing, and it lands later
	diesBeforeWrite
	diesAfterWrite
	diesWhileActing
	diesWhileReplaying
	freezesBeforeWrite
	freezesAfterWrite
	rivalQuiet  // the inbox message goes to a second owner while the first lives
	rivalClaims // the same, and it takes the record over
	timerEarly
	timerStale // one that was cancelled goes off all the same
	wakeTwice
	cancelAsked
	deadlineSkewed // somebody's clock says that the time is over
	poisoned
	kinds

	// What follows are not faults but draws of how long something takes.
	latency = kinds + iota
	lateness
	nap
	patience
	detour
	draws
)

var kindNames = [kinds]string{
	"command lost", "command twice", "command late", "command tampered with", "reply lost", "reply twice", "reply late",
	"stray reply", "worker absent", "worker busy", "worker hopeless", "worker dies before it stores", "worker dies before it answers",
	"worker unsure", "action declined", "compensation refused", "write unheard", "write lost", "write slow",
	"owner dies before the write", "owner dies after the write", "owner dies while acting", "owner dies while replaying",
	"owner freezes before the write", "owner freezes after the write", "rival, quiet", "rival, claims", "timer early", "timer stale",
	"wake-up twice", "cancel", "deadline", "quarantine",
}

// point is a place in the run of one saga where a kind of fault may strike: the
// nth time that this question comes up about a step's direction and attempt.
// Since the answer depends on nothing else, one fault can be taken out of a run
// and the others stay what they were.
type point struct {
	kind    kind
	step    uint8
	undo    bool
	attempt uint8
	nth     uint16
}

func (p point) String() string {
	return fmt.Sprintf("%-30s %v #%d", kindNames[p.kind], place{int(p.step), p.undo, int(p.attempt)}, p.nth)
}

// place is a step's direction and attempt.
type place struct {
	step    int
	undo    bool
	attempt int
}

func (p place) String() string {
	return fmt.Sprintf("step=%d %-4s attempt=%d", p.step, [...]string{"do", "undo"}[direction(p.undo)], p.attempt)
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
	seen   [draws][maxSteps + 2][2][maxAttempts]uint16 // a stray answer may name a step too many
}

const (
	maxSteps    = 6
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
	for _, k := range [...]kind{cancelAsked, deadlineSkewed, rivalQuiet, rivalClaims} {
		p.rates[k] >>= 2 // asked about at every step of the way
	}
	p.rates[poisoned] >>= 3 // ends everything
}

// point counts how often a question came up.
func (p *plan) point(k kind, at place) point {
	attempt := min(max(at.attempt, 0), maxAttempts-1)
	undo := 0
	if at.undo {
		undo = 1
	}
	nth := &p.seen[k][at.step][undo][attempt]
	*nth++
	return point{kind: k, step: uint8(at.step), undo: at.undo, attempt: uint8(attempt), nth: *nth}
}

// roll is the random number of a point.
func (p *plan) roll(at point) uint64 {
	x := uint64(at.kind)<<32 | uint64(at.step)<<24 | uint64(at.attempt)<<16 | uint64(at.nth)<<8
	if at.undo {
		x |= 1
	}
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
