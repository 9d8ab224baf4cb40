package saga_test

import "amends/saga"

// ticket is the sale of document 004: the seat is held, the payment is requested
// and its result comes later (S4-09), and the order is finished. What became of
// the request can be asked (D9).
func ticket() *saga.Definition {
	return &saga.Definition{Name: "ticket", Steps: []saga.Step{{
		Name: "hold", Service: "inventory", Kind: saga.Compensatable, Reason: "Sold out",
		Action: patient(saga.Operation{
			Type: "HoldSeat", Subject: "inventory.reserve",
			Send: []saga.Field{{Name: "items", From: "request.items"}},
			Keep: []string{"seat"},
		}),
		Compensation: patient(saga.Operation{
			Type: "ReleaseSeat", Subject: "inventory.release",
			Send: []saga.Field{{Name: "seat", From: "hold.seat"}},
		}),
	}, {
		Name: "pay", Service: "payment", Kind: saga.Compensatable, Reason: "Payment not completed: {error}",
		Reply: saga.Callback, Patience: 600 * second,
		Action: patient(saga.Operation{
			Type: "RequestPayment", Subject: "payment.request",
			Send: []saga.Field{{Name: "amount", From: "request.amount"}, {Name: "callback", From: "saga.callback"}},
			Keep: []string{"payment_id"},
		}),
		Compensation: patient(saga.Operation{
			Type: "RefundPayment", Subject: "payment.refund",
			Send: []saga.Field{{Name: "payment_id", From: "pay.payment_id"}},
		}),
		Query: patient(saga.Operation{Type: "QueryStep", Subject: "payment.query"}),
	}, {
		Name: "finish", Service: "order", Kind: saga.Compensatable,
		Action: patient(saga.Operation{
			Type: "FinishOrder", Subject: "tickets.finish",
			Send: []saga.Field{{Name: "payment_id", From: "pay.payment_id"}},
		}),
		Compensation: patient(saga.Operation{Type: "ReopenOrder", Subject: "tickets.reopen"}),
	}}}
}

// trip is a journey: flight, hotel and car are booked side by side, the charge is
// the pivot, and then tickets and mail go out side by side. The result of the
// tickets comes later.
func trip() *saga.Definition {
	def := &saga.Definition{Name: "trip"}
	for _, name := range []string{"Flight", "Hotel", "Car"} {
		def.Steps = append(def.Steps, saga.Step{
			Name: name, Service: "travel", Kind: saga.Compensatable, Group: "book", Reason: name + " not available",
			Action:       patient(saga.Operation{Type: "Book" + name, Subject: "travel.book", Keep: []string{"booking"}}),
			Compensation: patient(saga.Operation{Type: "Cancel" + name, Subject: "travel.cancel", Send: []saga.Field{{Name: "booking", From: name + ".booking"}}}),
		})
	}
	ask := patient(saga.Operation{Type: "QueryStep", Subject: "payment.query"})
	def.Steps = append(def.Steps, saga.Step{
		Name: "charge", Service: "payment", Kind: saga.Pivot, Reason: "Payment declined: {decline_code}",
		Action: patient(saga.Operation{Type: "ChargePayment", Subject: "payment.charge", Keep: []string{"payment_id"}}),
		Query:  ask,
	}, saga.Step{
		Name: "tickets", Service: "travel", Kind: saga.Retriable, Group: "tell", Reply: saga.Callback, Patience: 3600 * second,
		Action: patient(saga.Operation{Type: "IssueTickets", Subject: "travel.issue", Send: []saga.Field{{Name: "booking", From: "Flight.booking"}}}),
	}, saga.Step{
		Name: "mail", Service: "mail", Kind: saga.Retriable, Group: "tell",
		Action: patient(saga.Operation{Type: "SendMail", Subject: "mail.send"}),
	})
	return def
}

const maxSteps = 8 // of any definition in these tests
