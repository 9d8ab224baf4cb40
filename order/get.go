package order

import (
	"cmp"
	"context"
	"errors"

	"amends/protocol"
	"amends/saga"
	"amends/store"
)

// get tells how one order stands. It reads the journal itself, so the answer is
// never behind what a client knows already.
func (s *Service) get(ctx context.Context, q protocol.OrderQuery) (*protocol.Order, error) {
	id, err := s.sagaOf(ctx, q)
	if err != nil {
		return nil, err
	}
	r, err := s.records.load(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errNoOrder
	case errors.Is(err, store.ErrUnavailable):
		return nil, err
	case err != nil:
		s.complaint.Error().Err(err).Str("saga_id", id.String()).Msg("an order cannot be shown: its record cannot be read")
		return nil, errUnreadable
	case q.OrderID != "" && r.State.Start.OrderID != q.OrderID:
		return nil, errNoOrder
	}
	return orderOf(r), nil
}

var (
	errNoOrder = &protocol.Error{
		Code:    protocol.CodeNotFound,
		Message: "there is no such order, or the record of its saga has expired; its events stay in the stream " + protocol.StreamOrders,
	}
	errUnreadable = &protocol.Error{
		Code:    protocol.CodeUnavailable,
		Message: "the record of this order cannot be read; checkout.status of its saga_id says why",
	}
)

// lookTries is how often an order is looked for: its first event may be on its way.
const lookTries = 10

// sagaOf finds the saga of an order: every event of the order names it, and the
// first is written soon after there is a saga.
func (s *Service) sagaOf(ctx context.Context, q protocol.OrderQuery) (protocol.SagaID, error) {
	if q.SagaID != "" {
		return protocol.ParseSagaID(q.SagaID)
	}
	for try := 1; ; try++ {
		at, err := s.outbox.lastOf(ctx, q.OrderID)
		switch {
		case err != nil:
			return protocol.SagaID{}, err
		case at.sagaID != "":
			return protocol.ParseSagaID(at.sagaID)
		case try == lookTries:
			return protocol.SagaID{}, errNoOrder
		}
		pauseFor(ctx, s.pace.gather)
	}
}

// orderOf shows a journal as an order. It picks what it shows: secrets and the
// addresses of callbacks stand in a journal, too (D21).
func orderOf(r *record) *protocol.Order {
	state, terms := &r.State, termsOf(r.State.Start)
	o := &protocol.Order{
		Type: protocol.TypeOrder, OrderID: state.Start.OrderID, SagaID: state.Start.SagaID, Definition: r.Def.Name,
		Status: saga.PublicStatus(r.Def, state), SagaStatus: state.Phase.Public(),
		UserID: terms.userID, Items: terms.items, Amount: terms.amount, Currency: terms.currency, ShippingAddress: terms.address,
		Reason: state.Reason, Code: state.Code, StartedAt: timestamp(state.Began),
		UpdatedAt: timestamp(r.Persisted[len(r.Persisted)-1]), Events: make([]protocol.OrderEntry, len(r.facts)),
	}
	if state.Phase.Terminal() {
		o.EndedAt = timestamp(state.Last)
	}
	for i := range state.Steps {
		takeIDs(o, &state.Steps[i])
	}
	for _, open := range state.Incidents {
		o.Incidents = append(o.Incidents, open.Cause)
	}
	for i, f := range r.facts {
		o.Events[i] = protocol.OrderEntry{Event: f.Name, At: timestamp(f.At)}
		o.Refunded = o.Refunded || f.Name == protocol.EventPaymentRefunded
	}
	return o
}

// takeIDs adds what the answer to a step has brought, if it is for people.
func takeIDs(o *protocol.Order, step *saga.StepState) {
	fields := step.Kept
	if step.Regretted {
		fields = step.Late
	}
	for name, to := range map[string]*string{
		"payment_id": &o.PaymentID, "transaction_id": &o.TransactionID, "authorization_id": &o.AuthorizationID,
		"shipment_id": &o.ShipmentID, "tracking_number": &o.TrackingNumber,
	} {
		*to = cmp.Or(text(fields, name), *to)
	}
}
