package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
	"amends/saga"
)

// may says in which states the effect of a step can be, by the step's status in
// the journal. It holds at every moment, also while the saga runs: the journal
// has a command before it is sent, and a participant stores before it answers.
// A step that was done once left something, even if it is undone by now.
var may = map[saga.StepStatus][3]bool{
	//                          None   Live   Undone
	saga.StepPending:            {true, false, false},
	saga.StepRunning:            {true, true, false},
	saga.StepWaiting:            {true, true, false},
	saga.StepQuerying:           {true, true, false},
	saga.StepSkipped:            {true, true, true},
	saga.StepCompleted:          {false, true, false},
	saga.StepFailed:             {true, false, false},
	saga.StepUnknown:            {true, true, true},
	saga.StepCompensating:       {true, true, true},
	saga.StepCompensated:        {true, false, true},
	saga.StepCompensationFailed: {true, true, true},
}

// Check holds what the journal says of a saga against all that the participants
// have stored for it, as they were at one moment (I1, I2, I4, I6).
func Check(s *Saga, stored []Effect) []Finding {
	c := checker{saga: s, stored: stored}
	c.head()
	for i := range s.Steps {
		if s.Steps[i].Asked != nil {
			c.step(&s.Steps[i])
		}
	}
	for _, e := range stored {
		if s.strange(e.Place()) {
			c.stray(e)
		}
	}
	return c.findings
}

// CheckQueued holds an open saga to I5: it is in the inbox, so that it is worked
// on, or it has a timer, which will put it there.
func CheckQueued(s *Saga, queued bool) []Finding {
	if queued || !s.Phase.Live() {
		return nil
	}
	return []Finding{{
		Invariant: I5, SagaID: s.ID,
		What:     "the saga is " + string(s.Phase) + ", but it is neither in the inbox nor has it a timer: it is forgotten",
		Evidence: "no message of " + s.ID + " in the streams " + protocol.StreamInbox + " and " + protocol.StreamTimers,
	}}
}

// CheckAlone holds effects to what can be said of them without their journal:
// never more is given back than was taken (D19).
func CheckAlone(sagaID string, stored []Effect) []Finding {
	c := checker{saga: &Saga{ID: sagaID}}
	for _, e := range stored {
		c.flaw(e)
	}
	return c.findings
}

// CheckOrphan judges effects whose saga has no record (I4). A conformance run has
// none, and has to have undone what it did.
func CheckOrphan(sagaID string, stored []Effect) []Finding {
	c := checker{saga: &Saga{ID: sagaID}}
	tried := strings.HasPrefix(sagaID, protocol.ConformancePrefix)
	for _, e := range stored {
		c.flaw(e)
		if e.state() == Live || e.state() == Undone && !tried {
			c.add(I4, e, "the %s %s, but its saga has no record", e, fate(e))
		}
	}
	return c.findings
}

type checker struct {
	saga     *Saga
	stored   []Effect
	findings []Finding
}

// strange tells whether the journal asked for nothing at a place. A step of a
// type that the audit does not know may have stored anything.
func (s *Saga) strange(p Place) bool {
	if int(p.Step) > len(s.Steps) || p.Step == 0 {
		return true
	}
	asked := s.Steps[p.Step-1].Asked
	return asked != nil && asked.Place() != p
}

// head checks that a saga ends in one way, wherever one looks (I6), and with an
// order (I1).
func (c *checker) head() {
	s := c.saga
	evidence := protocol.BucketSagas + " " + s.ID
	if s.Head != s.Phase || s.Header != s.Phase {
		c.report(I6, evidence, "the events lead to %s, the record says %q and its header %q", s.Phase, s.Head, s.Header)
	}
	if s.Phase == saga.Completed && s.OrderID == "" {
		c.report(I1, evidence, "the saga is COMPLETED without an order id")
	}
}

func (c *checker) step(step *Step) {
	e := c.at(step.Asked.Place())
	if step.ByHand {
		if e != nil {
			c.flaw(e)
		}
		return
	}
	if e == nil {
		if step.Accepted || !may[step.Status][None] {
			c.missing(step)
		}
		return
	}
	c.flaw(e)
	if _, unreadable := e.(*Unreadable); unreadable {
		return
	}
	live := e.state() == Live
	if !may[step.Status][e.state()] && !c.lapsed(e) {
		harm := live || step.Status == saga.StepCompleted
		c.add(c.blame(harm), e, "the %s %s, but step %d is %s", e, fate(e), step.Number, step.Status)
	}
	if step.Vague != "" {
		c.add(Record, e, "there is a %s, but the journal does not tell what step %d was: %s", e, step.Number, step.Vague)
		return
	}
	if differs := e.differs(step.Asked); differs != "" {
		c.add(c.blame(live), e, "the %s is not that of the journal: %s", e, differs)
	}
}

// lapsed tells a reservation whose time was over before its saga has ended: what
// becomes of it, the saga will find out. A completed one has sold what it had not.
func (c *checker) lapsed(e Effect) bool {
	r, ok := e.(*Reservation)
	return ok && r.End == Lapsed && c.saga.Phase != saga.Completed
}

func (c *checker) at(p Place) Effect {
	i := slices.IndexFunc(c.stored, func(e Effect) bool { return e.Place() == p })
	if i < 0 {
		return nil
	}
	return c.stored[i]
}

func (c *checker) missing(step *Step) {
	c.report(c.blame(step.Status == saga.StepCompleted), "no effect under "+keyOf(c.saga.ID, step.Asked.Place()),
		"step %d was done and is %s, but there is no %s", step.Number, step.Status, step.Asked)
}

// stray reports an effect where the journal asked for none, such as a second
// charge.
func (c *checker) stray(e Effect) {
	c.flaw(e)
	if e.state() == None {
		return
	}
	others := ""
	if n := c.standing(e.Place().Bucket); e.state() == Live && n > 1 {
		others = fmt.Sprintf("; it is one of %d that stand", n)
	}
	c.add(c.blame(e.state() == Live), e, "the %s %s, but the journal did not ask for it%s", e, fate(e), others)
}

// standing counts the live effects of a saga in one bucket.
func (c *checker) standing(bucket string) (n int) {
	for _, e := range c.stored {
		if e.state() == Live && e.Place().Bucket == bucket {
			n++
		}
	}
	return n
}

// flaw reports what is wrong with an effect by itself.
func (c *checker) flaw(e Effect) {
	flaw := e.flaw()
	switch {
	case flaw == "":
	case e.state() == None:
		c.add(Row, e, "the value makes no sense: %s", flaw)
	case c.saga.Phase == saga.Completed:
		c.add(I1, e, "the %s %s", e, flaw)
	default:
		c.add(I2, e, "the %s %s", e, flaw)
	}
}

// blame is the invariant that a wrong effect breaks: harm says that the balance
// of a saga that has ended is wrong.
func (c *checker) blame(harm bool) Invariant {
	switch {
	case harm && c.saga.Phase == saga.Completed:
		return I1
	case harm && c.saga.Phase == saga.Aborted:
		return I2
	}
	return I4
}

// add reports an effect.
func (c *checker) add(broken Invariant, e Effect, format string, args ...any) {
	c.report(broken, keyOf(c.saga.ID, e.Place())+": "+e.String()+", "+fate(e), format, args...)
}

func (c *checker) report(broken Invariant, evidence, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	c.findings = append(c.findings, Finding{Invariant: broken, SagaID: c.saga.ID, What: what, Evidence: evidence})
}

// keyOf is where a person finds an effect: bucket and key.
func keyOf(sagaID string, p Place) string {
	key := sagaID + "." + strconv.Itoa(int(p.Step))
	if p.Bucket == protocol.BucketInventory {
		key = reservationPrefix + key
	}
	return p.Bucket + " " + key
}

// fate says in words what became of an effect.
func fate(e Effect) string {
	switch e.state() {
	case Live:
		return "stands"
	case Undone:
		return "was undone"
	}
	return "is unknown"
}
