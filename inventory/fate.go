package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// fate is what became of a saga, as far as its goods are concerned.
type fate int

const (
	undecided fate = iota // it may still need the goods, or nobody knows
	completed             // it has sold them
	aborted               // it has given them up
)

// fateTimeout is how long the orchestrator has to say what became of a saga.
const fateTimeout = 2 * time.Second

// ask asks the orchestrator what became of a saga. A saga that it does not know
// stays undecided: its record may have been removed, and goods are held too long
// rather than sold twice.
func ask(ctx context.Context, nc *nats.Conn, sagaID string) (fate, error) {
	body, err := json.Marshal(protocol.StatusRequest{SagaID: sagaID})
	if err != nil {
		return undecided, err
	}
	ctx, cancel := context.WithTimeout(ctx, fateTimeout)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, protocol.SubjectStatus, body)
	if err != nil {
		return undecided, fmt.Errorf("asking what became of saga %s: %w", sagaID, err)
	}
	var status protocol.Status
	if err := json.Unmarshal(m.Data, &status); err != nil {
		return undecided, fmt.Errorf("decoding what became of saga %s: %w", sagaID, err)
	}
	switch {
	case status.SagaID != sagaID:
		return undecided, nil // an error, such as saga_not_found
	case status.Status == protocol.StatusCompleted:
		return completed, nil
	case status.Status == protocol.StatusAborted:
		return aborted, nil
	}
	return undecided, nil
}
