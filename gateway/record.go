package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"
	"amends/store"
)

// record is what the gateway reads of the record of a saga. The record itself is
// the orchestrator's own; only what is named here is shown to clients.
type record struct {
	SagaID string       `json:"saga_id"`
	Phase  string       `json:"phase"`
	Events []transition `json:"events"`

	revision uint64 // of the key; 0 is no record
}

// transition is one event of a saga as it stands in the journal. What is not
// named, such as the request of the client or the token of a callback, stays
// there.
type transition struct {
	Seq          int                        `json:"seq"`
	Type         string                     `json:"type"`
	At           int64                      `json:"at"` // microseconds since 1970 UTC
	Step         int                        `json:"step"`
	Attempt      int                        `json:"attempt"`
	Compensating bool                       `json:"compensating"`
	Fields       map[string]json.RawMessage `json:"fields"`
	Code         string                     `json:"code"`
	DeclineCode  string                     `json:"decline_code"`
	Message      string                     `json:"message"`
}

// Transition is one event of a saga, as event streams tell it.
type Transition struct {
	Seq          int                        `json:"seq" doc:"Counts the events of the saga, from 1; it is the id of the event in the stream."`
	Type         string                     `json:"type" doc:"What happened, such as StepAccepted."`
	At           string                     `json:"at" format:"date-time"`
	Step         int                        `json:"step,omitempty" doc:"The number of the step that it is about."`
	Attempt      int                        `json:"attempt,omitempty"`
	Compensating bool                       `json:"compensating,omitempty"`
	Fields       map[string]json.RawMessage `json:"fields,omitempty" doc:"What was kept of the answer of the service."`
	Code         string                     `json:"code,omitempty"`
	DeclineCode  string                     `json:"decline_code,omitempty"`
	Message      string                     `json:"message,omitempty"`
}

func (t transition) public() Transition {
	return Transition{
		Seq: t.Seq, Type: t.Type, At: time.UnixMicro(t.At).UTC().Format(time.RFC3339Nano), Step: t.Step, Attempt: t.Attempt,
		Compensating: t.Compensating, Fields: t.Fields, Code: t.Code, DeclineCode: t.DeclineCode, Message: t.Message,
	}
}

// errNoRecord says that a saga has no record: it has no owner yet, or there is no
// such saga.
var errNoRecord = errors.New("the saga has no record")

// readRecord reads the record of a saga from the leader of its stream: what was
// announced is in it.
func (g *Gateway) readRecord(ctx context.Context, id protocol.SagaID) (*record, error) {
	entry, err := store.LastOn(ctx, g.cfg.Conn, protocol.BucketStream(protocol.BucketSagas), protocol.BucketSubject(protocol.BucketSagas, id.String()))
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && len(entry.Value) == 0: // the mark of one that has expired is empty
		return nil, errNoRecord
	case errors.Is(err, store.ErrUnavailable):
		return nil, unavailable("the journal cannot be read now; ask again later")
	case err != nil:
		return nil, err
	}
	r := &record{revision: entry.Revision}
	if err := json.Unmarshal(entry.Value, r); err != nil {
		return nil, fmt.Errorf("reading the record of a saga: %w", err)
	}
	return r, nil
}

// after returns the events behind the one of number seq. The events of a record
// count from 1 without a gap; a number beyond them is of another life of the
// saga, and all are told.
func (r *record) after(seq int) []transition {
	if seq > len(r.Events) {
		seq = 0
	}
	return r.Events[seq:]
}

// status is the phase as clients know it.
func (r *record) status() string {
	if r.Phase == "RUNNING" || r.Phase == "WAITING" {
		return protocol.StatusPending
	}
	return r.Phase
}
