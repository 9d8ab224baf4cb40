package journal

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// Record is the value of one key of the bucket SAGAS. All times are microseconds
// since 1970 UTC.
type Record struct {
	SagaID     string     `json:"saga_id"`
	Definition string     `json:"definition"`
	Phase      saga.Phase `json:"phase"`

	// The fence. Owner is the instance that works on the saga; Epoch counts the
	// owners; Claims counts the owners since the last event, so that a saga which
	// kills every owner is noticed. Others may append events: they leave these
	// three as they are.
	Owner  string `json:"owner"`
	Epoch  int    `json:"epoch"`
	Claims int    `json:"claims"`

	// Tip is the hash of the last event: the chain is whole up to here.
	Tip string `json:"tip"`

	// Clients wait for the end of a saga that nobody has in memory.
	Clients []Client `json:"clients,omitempty"`

	// Persisted says when the journal had each event. That of the last one is the
	// time that the server gave the record.
	Persisted []saga.Instant `json:"persisted"`

	Events []json.RawMessage `json:"events"`
}

// Client is somebody who waits for the end of a saga.
type Client struct {
	Reply    string             `json:"reply,omitempty"`
	MsgID    json.RawMessage    `json:"msg_id,omitempty"`
	Warnings []string           `json:"warnings,omitempty"`
	Envelope *protocol.Envelope `json:"envelope,omitempty"` // in which it asked; nil is a bare request (A4)
}

// Append seals an event and returns the record with it. The record itself stays
// as it is.
func (r Record) Append(e *saga.Event, phase saga.Phase) (Record, error) {
	raw, tip, err := saga.Seal(len(r.Events)+1, r.Tip, e)
	if err != nil {
		return Record{}, err
	}
	r.Events = append(slices.Clip(r.Events), raw)
	r.Phase, r.Tip, r.Claims = phase, tip, 0
	return r, nil
}

// Last is the last event as it is stored.
func (r *Record) Last() json.RawMessage { return r.Events[len(r.Events)-1] }

// Encode writes the record. The events stay the bytes that were hashed. No text
// in the head needs escaping: all are identifiers, hashes and phases.
func (r *Record) Encode() []byte {
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
	if len(r.Clients) > 0 {
		// Clients hold texts and JSON that was read before: this cannot fail.
		clients, _ := json.Marshal(r.Clients)
		b = append(append(b, `,"clients":`...), clients...)
	}
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

// Header repeats what a listing needs, so that it reads no values.
func (r *Record) Header(d *saga.Definition, s *saga.State) nats.Header {
	h := nats.Header{
		protocol.HeaderPhase:      {string(r.Phase)},
		protocol.HeaderDefinition: {r.Definition},
		protocol.HeaderOwner:      {r.Owner},
		protocol.HeaderStarted:    {strconv.FormatInt(int64(s.Began), 10)},
		protocol.HeaderOrder:      {s.Start.OrderID},
		protocol.HeaderStatus:     {saga.PublicStatus(d, s)},
	}
	if user := userOf(s.Start); user != "" {
		h[protocol.HeaderUser] = []string{user}
	}
	if steps := stepsInProgress(d, s); steps != "" {
		h[protocol.HeaderStep] = []string{steps}
	}
	if s.Code != "" {
		h[protocol.HeaderCode] = []string{headerText(s.Code)}
	}
	if len(s.Incidents) > 0 {
		h[protocol.HeaderIncident] = []string{string(s.Incidents[0].Kind)}
	}
	if wake := s.Wake(d); wake != 0 {
		h[protocol.HeaderWake] = []string{strconv.FormatInt(int64(wake), 10)}
	}
	return h
}

// userOf is the customer of a saga; "" if it has none.
func userOf(start *saga.Start) string {
	var user string
	if json.Unmarshal(start.Request["user_id"], &user) != nil || protocol.CheckID("user_id", user) != nil {
		return ""
	}
	return user
}

// stepsInProgress names the steps about which something is done; of a saga that
// is STUCK, those that a person has to look at.
func stepsInProgress(d *saga.Definition, s *saga.State) string {
	var names []string
	if s.Phase.Terminal() {
		return ""
	}
	for _, n := range s.Active() {
		names = append(names, d.Step(n).Name)
	}
	for _, incident := range s.Incidents {
		if s.Phase == saga.Stuck && incident.Step > 0 {
			names = append(names, d.Step(incident.Step).Name)
		}
	}
	return strings.Join(names, ",")
}

// headerText keeps a worker's word from breaking the header.
func headerText(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}
