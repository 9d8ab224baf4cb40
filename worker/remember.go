package worker

import (
	"errors"
	"fmt"
	"maps"

	"amends/protocol"
)

// place is where the fence of a step is kept: in a record of its own, or as a
// guest in that of the earlier step on whose row its commands act.
type place struct {
	key   string // of the record
	step  int    // of the record
	guest int    // the step that is a guest there; 0 if the record is the step's own
}

func ownPlace(id protocol.SagaID, step int) place {
	return place{key: protocol.StepKey(id, step), step: step}
}

func guestPlace(id protocol.SagaID, host, guest int) place {
	return place{key: protocol.StepKey(id, host), step: host, guest: guest}
}

func (m *Memory[E]) fence(at place) Fence {
	if at.guest == 0 {
		return m.Fence
	}
	return m.Guests[at.guest]
}

func (m Memory[E]) withFence(at place, f Fence) Memory[E] {
	if at.guest == 0 {
		m.Fence = f
		return m
	}
	m.Guests = maps.Clone(m.Guests)
	if m.Guests == nil {
		m.Guests = make(map[int]Fence, 1)
	}
	m.Guests[at.guest] = f
	return m
}

// isBlank reports whether nothing at all is remembered.
func (m *Memory[E]) isBlank() bool { return m.Fence == Fence{} && m.Effect == nil && m.Guests == nil }

// decided is the memory after the ledger was asked.
func (c *claim[E]) decided(m Memory[E], at int64) (Memory[E], error) {
	d, err := c.decide(m.Effect, at)
	if err != nil {
		return m, fmt.Errorf("deciding on step %s: %w", c.at.key, err)
	}
	m.SagaID, m.Step = c.command.SagaID, c.at.step
	if d.begun {
		return c.begin(m, d, at)
	}
	return conclude(m, c.at, c.to, c.command, c.hash, d, at)
}

// conclude is the memory after a verdict.
func conclude[E any](
	m Memory[E], where place, to Direction, command protocol.Command, hash string, d Decision[E], at int64,
) (Memory[E], error) {
	v := Verdict{Hash: hash, Accepted: d.declined == nil, At: at}
	var err error
	if v.Accepted {
		v.Reply, err = protocol.EncodeReply(command.Reply(protocol.SuffixOK), d.ok)
	} else {
		v.Reply, err = protocol.EncodeReply(command.Reply(protocol.SuffixFailed), d.declined)
	}
	m.Effect = d.row
	return m.withFence(where, m.fence(where).with(to, v)), err
}

// begin is the memory of a command that is not decided yet.
func (c *claim[E]) begin(m Memory[E], d Decision[E], at int64) (Memory[E], error) {
	p := &Promise{Command: c.command, Hash: c.hash, At: at}
	if d.later != nil {
		if c.to != ToDo {
			return m, errors.New("only an action can be deferred: nobody awaits the result of anything else")
		}
		var err error
		pending := protocol.Pending{RequestID: d.later.RequestID}
		if p.Reply, err = protocol.EncodeReply(c.command.Reply(protocol.SuffixPending), pending); err != nil {
			return m, err
		}
		if p.Callback = d.later.Callback; p.Callback == "" {
			p.Callback = c.callback
		}
	}
	f := m.fence(c.at)
	f.Promise, c.mine = p, p
	m.Effect = d.row
	return m.withFence(c.at, f), nil
}

// left accepts a compensation of what was never done, or is undone already.
func (c *claim[E]) left(m Memory[E], at int64) (Memory[E], error) {
	m.SagaID, m.Step = c.command.SagaID, c.at.step
	return conclude(m, c.at, c.to, c.command, c.hash, Accept[E](m.Effect, nil), at)
}

// withdrawn accepts a compensation of what is not decided yet: the action is
// declined for ever, and whatever became of it outside will be undone there. Who
// awaited the result does not any more.
func (c *claim[E]) withdrawn(m Memory[E], at int64) (Memory[E], error) {
	p := *m.fence(c.at).Promise
	p.Withdrawn, p.Callback = true, ""
	no := Decline(m.Effect, &protocol.Failure{Error: ReasonCompensated})
	m, err := conclude(m, c.at, ToDo, p.Command, p.Hash, no, at)
	if err != nil {
		return m, err
	}
	f := m.fence(c.at)
	f.Promise = &p
	return c.left(m.withFence(c.at, f), at)
}

// pointed is the memory of a step whose fence is kept elsewhere. It is written
// before anything is stored there, so that a compensation that does not say where
// finds it.
func (c *claim[E]) pointed(m Memory[E]) (Memory[E], error) {
	m.SagaID, m.Step, m.Host = c.command.SagaID, c.command.Step, c.host
	return m, nil
}

// undoesOther reports whether a compensation takes back a part of what another
// step has done: then there need not be an action of its own.
func (c *claim[E]) undoesOther(m *Memory[E]) bool {
	f := m.fence(c.at)
	return c.host != 0 && c.at.guest != 0 && f.Action == nil && !f.isUndone()
}
