package saga

import "cmp"

// What people read of a saga: the status of their order. There is one machine and
// many words for it, so the words stand in the definition (X4, S2-05, S4-08,
// S4-13) and the status is derived, never stored.

// Statuses are the words of a definition for a saga as a whole. A definition that
// has any word, its own or of a step, has at least Accepted, Completed and
// Aborted.
type Statuses struct {
	Accepted     string `json:"accepted,omitempty"`     // it has begun, and no step has more to say
	Compensating string `json:"compensating,omitempty"` // it is being undone; absent: what was reached stays
	Completed    string `json:"completed,omitempty"`
	Aborted      string `json:"aborted,omitempty"`
	Stuck        string `json:"stuck,omitempty"`  // it waits for a person; absent: what was reached stays
	Killed       string `json:"killed,omitempty"` // absent: KILLED
}

// StepStatuses are the words for one step; each may be absent.
type StepStatuses struct {
	Running string `json:"running,omitempty"` // its action is under way, or its result awaited
	Done    string `json:"done,omitempty"`    // it was the last to be accepted
	Failed  string `json:"failed,omitempty"`  // of an aborted saga: it was the one that failed first
}

// PublicStatus says where a saga stands in the words of its definition: how it
// ended, else the first running step that has a word for it, else what was done
// last, else that it was accepted. A definition without words has the names of
// the phases as clients know them (N0-2).
func PublicStatus(d *Definition, s *State) string {
	if !d.hasStatuses() {
		return s.Phase.Public()
	}
	switch s.Phase {
	case Completed:
		return d.Statuses.Completed
	case Aborted:
		return cmp.Or(d.blamedStatus(s), d.Statuses.Aborted)
	case Killed:
		return cmp.Or(d.Statuses.Killed, string(Killed))
	case Stuck:
		return cmp.Or(d.Statuses.Stuck, d.reachedStatus(s))
	case Compensating:
		return cmp.Or(d.Statuses.Compensating, d.reachedStatus(s))
	}
	return cmp.Or(d.runningStatus(s), d.reachedStatus(s))
}

// Public is the name under which clients know a phase.
func (p Phase) Public() string {
	if p == Running {
		return "PENDING"
	}
	return string(p)
}

func (d *Definition) hasStatuses() bool {
	if d.Statuses != (Statuses{}) {
		return true
	}
	for i := range d.Steps {
		if d.Steps[i].Statuses != (StepStatuses{}) {
			return true
		}
	}
	return false
}

// blamedStatus is the word for an end that one step has brought about.
func (d *Definition) blamedStatus(s *State) string {
	if s.Blamed == 0 {
		return ""
	}
	return d.Step(s.Blamed).Statuses.Failed
}

func (d *Definition) runningStatus(s *State) string {
	for _, n := range s.Active() {
		if word := d.Step(n).Statuses.Running; word != "" {
			return word
		}
	}
	return ""
}

// reachedStatus is the word for what was done last, whatever has become of it
// since.
func (d *Definition) reachedStatus(s *State) string {
	for i := len(s.Order) - 1; i >= 0; i-- {
		if word := d.Step(s.Order[i]).Statuses.Done; word != "" {
			return word
		}
	}
	return d.Statuses.Accepted
}

// statuses checks the words. They are written into headers and asked for in
// filters, so they are names, not sentences.
func (c *checker) statuses(pivot int) {
	if !c.def.hasStatuses() {
		return
	}
	all := c.def.Statuses
	c.name("statuses.accepted", all.Accepted)
	c.name("statuses.completed", all.Completed)
	c.name("statuses.aborted", all.Aborted)
	c.word("statuses.compensating", all.Compensating)
	c.word("statuses.stuck", all.Stuck)
	c.word("statuses.killed", all.Killed)
	for i := range c.def.Steps {
		path, words := stepPath(i)+".statuses", c.def.Steps[i].Statuses
		c.word(path+".running", words.Running)
		c.word(path+".done", words.Done)
		c.word(path+".failed", words.Failed)
		c.when(i+1 > pivot && words.Failed != "", path+".failed", "must be absent: a step after the pivot never turns the saga back")
	}
}

// word is name for what may be absent.
func (c *checker) word(path, text string) {
	if text != "" {
		c.name(path, text)
	}
}
