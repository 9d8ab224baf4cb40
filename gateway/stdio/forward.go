package stdio

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// A transaction of document 000 is done by its participant, also in a saga of the
// client's own steps: params become the fields of its command, and the id in its
// reply becomes the result. The participant keeps the fence.

// participant is how a transaction is done and undone.
type participant struct {
	service               string
	subject, undo, undoAt string
	fields                func(p *plan, params map[string]json.RawMessage) map[string]json.RawMessage
	id                    string // of its reply
}

var participants = map[string]participant{
	protocol.TypeReserveInventory: {
		service: protocol.ServiceInventory, subject: protocol.SubjectReserve,
		undo: protocol.TypeReleaseReservation, undoAt: protocol.SubjectRelease,
		fields: reserveFields, id: "reservation_id",
	},
	protocol.TypeChargePayment: {
		service: protocol.ServicePayment, subject: protocol.SubjectCharge,
		undo: protocol.TypeRefundPayment, undoAt: protocol.SubjectRefund,
		fields: chargeFields, id: "payment_id",
	},
	protocol.TypeCreateShipment: {
		service: protocol.ServiceShipping, subject: protocol.SubjectCreateShipment,
		undo: protocol.TypeCancelShipment, undoAt: protocol.SubjectCancelShipment,
		fields: shipmentFields, id: "shipment_id",
	},
}

func reserveFields(_ *plan, params map[string]json.RawMessage) map[string]json.RawMessage {
	fields := make(map[string]json.RawMessage)
	if items := itemsOf(params); items != nil {
		fields["items"] = items
	}
	return fields
}

func chargeFields(_ *plan, params map[string]json.RawMessage) map[string]json.RawMessage {
	return pick(params, "user_id", "amount", "currency")
}

// shipmentFields ships what the saga has reserved, unless the client says what.
// The course names an order and seldom an address.
func shipmentFields(p *plan, params map[string]json.RawMessage) map[string]json.RawMessage {
	fields := pick(params, "address")
	if items := itemsOf(params); items != nil {
		fields["items"] = items
	}
	for _, step := range p.steps {
		items := itemsOf(paramsOf(step))
		if fields["items"] == nil && step.Transaction == protocol.TypeReserveInventory && items != nil {
			fields["items"] = items
		}
	}
	var order string
	if fields["address"] == nil && json.Unmarshal(params["order_id"], &order) == nil {
		fields["address"] = encode("order " + order)
	}
	return fields
}

// itemsOf are the lines of an order: items, or one sku and its quantity.
func itemsOf(params map[string]json.RawMessage) json.RawMessage {
	if params["items"] != nil || params["sku"] == nil {
		return params["items"]
	}
	return encode([]map[string]json.RawMessage{pick(params, "sku", "quantity")})
}

func pick(from map[string]json.RawMessage, names ...string) map[string]json.RawMessage {
	picked := make(map[string]json.RawMessage)
	for _, name := range names {
		if from[name] != nil {
			picked[name] = from[name]
		}
	}
	return picked
}

// forward is a step that a participant does.
type forward struct {
	participant
	fields map[string]json.RawMessage // of its action
}

// addForwards finds the steps that a participant does. The error is an
// *protocol.Error.
func (p *plan) addForwards() error {
	for n, step := range p.steps {
		known, ok := participants[step.Transaction]
		if !ok || step.Service != "" && step.Service != known.service {
			p.forwards = append(p.forwards, nil)
			continue
		}
		var params map[string]json.RawMessage
		if step.Params != nil && json.Unmarshal(step.Params, &params) != nil {
			return &protocol.Error{Code: protocol.CodeInvalidField, Field: fmt.Sprintf("steps[%d].params", n), Message: "must be an object"}
		}
		p.forwards = append(p.forwards, &forward{known, known.fields(p, params)})
	}
	return nil
}

// paramsOf are the params of a step; none if they are no object.
func paramsOf(step plannedStep) map[string]json.RawMessage {
	var params map[string]json.RawMessage
	_ = json.Unmarshal(step.Params, &params)
	return params
}

// forward has a participant do or undo a step, and answers with its verdict. When
// the participant is silent, so is this worker: the command comes again.
func (s *session) forward(p *plan, f *forward, c protocol.Command, m *nats.Msg) {
	q := &question{subject: f.subject, body: encode(c)}
	if c.Compensating {
		q.subject = f.undoAt // without ids: whatever the step has done is undone
	} else {
		for _, name := range slices.Sorted(maps.Keys(f.fields)) {
			q.body = with(q.body, name, f.fields[name])
		}
	}
	q.tell = func(answer []byte) []byte { s.relay(p, f, c, m, answer); return nil }
	s.ask(q)
}

// relay turns the verdict of a participant into that of the step.
func (s *session) relay(p *plan, f *forward, c protocol.Command, m *nats.Msg, answer []byte) {
	id, err := protocol.ParseSagaID(c.SagaID)
	if err != nil || p.verdicts[keyOfStep(c, c.Compensating)] != nil {
		return
	}
	verdict, err := protocol.ParseReply(c.Type, id, c.Step, answer)
	switch {
	case err != nil:
		s.respond(m, encode(protocol.AsError(err)))
	case verdict.Verdict == protocol.Accepted && c.Compensating:
		s.settle(p, c, m, protocol.SuffixOK, nil)
	case verdict.Verdict == protocol.Accepted:
		s.settle(p, c, m, protocol.SuffixOK, f.result(verdict.Fields))
	case verdict.Verdict == protocol.Declined:
		s.settle(p, c, m, protocol.SuffixFailed, verdict.Failure)
	default:
		s.respond(m, answer) // nothing was decided
	}
}

// result is the id in the reply of a participant; of many reservations, the list.
func (f *forward) result(fields map[string]json.RawMessage) result {
	if id := fields[f.id]; id != nil {
		return result{f.id: id}
	}
	var reservations []protocol.Reservation
	if json.Unmarshal(fields["reservations"], &reservations) == nil && len(reservations) == 1 {
		return result{f.id: encode(reservations[0].ReservationID)}
	}
	return pick(fields, "reservations")
}
