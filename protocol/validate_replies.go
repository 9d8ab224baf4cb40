package protocol

import "time"

// Validate checks that every reservation names its sku and itself (S0-08). The
// error is an *Error.
func (r ReserveInventoryOK) Validate() error { return checkSomeReservations(r.Reservations) }

// Validate checks that the payment has its ids (S0-10): an acceptance without
// them names no payment that could be refunded. The error is an *Error.
func (r ChargePaymentOK) Validate() error {
	return firstOf(
		checkText("payment_id", r.PaymentID, MaxReferenceBytes),
		checkText("transaction_id", r.TransactionID, MaxReferenceBytes),
	)
}

// Validate checks that the shipment has its ids (S0-12). The error is an *Error.
func (r CreateShipmentOK) Validate() error {
	return firstOf(
		checkText("shipment_id", r.ShipmentID, MaxReferenceBytes),
		checkText("tracking_number", r.TrackingNumber, MaxReferenceBytes),
	)
}

// Validate checks that the authorization has an id and a time at which it lapses
// (D4). The error is an *Error.
func (r AuthorizePaymentOK) Validate() error {
	return firstOf(
		checkText("authorization_id", r.AuthorizationID, MaxReferenceBytes),
		checkTime("expires_at", r.ExpiresAt),
	)
}

func checkTime(field, text string) error {
	if text == "" {
		return missing(field)
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return invalid(field, "must be a time such as 2026-11-21T10:00:00Z")
	}
	return nil
}

// Validate checks that the outcome is one of the constants, and that the reply is
// there if it is known, and only then. Whether it is a reply to the action is for
// ParseReply to say. The error is an *Error.
func (r QueryStepOK) Validate() error {
	hasReply := len(r.Reply) > 0 && !isNull(r.Reply)
	switch r.Outcome {
	case OutcomeKnown:
		if !hasReply {
			return missing("reply")
		}
	case OutcomePending, OutcomeNone:
		if hasReply {
			return invalid("reply", "must be absent: the action has no verdict")
		}
	case "":
		return missing("outcome")
	default:
		return invalid("outcome", "must be known, pending or none")
	}
	return nil
}
