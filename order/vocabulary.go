package order

import (
	"cmp"
	"encoding/json"

	"amends/protocol"
	"amends/saga"
)

// words are what is told of a step. Which ones are used depends on the type of
// its action only, so that any definition with the same participants is told in
// the same words.
type words struct {
	begins string // for the log (S1-10)

	// In the words of the choreography; a compensation is a fact of its own (N0-3,
	// D13).
	done, failed, undone string

	// In the words of document 001 (S1-05 … S1-08).
	done001, declined001 []wording

	isPayment  bool // its facts have the amount
	takesMoney bool // its compensation is a refund (S1-18)
}

// wording is one event of document 001.
type wording struct {
	name string
	body func(*moment) any
}

var taking = words{
	begins: "Processing payment for order",
	done:   protocol.EventPaymentCharged, failed: protocol.EventPaymentFailed, undone: protocol.EventPaymentRefunded,
	done001:     []wording{{protocol.Event001PaymentProcessed, paymentProcessed}, {protocol.Event001OrderPaid, orderPaid}},
	declined001: []wording{{protocol.Event001PaymentFailed, paymentFailed}},
	isPayment:   true, takesMoney: true,
}

var vocabulary = map[string]words{
	protocol.TypeReserveInventory: {
		begins: "Reserving inventory for order",
		done:   protocol.EventInventoryReserved, failed: protocol.EventInventoryReservationFailed, undone: protocol.EventInventoryReleased,
		done001:     []wording{{protocol.Event001InventoryReserved, inventoryReserved}},
		declined001: []wording{{protocol.Event001InventoryUnavailable, inventoryUnavailable}},
	},
	protocol.TypeCommitReservation: {
		done: protocol.EventInventoryCommitted, failed: protocol.EventInventoryCommitFailed, undone: protocol.EventStepUndone,
	},
	protocol.TypeChargePayment:  taking,
	protocol.TypeRequestPayment: taking,
	protocol.TypeCapturePayment: taking,
	protocol.TypeAuthorizePayment: {
		begins: "Processing payment for order",
		done:   protocol.EventPaymentAuthorized, failed: protocol.EventPaymentFailed, undone: protocol.EventPaymentVoided,
		declined001: []wording{{protocol.Event001PaymentFailed, paymentFailed}},
		isPayment:   true,
	},
	protocol.TypeCreateShipment: {
		begins: "Creating shipment for order",
		done:   protocol.EventShipmentCreated, failed: protocol.EventShipmentFailed, undone: protocol.EventShipmentCancelled,
	},
}

// anyStep are the words for an action that is not listed.
var anyStep = words{done: protocol.EventStepDone, failed: protocol.EventStepFailed, undone: protocol.EventStepUndone}

func vocabularyOf(step *saga.Step) words {
	if w, ok := vocabulary[step.Action.Type]; ok {
		return w
	}
	return anyStep
}

// moment is what a step is told from.
type moment struct {
	t      *teller
	event  *saga.Event
	step   *saga.Step
	words  words
	fields map[string]json.RawMessage // of the answer to the action
	cause  string                     // of a failure
}

func (t *teller) moment(e *saga.Event, fields map[string]json.RawMessage) moment {
	step := t.def.Step(e.Step)
	return moment{t: t, event: e, step: step, words: vocabularyOf(step), fields: fields}
}

func (m *moment) at() string { return timestamp(m.event.At) }

// fact is what happened in the words of the choreography (N0-3).
func (m *moment) fact() protocol.OrderFact {
	fact := protocol.OrderFact{
		SagaID: m.t.state.Start.SagaID, OrderID: m.t.orderID(),
		Step: m.event.Step, Service: m.step.Service, Action: m.step.Action.Type,
		Reservations: m.reservations(), PaymentID: text(m.fields, "payment_id"),
		TransactionID: text(m.fields, "transaction_id"), AuthorizationID: text(m.fields, "authorization_id"),
		ShipmentID: text(m.fields, "shipment_id"), TrackingNumber: text(m.fields, "tracking_number"),
		Timestamp: m.at(),
	}
	if m.words.isPayment {
		fact.Amount, fact.Currency = m.t.terms.amount, m.t.terms.currency
	}
	if m.cause != "" {
		fact.Error, fact.DeclineCode, fact.Unavailable = m.cause, m.event.DeclineCode, texts(m.fields, "unavailable")
	}
	return fact
}

func (m *moment) reservations() []protocol.Reservation {
	var all []protocol.Reservation
	if json.Unmarshal(m.fields["reservations"], &all) != nil {
		return nil
	}
	return all
}

// reservationID is one id for all lines: that of the answer, or else what the
// inventory takes in its place, the saga and the step (X11).
func (m *moment) reservationID() string {
	id, err := protocol.ParseSagaID(m.t.state.Start.SagaID)
	if err != nil {
		return text(m.fields, "reservation_id")
	}
	return cmp.Or(text(m.fields, "reservation_id"), protocol.StepKey(id, m.event.Step))
}

func inventoryReserved(m *moment) any {
	items := make([]protocol.OrderedItem, len(m.t.terms.items))
	for i, line := range m.t.terms.items {
		items[i] = protocol.OrderedItem{ProductID: line.SKU, Quantity: line.Quantity}
	}
	return protocol.InventoryReservedEvent{
		OrderID: m.t.orderID(), ReservationID: m.reservationID(), Items: items, ReservedAt: m.at(),
	}
}

func inventoryUnavailable(m *moment) any {
	short := texts(m.fields, "unavailable")
	if short == nil {
		short = []string{}
	}
	return protocol.InventoryUnavailableEvent{OrderID: m.t.orderID(), UnavailableItems: short, NotifiedAt: m.at()}
}

func paymentProcessed(m *moment) any {
	return protocol.PaymentProcessedEvent{
		PaymentID: text(m.fields, "payment_id"), OrderID: m.t.orderID(),
		Amount: m.t.terms.amount, Currency: m.t.terms.currency, ProcessedAt: m.at(),
	}
}

func orderPaid(m *moment) any {
	return protocol.OrderPaidEvent{
		OrderID: m.t.orderID(), PaymentID: text(m.fields, "payment_id"), PaymentMethod: protocol.PaymentMethodCreditCard,
		Amount: m.t.terms.amount, Currency: m.t.terms.currency, PaidAt: m.at(),
	}
}

func paymentFailed(m *moment) any {
	return protocol.PaymentFailedEvent{OrderID: m.t.orderID(), Reason: m.cause, FailedAt: m.at()}
}
