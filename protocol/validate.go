package protocol

import "encoding/json"

// Validate checks a request for one checkout (S0-06): user_id, items and
// shipping_address are required, all else may be absent. The error is an *Error
// with the path of the first field at fault, such as items[0].quantity; no value
// of the request is repeated in it.
func (r StartRequest) Validate() error {
	if r.Type != "" {
		if err := checkType(r.Type, TypeCheckout); err != nil {
			return err
		}
	}
	return firstOf(
		checkMsgID(r.MsgID),
		checkOptionalID("saga_id", r.SagaID),
		checkOptionalID("definition", r.Definition),
		checkUser(r.UserID),
		checkLines(r.Items),
		checkAddress("shipping_address", r.ShippingAddress),
		checkWait(r.WaitMS),
	)
}

// Validate checks that saga_id is given and an identifier. The error is an
// *Error.
func (r StatusRequest) Validate() error { return CheckID("saga_id", r.SagaID) }

// Validate checks that status is one of the Status constants or absent, and that
// limit is at most MaxListLimit. The error is an *Error.
func (r ListRequest) Validate() error {
	if r.Status != "" && !isStatus(r.Status) {
		return invalid("status", "must be PENDING, COMPENSATING, COMPLETED, ABORTED or STUCK, or absent")
	}
	return checkRange("limit", int64(r.Limit), 0, MaxListLimit)
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
