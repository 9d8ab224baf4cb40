package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
// have stored for it, as they were at one moment (I2 to I5, I8 to I12).
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

// slack is how late a saga may be, or its incident be shown: orchestrators look
// for forgotten ones once a minute.
const slack = 2 * time.Minute

// Watched is who looks after a saga.
type Watched struct {
	Queued bool      // it is in the inbox, or has a timer
	Shown  bool      // its incidents are in the bucket INCIDENTS
	Now    time.Time // when that was looked at
}

// CheckWatched holds an open saga to I6: somebody works on it, in time, or it is
// shown that a person is needed.
func CheckWatched(s *Saga, w Watched) []Finding {
	c := checker{saga: s}
	switch {
	case s.Phase.Live() && !w.Queued:
		c.report(I6, "no message of "+s.ID+" in the streams "+protocol.StreamInbox+" and "+protocol.StreamTimers,
			"the saga is %s, but it is neither in the inbox nor has it a timer: it is forgotten", s.Phase)
	case s.overdue(w.Now) && !w.Shown:
		c.report(I6, protocol.BucketSagas+" "+s.ID,
			"the saga is %s and was to go on at %s, but nothing has happened", s.Phase, s.Due.UTC().Format(time.RFC3339))
	}
	if s.Incident != "" && !w.Shown && w.Now.Sub(s.Since) > slack {
		c.report(I6, "no key "+s.ID+" in the bucket "+protocol.BucketIncidents,
			"the saga is %s and needs a person (%s), but no incident shows it", s.Phase, s.Incident)
	}
	return c.findings
}

// CheckAlone holds effects to what can be said of them without their journal:
// never more is given back than was taken (D19).
func CheckAlone(sagaID string, stored []Effect) []Finding {
	c := checker{saga: &Saga{ID: sagaID}}
	for _, e := range stored {
		c.flaws(e)
	}
	return c.findings
}

// CheckOrphan judges effects whose saga has no record (I5). A conformance run has
// none, and has to have undone what it did.
func CheckOrphan(sagaID string, stored []Effect) []Finding {
	c := checker{saga: &Saga{ID: sagaID}}
	tried := strings.HasPrefix(sagaID, protocol.ConformancePrefix)
	for _, e := range stored {
		c.flaws(e)
		if e.state() == Live || e.state() == Undone && !tried {
			c.add(I5, e, "the %s %s, but its saga has no record", e, fate(e))
		}
	}
	return c.findings
}

// overdue tells whether something should have happened to a saga long ago.
func (s *Saga) overdue(now time.Time) bool {
	return s.Phase.Live() && !s.Due.IsZero() && now.Sub(s.Due) > slack
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

// head checks that a saga is the same wherever one looks (I8), that it has one
// writer (I9), and ends with an order (I3).
func (c *checker) head() {
	s, h := c.saga, &c.saga.head
	evidence := protocol.BucketSagas + " " + s.ID
	if h.phase != s.Phase || h.headerPhase != s.Phase {
		c.report(I8, evidence, "the events lead to %s, the record says %q and its header %q", s.Phase, h.phase, h.headerPhase)
	}
	if h.epoch < 1 || h.owner == "" || h.headerOwner != "" && h.headerOwner != h.owner {
		c.report(I9, evidence, "the record is of owner %q in epoch %d, its header names %q", h.owner, h.epoch, h.headerOwner)
	}
	if s.Phase == saga.Completed && s.OrderID == "" {
		c.report(I3, evidence, "the saga is COMPLETED without an order id")
	}
}

func (c *checker) step(step *Step) {
	e := c.at(step.Asked.Place())
	switch {
	case e == nil:
		c.absent(step)
		return
	case step.ByHand:
		c.flaws(e)
		return
	}
	c.flaws(e)
	if _, unreadable := e.(*Unreadable); unreadable {
		return
	}
	if !may[step.Status][e.state()] && !c.lapsed(e) {
		c.add(c.blame(e, step), e, "the %s %s, but step %d is %s%s", e, fate(e), step.Number, step.Status, moment(e))
	}
	if _, buried := e.(*Tombstone); buried {
		return
	}
	if step.Vague != "" {
		c.add(I7, e, "there is a %s, but the journal does not tell what step %d was: %s", e, step.Number, step.Vague)
		return
	}
	for _, f := range e.differs(step.Asked) {
		broken := f.broken
		if broken == "" && e.state() != Live {
			broken = I5
		}
		c.add(c.or(broken), e, "the %s is not that of the journal: %s", e, f.text)
	}
}

// absent judges a step of which nothing at all is stored.
func (c *checker) absent(step *Step) {
	place := step.Asked.Place()
	evidence := "no effect under " + keyOf(c.saga.ID, place)
	switch {
	case step.ByHand:
	case step.Status == saga.StepCompleted:
		c.report(c.or(""), evidence, "step %d is %s, but there is no %s", step.Number, step.Status, step.Asked)
	case step.Accepted || !may[step.Status][None]:
		c.report(I5, evidence, "step %d was done and is %s, but there is no %s", step.Number, step.Status, step.Asked)
	case step.Status == saga.StepCompensated:
		c.report(I11, evidence, "step %d was given up and compensated, but there is no tombstone: a late action would be carried out", step.Number)
	}
}

// lapsed tells a reservation whose time was over before its saga has ended: what
// becomes of it, the saga will find out. A completed one has sold what it had not.
func (c *checker) lapsed(e Effect) bool {
	r, ok := e.(*Reservation)
	return ok && r.End == Lapsed && c.saga.Phase != saga.Completed
}

// at is what is stored at a place.
func (c *checker) at(p Place) Effect {
	i := slices.IndexFunc(c.stored, func(e Effect) bool { return e.Place() == p })
	if i < 0 {
		return nil
	}
	return c.stored[i]
}

// stray reports an effect where the journal asked for none, such as a second
// charge.
func (c *checker) stray(e Effect) {
	c.flaws(e)
	if e.state() == None {
		return
	}
	others, broken := "", c.or("")
	if n := c.standing(e.Place().Bucket); e.state() == Live && n > 1 {
		others = fmt.Sprintf("; it is one of %d that stand", n)
		if _, money := e.(*Charge); money {
			broken = I2
		}
	}
	if e.state() != Live {
		broken = I5
	}
	c.add(broken, e, "the %s %s, but the journal did not ask for it%s", e, fate(e), others)
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

// flaws reports what is wrong with an effect by itself.
func (c *checker) flaws(e Effect) {
	for _, f := range e.flaws() {
		c.add(f.broken, e, "the %s %s", e, f.text)
	}
}

// blame is the invariant that an effect in a wrong state breaks.
func (c *checker) blame(e Effect, step *Step) Invariant {
	_, money := e.(*Charge)
	switch {
	case e.revived():
		return I11
	case money && e.state() == Live && step.Status == saga.StepCompensated:
		return I12
	case e.state() == Live || step.Status == saga.StepCompleted:
		return c.or("")
	}
	return I5
}

// or is the invariant, or else the one that what stands of a saga breaks by how
// the saga has ended.
func (c *checker) or(broken Invariant) Invariant {
	switch {
	case broken != "":
		return broken
	case c.saga.Phase == saga.Completed:
		return I3
	case c.saga.Phase == saga.Aborted:
		return I4
	}
	return I5
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

// moment says when an effect came, if that is what is wrong with it.
func moment(e Effect) string {
	if e.revived() {
		return ": it was done after it had been undone"
	}
	return ""
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
