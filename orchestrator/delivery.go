package orchestrator

import (
	"encoding/json"
	"fmt"
	"strings"

	"amends/journal"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/jetstream"
)

// entry is the content of an inbox message: a start, and who waits for the end
// of it; or nothing, if a saga that has a record is to go on.
type entry struct {
	Start  *saga.Start    `json:"start,omitempty"`
	At     saga.Instant   `json:"at"` // when the client asked
	Client journal.Client `json:"client,omitzero"`
}

// delivery is one delivery of an inbox message. Holding it unacknowledged is
// what owning a saga means to the work queue; what it means to the saga is the
// revision of its record.
type delivery struct {
	entry
	id    protocol.SagaID
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
	if d.id, err = protocol.ParseSagaID(m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]); err != nil {
		return nil, fmt.Errorf("reading the subject of an inbox message: %w", err)
	}
	if d.Start != nil && d.Start.SagaID != d.id.String() {
		return nil, fmt.Errorf("an inbox message for saga %s starts another one", d.id)
	}
	return d, nil
}
