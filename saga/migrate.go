package saga

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A saga finishes on the version of the definition that it began with. A person
// may move it to another one where that changes nothing of what was done, is
// being done, or would have to be undone.

// refuseMigration says why a saga cannot go on with another version; "" if it
// can.
func (s *State) refuseMigration(old, version *Definition) string {
	switch {
	case version == nil:
		return "no version is named"
	case version.Name != old.Name:
		return "it is a definition of another name"
	case version.Hash() == old.Hash():
		return "the saga has this version already"
	case len(version.Check()) > 0:
		return "the version has faults: " + version.Check()[0].Error()
	case version.Undo != old.Undo && !s.Phase.forward():
		return "the order of compensation differs, and the saga is being undone"
	}
	for i := range s.Steps {
		if s.Steps[i].Status == StepPending {
			return refuseBoundary(version, i+1)
		}
		if i >= len(version.Steps) || !version.Steps[i].continues(&old.Steps[i]) {
			return fmt.Sprintf("step %d, %s, has begun and differs in the version", i+1, old.Steps[i].Name)
		}
		if s.Steps[i].Status == StepQuerying && !version.Steps[i].askable() {
			return fmt.Sprintf("step %d, %s, is being asked about, and the version has no query", i+1, old.Steps[i].Name)
		}
	}
	if len(version.Steps) > len(s.Steps) && s.Phase.forward() {
		return refuseBoundary(version, len(s.Steps)+1)
	}
	if len(version.Steps) != len(s.Steps) {
		return "the version has other steps, and the saga is past its last one"
	}
	return ""
}

func (p Phase) forward() bool { return p == Running }

// refuseBoundary looks at the first step that has not begun: it must not belong
// to the group of those that have.
func refuseBoundary(version *Definition, first int) string {
	if first == 1 || first > len(version.Steps) {
		return ""
	}
	if begin, _ := version.stage(first); begin < first {
		return fmt.Sprintf("step %d would join a group that has begun", first)
	}
	return ""
}

// continues reports whether a saga that has begun a step may go on with another
// version of it: how patiently it is tried and what people read of it may differ,
// what it does may not.
func (s *Step) continues(old *Step) bool {
	return bytes.Equal(s.essence(), old.essence())
}

func (s *Step) essence() []byte {
	essence := *s
	for _, op := range []*Operation{&essence.Action, &essence.Compensation} {
		op.Timeout, op.Retry = 0, Retry{}
	}
	essence.Query, essence.Patience, essence.Reason = Operation{}, 0, ""
	essence.Statuses = StepStatuses{}
	// Marshalling cannot fail: see Hash.
	text, _ := json.Marshal(essence)
	return text
}

// migrate makes room for the steps of another version.
func (s *State) migrate(version *Definition) {
	steps := make([]StepState, len(version.Steps))
	for i := range steps {
		steps[i].Status = StepPending
	}
	copy(steps, s.Steps)
	s.Steps = steps
	s.Deadline = 0
	if version.Deadline > 0 {
		s.Deadline = s.Began.Add(version.Deadline)
	}
}
