package cart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// askTimeout bounds a question to another service that answers from memory.
const askTimeout = time.Second

// errUndelivered says that a request reached nobody, for certain.
var errUndelivered = errors.New("nobody listens")

// ask sends a request to another service, and decodes the answer. An answer that
// is an error comes back as a *protocol.Error. After errUndelivered nothing was
// asked; after any other error nobody knows.
func (d *desk) ask(ctx context.Context, subject string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding a request to %s: %w", subject, err)
	}
	m, err := d.conn.RequestWithContext(ctx, subject, body)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("asking %s: %w", subject, errUndelivered)
	case err != nil:
		return fmt.Errorf("asking %s: %w", subject, err)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(m.Data, &head); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", subject, err)
	}
	into := answer
	var refusal protocol.Error
	if head.Type == protocol.TypeError {
		into = &refusal
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", subject, err)
	}
	if head.Type == protocol.TypeError {
		return &refusal
	}
	return nil
}

// stockLevel asks inventory.stock for a product, and is what the cart wants to
// know of the answer.
type stockLevel struct {
	SKU       string `json:"sku"`
	Available *int64 `json:"available,omitempty"`
}

// available asks the inventory how much there is of a product. Unless it says so,
// nobody knows, and nothing may be added (S3-25).
func (d *desk) available(ctx context.Context, sku string) (pieces int64, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var level stockLevel
	err = d.ask(ctx, protocol.SubjectStock, stockLevel{SKU: sku}, &level)
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		return 0, false, nil
	case err == nil && level.SKU == sku && level.Available != nil:
		return *level.Available, true, nil
	}
	d.complaint.Warn().Err(err).Msg("the inventory does not say how much there is")
	return 0, false, &protocol.Error{
		Code: protocol.CodeUnavailable, Message: "the inventory does not say how much there is; nothing was added; try again",
	}
}
