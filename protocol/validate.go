package protocol

import "encoding/json"

// Validate checks a request for one checkout (S0-06): user_id, items and
// shipping_address are required, all else may be absent. The error is an *Error
// with the path of the first field at fault, such as items[0].quantity; no value
// of the request is repeated in it.
func (r StartRequest) Validate() error {
	return firstOf(
		r.ValidateEnvelope(),
		checkUser(r.UserID),
		checkLines(r.Items),
		checkAddress("shipping_address", r.ShippingAddress),
	)
}

// ValidateEnvelope checks what every request has, whatever its definition asks
// for beside it. The error is an *Error.
func (r StartRequest) ValidateEnvelope() error {
	_, _, errTotal := r.Total()
	if r.Type != "" {
		if err := checkType(r.Type, TypeCheckout); err != nil {
			return err
		}
	}
	return firstOf(
		checkMsgID(r.MsgID),
		checkOptionalID("saga_id", r.SagaID),
		checkOptionalID("definition", r.Definition),
		errTotal,
		checkWait(r.WaitMS),
	)
}

// Total is the amount that the client says its order costs, exactly; said is
// false if it says none. An amount without currency is in DefaultCurrency. The
// error is an *Error.
func (r StartRequest) Total() (total Money, said bool, err error) {
	return saidTotal(r.Amount, r.Currency)
}

// saidTotal reads a total that may be absent. Zero is refused: there would be
// nothing to charge.
func saidTotal(amount Decimal, currency string) (total Money, said bool, err error) {
	switch {
	case amount == "" && currency == "":
		return Money{}, false, nil
	case currency == "":
		currency = DefaultCurrency
	}
	total, err = ParseMoney("amount", amount, currency)
	if err == nil && total.Minor == 0 {
		err = invalid("amount", "must be more than zero")
	}
	return total, true, err
}

// Validate checks that saga_id is given and an identifier. The error is an
// *Error.
func (r StatusRequest) Validate() error { return CheckID("saga_id", r.SagaID) }

// Validate checks the filter, and that limit is at most MaxListLimit. The error
// is an *Error.
func (r ListRequest) Validate() error {
	return firstOf(r.Filter.validate(), checkRange("limit", int64(r.Limit), 0, MaxListLimit))
}

func checkOptionalID(field, id string) error {
	if id == "" {
		return nil
	}
	return CheckID(field, id)
}

// checkMsgID takes a number or a string: it is echoed byte by byte, so it only
// has to be small.
func checkMsgID(raw json.RawMessage) error {
	if len(raw) == 0 || isNull(raw) {
		return nil
	}
	switch {
	case raw[0] == '"' && json.Valid(raw):
		raw = raw[1 : len(raw)-1]
	case !isNumber(raw):
		return invalid("msg_id", "must be a number or a string")
	}
	if len(raw) > MaxMsgIDBytes {
		return tooLong("msg_id", MaxMsgIDBytes)
	}
	return nil
}

func checkWait(ms *int64) error {
	if ms == nil {
		return nil
	}
	return checkRange("wait_ms", *ms, 0, MaxWaitMS)
}
