package orchestrator

import (
	"encoding/json"
	"fmt"

	"amends/saga"

	"github.com/nats-io/nats.go/jetstream"
)

// entry is the content of an inbox message: a start, and who waits for the end
// of it.
type entry struct {
	Start  saga.Start   `json:"start"`
	At     saga.Instant `json:"at"` // when the client asked
	Client client       `json:"client,omitzero"`
}

// client is somebody who waits for the end of a saga.
type client struct {
	Reply    string          `json:"reply,omitempty"`
	MsgID    json.RawMessage `json:"msg_id,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
}

// delivery is one delivery of an inbox message. Holding it unacknowledged is
// what owning a saga means to the work queue; what it means to the saga is the
// revision of its record.
type delivery struct {
	entry
	msg   jetstream.Msg
	count uint64 // 1 for the first delivery
}

func newDelivery(m jetstream.Msg) (*delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("reading the metadata of an inbox message: %w", err)
	}
	d := &delivery{msg: m, count: meta.NumDelivered}
	if err := json.Unmarshal(m.Data(), &d.entry); err != nil {
		return nil, fmt.Errorf("decoding an inbox message: %w", err)
	}
	return d, nil
}
