package payment

import (
	"strconv"
	"strings"

	"amends/protocol"
	"amends/worker"
)

// Query asks for the payment of a step of a saga, by these two or by an id that
// it was given: of the payment, of the authorization, or of the request (S2-16).
type Query struct {
	worker.StepQuery
	PaymentID       string `json:"payment_id,omitempty"`
	AuthorizationID string `json:"authorization_id,omitempty"`
	RequestID       string `json:"request_id,omitempty"`
}

// Validate checks that one payment is asked for, in one way. The error is a
// *protocol.Error.
func (q Query) Validate() error {
	field, id := q.byID()
	switch {
	case id == "":
		return q.StepQuery.Validate()
	case q.StepQuery != worker.StepQuery{} || q.named() > 1:
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: field, Message: "must be all that is given"}
	}
	if saga, _ := partsOf(id); saga == "" {
		return &protocol.Error{Code: protocol.CodeNotFound, Field: field, Message: "Payment not found"}
	}
	return nil
}

// StepOf is the step that is asked for.
func (q Query) StepOf() (sagaID string, step int) {
	if _, id := q.byID(); id != "" {
		return partsOf(id)
	}
	return q.StepQuery.StepOf()
}

// isOf reports whether a row is the one that is asked for.
func (q Query) isOf(row Payment) bool {
	return (q.PaymentID == "" || row.captured(q.PaymentID) != nil) &&
		(q.AuthorizationID == "" || row.authorizationID() == q.AuthorizationID)
}

func (q Query) byID() (field, id string) {
	switch {
	case q.PaymentID != "":
		return "payment_id", q.PaymentID
	case q.AuthorizationID != "":
		return "authorization_id", q.AuthorizationID
	}
	return "request_id", q.RequestID
}

func (q Query) named() (n int) {
	for _, id := range []string{q.PaymentID, q.AuthorizationID, q.RequestID} {
		if id != "" {
			n++
		}
	}
	return n
}

// partsOf takes an id of ours apart: <kind>-<saga_id>-<step>. sagaID is empty if
// it is none.
func partsOf(id string) (sagaID string, step int) {
	_, rest, _ := strings.Cut(id, "-")
	dash := strings.LastIndexByte(rest, '-')
	if dash < 0 {
		return "", 0
	}
	sagaID, number := rest[:dash], rest[dash+1:]
	step, err := strconv.Atoi(number)
	if _, invalid := protocol.ParseSagaID(sagaID); err != nil || invalid != nil || step < 1 || step > protocol.MaxSteps {
		return "", 0
	}
	for _, made := range []string{paymentID(sagaID, step), authorizationID(sagaID, step), requestID(protocol.Command{SagaID: sagaID, Step: step})} {
		if made == id {
			return sagaID, step
		}
	}
	return "", 0
}
