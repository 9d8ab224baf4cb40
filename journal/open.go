package journal

import (
	"encoding/json"
	"fmt"

	"amends/saga"
)

// Saga is a record that was read back: its chain checked, its events replayed.
type Saga struct {
	Record
	Revision uint64
	Sequence []saga.Event // what Events hold
	State    saga.State
	Def      *saga.Definition // the version that counts now
}

// Finder finds the definition that a saga began with.
type Finder func(name, hash string) (*saga.Definition, error)

// Open decodes a record, checks its chain and replays it. stored is when the
// server got it. Errors are *saga.ChainError, *saga.ReplayError, or what find
// returns: in each case the saga must not be continued from the record.
func Open(value []byte, revision uint64, stored saga.Instant, find Finder) (*Saga, error) {
	j := &Saga{Revision: revision}
	if err := json.Unmarshal(value, &j.Record); err != nil {
		return nil, fmt.Errorf("decoding the record: %w", err)
	}
	events, err := saga.Unseal(j.Events, j.Tip)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 || events[0].Start == nil {
		return nil, &saga.ChainError{Seq: 1, Problem: "is not a start"}
	}
	start := events[0].Start
	if start.SagaID != j.SagaID {
		return nil, &saga.ChainError{Seq: 1, Problem: "is of saga " + start.SagaID}
	}
	def, err := find(start.Definition, start.DefinitionHash)
	if err != nil {
		return nil, err
	}
	if j.Def, j.State, err = saga.Replay(def, events); err != nil {
		return nil, err
	}
	if j.Sequence = events; len(j.Persisted) < len(events) {
		j.Persisted = append(j.Persisted, stored)
	}
	return j, nil
}
