package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"amends/order"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// Saga is what the journal says of one saga, as far as it can be held against
// the stores.
type Saga struct {
	ID       string
	Phase    saga.Phase // to which its events lead
	OrderID  string
	Incident string    // why a person is needed, in words; empty if none is
	Since    time.Time // when the latest of the open incidents began
	Steps    []Step
	// Due is when the next event should be there at the latest, of a saga that has
	// something to do; zero if it waits for a person, or has ended.
	Due time.Time

	head head

	// What the domain events are told from.
	begun  *saga.Definition
	events []saga.Event
}

// head is what the record says of the saga where listings and people look, and
// who writes it.
type head struct {
	phase, headerPhase saga.Phase
	owner, headerOwner string
	epoch              int
}

// Step is one step of a saga.
type Step struct {
	Number uint8
	Status saga.StepStatus
	// Accepted says that a worker once reported the step done, whatever became of
	// it afterwards.
	Accepted bool
	// ByHand says that a person settled the step, and answers for what stands of
	// it: the journal has who, why and the evidence.
	ByHand bool
	// Asked is the effect that the journal asked for, and what it learned of it;
	// nil if the step is of a type that the audit does not know, or of a service
	// elsewhere.
	Asked Effect
	// Vague says why the journal does not tell what the step was asked for.
	Vague string
}

// Find returns the definition of a name and hash. It may be called by several
// goroutines at once.
type Find func(name, hash string) (*saga.Definition, error)

// Terms are what an audit is told and cannot read off the buckets.
type Terms struct {
	Find Find
	// Elsewhere names services that keep no bucket of ours, such as a payment
	// service of one's own. What their steps have left is not looked for.
	Elsewhere []string
}

// record is the documented form of a value in bucket SAGAS.
type record struct {
	SagaID     string            `json:"saga_id"`
	Definition string            `json:"definition"`
	Phase      saga.Phase        `json:"phase"`
	Owner      string            `json:"owner"`
	Epoch      int               `json:"epoch"`
	Tip        string            `json:"tip"`
	Events     []json.RawMessage `json:"events"`
}

// ReadRecord reads a value of bucket SAGAS and its headers: it checks the chain
// and replays the events. If the record cannot be followed, the finding says why
// and there is no saga.
func ReadRecord(key string, value []byte, header nats.Header, terms Terms) (*Saga, *Finding) {
	unusable := func(broken Invariant, what string) (*Saga, *Finding) {
		return nil, &Finding{Invariant: broken, SagaID: key, What: what, Evidence: protocol.BucketSagas + " " + key}
	}
	r, err := readHead(value)
	if err != nil {
		return unusable(I7, "the record is not readable: "+err.Error())
	}
	if _, err := protocol.ParseSagaID(key); err != nil || r.SagaID != key {
		return unusable(I7, fmt.Sprintf("the record is of saga %q", r.SagaID))
	}
	events, err := unseal(r.Events, r.Tip)
	if err != nil {
		return unusable(blameChain(r.Events), err.Error())
	}
	if len(events) == 0 || events[0].Start == nil || events[0].Start.SagaID != key {
		return unusable(I7, "event 1 is not the start of this saga")
	}
	start := events[0].Start
	if start.Definition != r.Definition {
		return unusable(I7, fmt.Sprintf("the record says definition %q, its events %q", r.Definition, start.Definition))
	}
	def, err := terms.Find(start.Definition, start.DefinitionHash)
	if err != nil {
		return unusable(I7, fmt.Sprintf("nothing can be proven: definition %q with hash %q is not known: %v",
			start.Definition, start.DefinitionHash, err))
	}
	version, state, err := saga.Replay(def, events)
	if err != nil {
		return unusable(I7, blameReplay(def, events, err))
	}
	s := &Saga{
		ID: key, Phase: state.Phase, OrderID: start.OrderID, Incident: incident(&state), Due: dueOf(version, &state),
		head: head{
			phase: r.Phase, headerPhase: saga.Phase(header.Get(protocol.HeaderPhase)),
			owner: r.Owner, headerOwner: header.Get(protocol.HeaderOwner), epoch: r.Epoch,
		},
		begun: def, events: events,
	}
	for _, open := range state.Incidents {
		if since := time.UnixMicro(int64(open.First)); since.After(s.Since) {
			s.Since = since
		}
	}
	s.Steps = stepsOf(version, &state, events, terms.Elsewhere)
	return s, nil
}

// incident is why a person is needed, in words.
func incident(s *saga.State) string {
	causes := make([]string, 0, len(s.Incidents))
	for _, open := range s.Incidents {
		causes = append(causes, open.Cause)
	}
	return strings.Join(causes, "; ")
}

// dueOf is when something has to have happened to a saga: when it wakes by
// itself, or else when the operations that it has begun are over.
func dueOf(def *saga.Definition, s *saga.State) time.Time {
	if !s.Phase.Live() {
		return time.Time{}
	}
	due := s.Wake(def)
	if due == 0 {
		var longest saga.Duration
		for _, step := range s.Active() {
			longest = max(longest, def.Operation(step, s.Mode(step)).Timeout)
		}
		due = s.Last + saga.Instant(longest)
	}
	if end := s.Expires(def); end != 0 {
		due = min(due, end)
	}
	return time.UnixMicro(int64(due))
}

// blameChain tells two events behind the same one, which two writers must have
// written (I9), from other damage (I7).
func blameChain(raws []json.RawMessage) Invariant {
	seen := make(map[string]bool, len(raws))
	for _, raw := range raws {
		var l struct {
			Prev string `json:"prev"`
		}
		if json.Unmarshal(raw, &l) == nil && seen[l.Prev] {
			return I9
		}
		seen[l.Prev] = true
	}
	return I7
}

// blameReplay tells an event after the end, which is a second end, from one that
// is out of order.
func blameReplay(def *saga.Definition, events []saga.Event, err error) string {
	broken, ok := errors.AsType[*saga.ReplayError](err)
	if !ok {
		return err.Error()
	}
	if _, before, err := saga.Replay(def, events[:broken.Seq-1]); err == nil && before.Phase.Terminal() {
		return broken.Error() + ": the saga had ended " + string(before.Phase)
	}
	return broken.Error()
}

func stepsOf(def *saga.Definition, state *saga.State, events []saga.Event, elsewhere []string) []Step {
	steps := make([]Step, len(def.Steps))
	for i := range steps {
		number := uint8(i + 1) // saga.MaxSteps is 64
		steps[i] = Step{Number: number, Status: state.Steps[i].Status}
		asked := effectOf(def.Step(i+1).Action.Type, number)
		if asked == nil || slices.Contains(elsewhere, def.Step(i+1).Service) {
			continue
		}
		steps[i].Asked = asked
		if err := fill(asked, def, state, i+1); err != nil {
			steps[i].Vague = err.Error()
		}
	}
	for _, e := range events { // Replay has proven the numbers
		switch e.Type {
		case saga.StepAccepted:
			steps[e.Step-1].Accepted = true
		case saga.StepResolved:
			steps[e.Step-1].ByHand = true
		}
	}
	complete(steps, def, state)
	return steps
}

// told is one domain event: which event of the journal it follows from, and its
// name.
type told struct {
	seq  int
	name string
}

// tells lists the domain events that follow from the journal, in their order.
func (s *Saga) tells() []told {
	facts, _ := order.Tell(s.begun, s.events)
	all := make([]told, len(facts))
	for i := range facts {
		all[i] = told{facts[i].Seq, facts[i].Name}
	}
	return all
}
