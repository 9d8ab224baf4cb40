package protocol

import "strings"

// Validate checks the command and its lines (S0-07). The error is an *Error.
func (c ReserveInventory) Validate() error {
	return firstOf(
		c.checkAction(TypeReserveInventory), checkLines(c.Items),
		checkPolicy(c.Policy), checkRange("hold_ms", c.HoldMS, 0, MaxHoldMS),
	)
}

func checkPolicy(policy string) error {
	switch policy {
	case "", PolicyAllOrNothing, PolicyPartial, PolicyBackorder:
		return nil
	}
	return invalid("policy", "must be all_or_nothing, partial or backorder")
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
		checkOptionalMoney(c.Amount, c.Currency),
	)
}

// Money is the amount to give back, exactly; an absent amount is an error here,
// while the command as a whole may leave it out. A command without currency
// means DefaultCurrency. The error is an *Error.
func (c RefundPayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

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

// Validate checks the command, who pays, how much, and where the result goes
// (S4-09). The error is an *Error.
func (c RequestPayment) Validate() error {
	_, errAmount := c.Money()
	return firstOf(c.checkAction(TypeRequestPayment), checkUser(c.UserID), errAmount, c.checkCallback())
}

// Money is the amount to charge, exactly. The error is an *Error.
func (c RequestPayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

// Validate checks the command, who pays and how much (D3). The error is an
// *Error.
func (c AuthorizePayment) Validate() error {
	_, errAmount := c.Money()
	return firstOf(c.checkAction(TypeAuthorizePayment), checkUser(c.UserID), errAmount)
}

// Money is the amount to set aside, exactly. The error is an *Error.
func (c AuthorizePayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

// Validate checks the command and the authorization that it names; the amount
// may be absent. The error is an *Error.
func (c CapturePayment) Validate() error {
	return firstOf(
		c.checkAction(TypeCapturePayment),
		checkText("authorization_id", c.AuthorizationID, MaxReferenceBytes),
		checkOptionalMoney(c.Amount, c.Currency),
	)
}

// Money is the amount to take, exactly; an absent amount is an error here. The
// error is an *Error.
func (c CapturePayment) Money() (Money, error) { return parseCommandMoney(c.Amount, c.Currency) }

// Validate checks the command; authorization_id may be absent. The error is an
// *Error.
func (c VoidPayment) Validate() error {
	return firstOf(
		c.checkCompensation(TypeVoidPayment),
		checkOptionalReference("authorization_id", c.AuthorizationID),
	)
}

// Validate checks the command and the reservations to commit (S3-09). The error
// is an *Error.
func (c CommitReservation) Validate() error {
	return firstOf(c.checkAction(TypeCommitReservation), checkSomeReservations(c.Reservations))
}

// Validate checks that the question names a step. The error is an *Error.
func (c QueryStep) Validate() error { return c.checkAction(TypeQueryStep) }

// checkCallback takes the address of the result of this very step. Whoever gets a
// command publishes to the address in it with rights of its own: it must not be a
// way to make a participant speak on any other subject.
func (c RequestPayment) checkCallback() error {
	if err := checkText("callback", c.Callback, MaxCallbackBytes); err != nil {
		return err
	}
	id, err := ParseSagaID(c.SagaID)
	if err != nil {
		return err
	}
	token, ofStep := strings.CutPrefix(c.Callback, SubjectCallback(id, c.Step, ""))
	if !ofStep || CheckID("callback", token) != nil {
		return invalid("callback", "is not the address of the result of this step")
	}
	return nil
}

func (c Command) checkAction(types ...string) error {
	if err := c.check(types); err != nil {
		return err
	}
	if c.Compensating {
		return invalid("compensating", "must be absent or false: this command is an action")
	}
	if c.Reversal {
		return invalid("reversal", "must be absent or false: only a compensation can be one")
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

// checkOptionalMoney checks an amount that may be left out, and its currency with
// it.
func checkOptionalMoney(amount Decimal, currency string) error {
	if amount == "" && currency == "" {
		return nil
	}
	_, err := parseCommandMoney(amount, currency)
	return err
}

func parseCommandMoney(amount Decimal, currency string) (Money, error) {
	if currency == "" {
		currency = DefaultCurrency
	}
	return ParseMoney("amount", amount, currency)
}

func checkSomeReservations(reservations []Reservation) error {
	if len(reservations) == 0 {
		return missing("reservations")
	}
	return checkReservations(reservations)
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
