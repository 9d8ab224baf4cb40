package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"amends/protocol"
	"amends/saga"
)

// Saga is what the journal says of one saga, as far as it can be held against
// the stores.
type Saga struct {
	ID       string
	Phase    saga.Phase // to which its events lead
	OrderID  string
	Incident string
	Steps    []Step

	// What the record says of the phase where listings and people look: its head
	// and its header.
	Head, Header saga.Phase
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
	// nil if the step is of a type that the audit does not know.
	Asked Effect
	// Vague says why the journal does not tell what the step was asked for.
	Vague string
}

// Find returns the definition of a name and hash. It may be called by several
// goroutines at once.
type Find func(name, hash string) (*saga.Definition, error)

// record is the documented form of a value in bucket SAGAS.
type record struct {
	SagaID     string            `json:"saga_id"`
	Definition string            `json:"definition"`
	Phase      saga.Phase        `json:"phase"`
	Tip        string            `json:"tip"`
	Events     []json.RawMessage `json:"events"`
}

// ReadRecord reads a value of bucket SAGAS: it checks the chain and replays the
// events. header is the phase in its header. If the record cannot be followed,
// the finding says why and there is no saga.
func ReadRecord(key string, value []byte, header saga.Phase, find Find) (*Saga, *Finding) {
	unusable := func(broken Invariant, what string) (*Saga, *Finding) {
		return nil, &Finding{Invariant: broken, SagaID: key, What: what, Evidence: protocol.BucketSagas + " " + key}
	}
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return unusable(Record, "the record is not readable: "+err.Error())
	}
	if _, err := protocol.ParseSagaID(key); err != nil || r.SagaID != key {
		return unusable(Record, fmt.Sprintf("the record is of saga %q", r.SagaID))
	}
	events, err := saga.Unseal(r.Events, r.Tip)
	if err != nil {
		return unusable(Chain, err.Error())
	}
	if len(events) == 0 || events[0].Start == nil || events[0].Start.SagaID != key {
		return unusable(Chain, "event 1 is not the start of this saga")
	}
	start := events[0].Start
	if start.Definition != r.Definition {
		return unusable(Record, fmt.Sprintf("the record says definition %q, its events %q", r.Definition, start.Definition))
	}
	def, err := find(start.Definition, start.DefinitionHash)
	if err != nil {
		return unusable(Definition, fmt.Sprintf("nothing can be proven: definition %q with hash %q is not known here: %v",
			start.Definition, start.DefinitionHash, err))
	}
	version, state, err := saga.Replay(def, events)
	if err != nil {
		return unusable(blameReplay(def, events, err), err.Error())
	}
	s := &Saga{
		ID: key, Phase: state.Phase, OrderID: start.OrderID, Incident: incident(&state),
		Steps: stepsOf(version, &state), Head: r.Phase, Header: header,
	}
	for _, e := range events { // Replay has proven the numbers
		switch e.Type {
		case saga.StepAccepted:
			s.Steps[e.Step-1].Accepted = true
		case saga.StepResolved:
			s.Steps[e.Step-1].ByHand = true
		}
	}
	return s, nil
}

// incident is why a person is needed, in words.
func incident(s *saga.State) string {
	var causes []string
	for _, open := range s.Incidents {
		causes = append(causes, open.Cause)
	}
	return strings.Join(causes, "; ")
}

// blameReplay tells an event after the end, which is a second end, from one that
// is out of order.
func blameReplay(def *saga.Definition, events []saga.Event, err error) Invariant {
	broken, ok := errors.AsType[*saga.ReplayError](err)
	if !ok {
		return History
	}
	if _, before, err := saga.Replay(def, events[:broken.Seq-1]); err == nil && before.Phase.Terminal() {
		return I6
	}
	return History
}

func stepsOf(def *saga.Definition, state *saga.State) []Step {
	steps := make([]Step, len(def.Steps))
	for i := range steps {
		number := uint8(i + 1) // saga.MaxSteps is 64
		steps[i] = Step{Number: number, Status: state.Steps[i].Status}
		asked := effectOf(def.Step(i+1).Action.Type, number)
		if asked == nil {
			continue
		}
		steps[i].Asked = asked
		if err := fill(asked, def, state, i+1); err != nil {
			steps[i].Vague = err.Error()
		}
	}
	return steps
}
