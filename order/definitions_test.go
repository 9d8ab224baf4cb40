package order

import (
	"amends/saga"
)

// The five documents as definitions, as far as domain events are concerned, and
// two more: a payment in two parts, and a journey, whose actions have no words of
// their own. Nothing is tried twice here: one silence is as good as six.

const second = 1000 * saga.Millisecond

func op(kind, subject string, keep ...string) saga.Operation {
	return saga.Operation{Type: kind, Subject: subject, Keep: keep, Timeout: second, Retry: saga.Retry{Attempts: 1}}
}

func reserve() saga.Step {
	return saga.Step{
		Name: "reserve", Service: "inventory", Kind: saga.Compensatable, Reason: "Inventory unavailable",
		Action: op("ReserveInventory", "inventory.reserve", "reservations"), Compensation: op("ReleaseReservation", "inventory.release"),
	}
}

func charge() saga.Step {
	return saga.Step{
		Name: "charge", Service: "payment", Kind: saga.Compensatable, Reason: "Payment failed",
		Action: op("ChargePayment", "payment.charge", "payment_id", "transaction_id"), Compensation: op("RefundPayment", "payment.refund"),
	}
}

func ship() saga.Step {
	return saga.Step{
		Name: "ship", Service: "shipping", Kind: saga.Compensatable, Reason: "Shipping failed: {error}",
		Action: op("CreateShipment", "shipping.create", "shipment_id", "tracking_number"), Compensation: op("CancelShipment", "shipping.cancel"),
	}
}

func commit() saga.Step {
	return saga.Step{Name: "commit", Service: "inventory", Kind: saga.Retriable, Action: op("CommitReservation", "inventory.commit")}
}

// requested is a payment whose result comes later.
func requested() saga.Step {
	s := charge()
	s.Action.Type, s.Action.Subject = "RequestPayment", "payment.request"
	s.Reply, s.Patience = saga.Callback, 600*second
	return s
}

func pivot(s saga.Step) saga.Step {
	s.Kind = saga.Pivot
	return s
}

func own(name, group string) saga.Step {
	return saga.Step{
		Name: name, Service: "travel", Kind: saga.Compensatable, Group: group,
		Action: op("Book"+name, "travel.book", "booking"), Compensation: op("Cancel"+name, "travel.cancel"),
	}
}

func authorize() saga.Step {
	s := charge()
	s.Name, s.Action, s.Compensation = "authorize", op("AuthorizePayment", "payment.authorize", "authorization_id"), op("VoidPayment", "payment.void")
	return s
}

func capture() saga.Step {
	s := pivot(charge())
	s.Name, s.Action, s.Compensation = "capture", op("CapturePayment", "payment.capture", "payment_id", "transaction_id"), saga.Operation{}
	return s
}

func defined(name string, steps ...saga.Step) *saga.Definition {
	return &saga.Definition{Name: name, Deadline: 3600 * second, Steps: steps}
}

// shapes are the definitions by name.
func shapes() map[string]*saga.Definition {
	all := make(map[string]*saga.Definition)
	for _, d := range []*saga.Definition{
		defined("checkout", reserve(), charge(), ship()),
		defined("fulfillment", reserve(), charge()),
		defined("payment-first", charge(), reserve(), ship()),
		defined("cart", reserve(), pivot(charge()), commit()),
		defined("ticket", reserve(), pivot(requested()), commit()),
		defined("callback", reserve(), requested(), ship()),
		defined("two-parts", reserve(), authorize(), capture(), commit()),
		defined("ship-first", reserve(), ship(), charge()),
		defined("trip", own("Flight", "book"), own("Hotel", "book"), charge()),
	} {
		d.Statuses = saga.Statuses{Accepted: "CREATED", Completed: "COMPLETED", Aborted: "CANCELLED"}
		all[d.Name] = d
	}
	return all
}
