package audit

import "amends/saga"

// expect takes away from the balance of a saga what its journal says is stored.
// Where that is not exactly known, the saga is doubtful. It reports whether the
// saga can be counted already.
func (e *entry) expect(s *Saga) {
	e.mark(recorded)
	c := checker{saga: s}
	if c.head(); len(c.findings) > 0 || !s.Phase.Terminal() || s.Phase == saga.Killed {
		e.mark(doubtful)
		return
	}
	withTransaction, without := 0, 0
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Asked == nil {
			continue
		}
		state, sure := step.leaves()
		if !sure || step.Vague != "" || step.ByHand {
			e.mark(doubtful)
			return
		}
		if state == None {
			continue
		}
		e.take(in(step.Asked, state))
		if charge, ok := step.Asked.(*Charge); ok && charge.Transaction == 0 {
			without++
		} else if ok {
			withTransaction++
		}
	}
	switch {
	case without > 0 && withTransaction > 0:
		e.mark(doubtful)
	case without > 0:
		e.mark(loose)
	}
}

// leaves is the state in which the effect of a step of an ended saga must be;
// sure says that it is the only one.
func (s *Step) leaves() (state State, sure bool) {
	switch s.Status {
	case saga.StepPending, saga.StepFailed:
		return None, !s.Accepted
	case saga.StepCompleted:
		return Live, true
	case saga.StepCompensated:
		return Undone, s.Accepted
	}
	return None, false
}

// in is an effect in a state.
func in(asked Effect, state State) Effect {
	switch e := asked.(type) {
	case *Reservation:
		e.State = state
	case *Charge:
		e.State = state
	case *Authorization:
		e.State = state
	case *Shipment:
		e.State = state
	}
	return asked
}
