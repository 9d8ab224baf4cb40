package saga

import "slices"

// alarm opens an incident, or adds to one that is open.
func (s *State) alarm(kind IncidentKind, step int, cause string, at Instant) {
	if open := s.incident(kind, step); open != nil {
		open.Cause, open.Last = cause, at
		return
	}
	s.Incidents = append(s.Incidents, Incident{Kind: kind, Step: step, Cause: cause, First: at, Last: at})
}

// settle closes an incident; it may not be open.
func (s *State) settle(kind IncidentKind, step int) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i Incident) bool { return i.Kind == kind && i.Step == step })
	if len(s.Incidents) == 0 {
		s.Incidents = nil
	}
}

func (s *State) incident(kind IncidentKind, step int) *Incident {
	for i := range s.Incidents {
		if s.Incidents[i].Kind == kind && s.Incidents[i].Step == step {
			return &s.Incidents[i]
		}
	}
	return nil
}
