package faults

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Occasion is one attempt of one command, on which something may go wrong.
type Occasion struct {
	Service   string    `json:"service"`
	Type      string    `json:"type"`
	SagaID    string    `json:"saga_id"`
	Step      int       `json:"step"`
	Direction Direction `json:"direction"`
	Attempt   int       `json:"attempt"` // from 1
}

// Fits tells whether a rule is about an attempt at all.
func (r *Rule) Fits(o Occasion) bool {
	return (r.Service == "" || r.Service == o.Service) && (r.Type == "" || r.Type == o.Type) &&
		(r.Step == 0 || r.Step == o.Step) && (r.Direction == "" || r.Direction == o.Direction) && r.Attempts.hold(o.Attempt)
}

// Strikes tells whether a rule strikes an attempt, as the seed has it. Service and
// type say no more than saga and step, and take no part in the drawing.
func (r *Rule) Strikes(seed uint64, o Occasion) bool {
	return r.Fits(o) && draw(seed, r.Name, o) < r.Probability
}

// draw is a number from 0 to below 1 that belongs to a seed, a rule and an attempt.
func draw(seed uint64, rule string, o Occasion) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s.%d.%s.%d", seed, rule, o.SagaID, o.Step, o.Direction, o.Attempt))
	const bits = 53 // a float64 has no more
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits)) / (1 << bits)
}

// Strike is the first rule that strikes an attempt at a place; nil if none does.
func (p *Plan) Strike(seed uint64, at Place, o Occasion) *Rule {
	for n := range p.Rules {
		if r := &p.Rules[n]; r.Fault.Place() == at && r.Strikes(seed, o) {
			return r
		}
	}
	return nil
}
