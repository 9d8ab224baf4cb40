package audit

import "strings"

// held keeps the effects of sagas whose record has not been seen yet. A million
// sagas must fit, so an ordinary one takes a slot and nothing else.
type held map[string]*slot

// slot is the effects of one saga: one of each sort in place, others beside.
type slot struct {
	reservation Reservation
	charge      Charge
	shipment    Shipment
	more        []Effect
}

// add keeps an effect. What was known of the same place is forgotten.
func (h held) add(sagaID string, e Effect) {
	s := h[sagaID]
	if s == nil {
		s = &slot{}
		h[strings.Clone(sagaID)] = s // the id is part of a longer text
	}
	s.add(e)
}

func (s *slot) add(e Effect) {
	for i, known := range s.more {
		if known.Place() == e.Place() {
			s.more[i] = e
			return
		}
	}
	switch e := e.(type) {
	case *Reservation:
		if free(s.reservation.Step, e.Step) {
			s.reservation = *e
			return
		}
	case *Charge:
		if free(s.charge.Step, e.Step) {
			s.charge = *e
			return
		}
	case *Shipment:
		if free(s.shipment.Step, e.Step) {
			s.shipment = *e
			if e.Goods == s.reservation.Goods {
				s.shipment.Goods = s.reservation.Goods // one text in memory, not two
			}
			return
		}
	}
	s.more = append(s.more, e)
}

// free tells whether a place in a slot may be used for an effect of a step.
func free(taken, step uint8) bool { return taken == 0 || taken == step }

// take returns the effects of a saga and forgets them.
func (h held) take(sagaID string) []Effect {
	s := h[sagaID]
	if s == nil {
		return nil
	}
	delete(h, sagaID)
	return s.effects()
}

func (s *slot) effects() []Effect {
	all := make([]Effect, 0, 3+len(s.more))
	if s.reservation.Step != 0 {
		all = append(all, &s.reservation)
	}
	if s.charge.Step != 0 {
		all = append(all, &s.charge)
	}
	if s.shipment.Step != 0 {
		all = append(all, &s.shipment)
	}
	return append(all, s.more...)
}
