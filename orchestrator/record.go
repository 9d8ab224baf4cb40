package orchestrator

import (
	"encoding/json"
	"fmt"
	"strconv"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// record is the value of one key of the bucket SAGAS: who owns the saga, and
// everything that happened to it. All times are microseconds since 1970 UTC.
type record struct {
	SagaID     string     `json:"saga_id"`
	Definition string     `json:"definition"`
	Phase      saga.Phase `json:"phase"`

	// The fence. Owner is the instance that wrote last; Epoch counts the owners;
	// Claims counts the owners since the last event, so that a saga which kills
	// every owner is noticed.
	Owner  string `json:"owner"`
	Epoch  int    `json:"epoch"`
	Claims int    `json:"claims"`

	// Tip is the hash of the last event: the chain is whole up to here.
	Tip string `json:"tip"`

	// Persisted says when the journal had each event. That of the last one is the
	// time that the server gave the record.
	Persisted []saga.Instant `json:"persisted"`

	Events []json.RawMessage `json:"events"`
}

// encode writes the record. The events stay the bytes that were hashed. No text
// in the head needs escaping: all are identifiers, hashes and phases.
func (r *record) encode() []byte {
	size := 256 + 20*len(r.Persisted)
	for _, e := range r.Events {
		size += len(e) + 1
	}
	b := make([]byte, 0, size)
	b = appendText(b, `{"saga_id":`, r.SagaID)
	b = appendText(b, `,"definition":`, r.Definition)
	b = appendText(b, `,"phase":`, string(r.Phase))
	b = appendText(b, `,"owner":`, r.Owner)
	b = strconv.AppendInt(append(b, `,"epoch":`...), int64(r.Epoch), 10)
	b = strconv.AppendInt(append(b, `,"claims":`...), int64(r.Claims), 10)
	b = appendText(b, `,"tip":`, r.Tip)
	b = append(b, `,"persisted":[`...)
	for i, at := range r.Persisted {
		b = appendComma(b, i)
		b = strconv.AppendInt(b, int64(at), 10)
	}
	b = append(b, `],"events":[`...)
	for i, e := range r.Events {
		b = appendComma(b, i)
		b = append(b, e...)
	}
	return append(b, `]}`...)
}

func appendText(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

func appendComma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// header repeats what a listing needs, so that it reads no values.
func (r *record) header(started saga.Instant) nats.Header {
	return nats.Header{
		protocol.HeaderPhase:      {string(r.Phase)},
		protocol.HeaderDefinition: {r.Definition},
		protocol.HeaderOwner:      {r.Owner},
		protocol.HeaderStarted:    {strconv.FormatInt(int64(started), 10)},
	}
}

// Journal is a record that was read back: its chain checked, its events
// replayed.
type Journal struct {
	record
	Revision uint64
	Sequence []saga.Event // what Events hold
	State    saga.State
	Def      *saga.Definition
}

// DefinitionFinder finds the definition that a saga began with.
type DefinitionFinder func(name, hash string) (*saga.Definition, error)

// OpenJournal decodes a record, checks its chain and replays it. Errors are
// *saga.ChainError, *saga.ReplayError, or what find returns: in each case the
// saga must not be continued from the record.
func OpenJournal(value []byte, revision uint64, find DefinitionFinder) (*Journal, error) {
	j := &Journal{Revision: revision}
	if err := json.Unmarshal(value, &j.record); err != nil {
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
	if j.Def, err = find(start.Definition, start.DefinitionHash); err != nil {
		return nil, err
	}
	if j.State, err = saga.Replay(j.Def, events); err != nil {
		return nil, err
	}
	j.Sequence = events
	return j, nil
}
