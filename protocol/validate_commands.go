package protocol

// Validate checks the command and its lines (S0-07). The error is an *Error.
func (c ReserveInventory) Validate() error {
	return firstOf(c.checkAction(TypeReserveInventory), checkLines(c.Items))
}

// Validate checks the command and whatever reservations it names (S0-15). Its
// type may be ReleaseInventory as well (A3). The error is an *Error.
func (c ReleaseReservation) Validate() error {
	return firstOf(
		c.checkCompensation(TypeReleaseReservation, TypeReleaseInventory),
		checkReservations(c.Reservations),
	)
}

// Validate checks the command, who pays and how much (S0-09). The error is an
// *Error.
func (c ChargePayment) Validate() error {
	_, errAmount := c.Money()
	return firstOf(c.checkAction(TypeChargePayment), checkUser(c.UserID), errAmount)
}

// Money is the amount to charge, exactly. A command without currency means
// DefaultCurrency, as in document 000. The error is an *Error.
func (c ChargePayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

// Validate checks the command and whatever it says of the payment; all of it may
// be absent. The error is an *Error.
func (c RefundPayment) Validate() error {
	return firstOf(
		c.checkCompensation(TypeRefundPayment),
		checkOptionalReference("payment_id", c.PaymentID),
		c.checkOptionalMoney(),
	)
}

// Money is the amount to give back, exactly; an absent amount is an error here,
// while the command as a whole may leave it out. A command without currency
// means DefaultCurrency. The error is an *Error.
func (c RefundPayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

func (c RefundPayment) checkOptionalMoney() error {
	if c.Amount == "" && c.Currency == "" {
		return nil
	}
	_, err := c.Money()
	return err
}

// Validate checks the command, its lines and the address (S0-11). The error is
// an *Error.
func (c CreateShipment) Validate() error {
	return firstOf(c.checkAction(TypeCreateShipment), checkLines(c.Items), checkAddress("address", c.Address))
}

// Validate checks the command; shipment_id may be absent. The error is an
// *Error.
func (c CancelShipment) Validate() error {
	return firstOf(c.checkCompensation(TypeCancelShipment), checkOptionalReference("shipment_id", c.ShipmentID))
}

func (c Command) checkAction(types ...string) error {
	if err := c.check(types); err != nil {
		return err
	}
	if c.Compensating {
		return invalid("compensating", "must be absent or false: this command is an action")
	}
	return nil
}

// checkCompensation insists on the mark of a compensation (S0-15): a step number
// alone does not tell doing from undoing.
func (c Command) checkCompensation(types ...string) error {
	if err := c.check(types); err != nil {
		return err
	}
	if !c.Compensating {
		return invalid("compensating", "must be true: this command is a compensation")
	}
	return nil
}

func (c Command) check(types []string) error {
	return firstOf(
		checkType(c.Type, types...),
		CheckID("saga_id", c.SagaID),
		checkRange("step", int64(c.Step), 1, MaxSteps),
	)
}

func parseCommandMoney(amount Decimal, currency string) (Money, error) {
	if currency == "" {
		currency = DefaultCurrency
	}
	return ParseMoney("amount", amount, currency)
}

func checkReservations(reservations []Reservation) error {
	if len(reservations) > MaxLines {
		return tooMany("reservations", MaxLines)
	}
	for i, r := range reservations {
		err := firstOf(CheckID("sku", r.SKU), checkText("reservation_id", r.ReservationID, MaxReferenceBytes))
		if err != nil {
			return within("reservations", i, err)
		}
	}
	return nil
}

// checkOptionalReference checks an id that some worker made, in its own way.
func checkOptionalReference(field, id string) error {
	if id == "" {
		return nil
	}
	return checkText(field, id, MaxReferenceBytes)
}
