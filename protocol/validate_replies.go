package protocol

// Validate checks that every reservation names its sku and itself (S0-08). The
// error is an *Error.
func (r ReserveInventoryOK) Validate() error {
	if len(r.Reservations) == 0 {
		return missing("reservations")
	}
	return checkReservations(r.Reservations)
}

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
