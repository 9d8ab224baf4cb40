package inventory

import (
	"context"
	"time"

	"amends/protocol"
)

// TypeRenewed is the type of the answer to a Renewal.
const TypeRenewed = "renewed"

// Renewal asks to hold the goods of a step longer (D17).
type Renewal struct {
	SagaID string `json:"saga_id"`
	Step   int    `json:"step"`
	// HoldMS is for how long from now, in milliseconds. 0 is what the service
	// does by itself.
	HoldMS int64 `json:"hold_ms,omitempty"`
}

// Validate checks the request. The error is a *protocol.Error.
func (r Renewal) Validate() error {
	if err := checkStep(r.SagaID, r.Step); err != nil {
		return err
	}
	if r.HoldMS < 0 || r.HoldMS > protocol.MaxHoldMS {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "hold_ms", Message: "must be from 0 to 2592000000"}
	}
	return nil
}

// Renewed answers a Renewal.
type Renewed struct {
	Type          string    `json:"type"` // TypeRenewed
	SagaID        string    `json:"saga_id"`
	Step          int       `json:"step"`
	ReservationID string    `json:"reservation_id"`
	ExpiresAt     time.Time `json:"expires_at"`
}

// renew makes a reservation last longer, never shorter. One that holds nothing
// any more cannot be renewed: the goods may be gone.
func (i *inventory) renew(ctx context.Context, q Renewal) (Renewed, error) {
	id, err := protocol.ParseSagaID(q.SagaID)
	if err != nil {
		return Renewed{}, err
	}
	hold := i.policy.Hold
	if q.HoldMS > 0 {
		hold = time.Duration(q.HoldMS) * time.Millisecond
	}
	until := i.now().Add(hold).UnixMicro()
	r, err := i.book.Revise(ctx, protocol.StepKey(id, q.Step), func(r Reservation, _ int64) (Reservation, bool, error) {
		if r.Status != Active {
			return r, false, &protocol.Error{
				Code: protocol.CodeActRefused, Message: "the reservation is " + string(r.Status) + " and cannot be renewed",
			}
		}
		after, changed := Renew(r, until)
		return after, changed, nil
	})
	if err == nil && r == nil {
		err = notFound("step", "has no reservation here")
	}
	if err != nil {
		return Renewed{}, err
	}
	command := protocol.Command{SagaID: q.SagaID, Step: q.Step}
	return Renewed{
		Type: TypeRenewed, SagaID: q.SagaID, Step: q.Step, ReservationID: groupID(command),
		ExpiresAt: time.UnixMicro(r.ExpiresAt).UTC(),
	}, nil
}
