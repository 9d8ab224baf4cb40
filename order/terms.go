package order

import (
	"encoding/json"
	"time"

	"amends/protocol"
	"amends/saga"
)

// terms are what an order is about, as its request says. A request of one's own
// may have none of it.
type terms struct {
	userID   string
	items    []protocol.Line
	amount   protocol.Decimal
	currency string
	address  string
}

func termsOf(start *saga.Start) terms {
	t := terms{
		userID: text(start.Request, "user_id"), currency: text(start.Request, "currency"),
		address: text(start.Request, "shipping_address"),
	}
	// What is not of this kind is no item and no amount.
	if json.Unmarshal(start.Request["items"], &t.items) != nil {
		t.items = nil
	}
	if json.Unmarshal(start.Request["amount"], &t.amount) != nil || t.amount == "" {
		t.amount, t.currency = "", ""
	}
	return t
}

// text is the field of that name, if it is a text.
func text(fields map[string]json.RawMessage, name string) string {
	var value string
	if json.Unmarshal(fields[name], &value) != nil {
		return ""
	}
	return value
}

// texts is the field of that name, if it is a list of texts.
func texts(fields map[string]json.RawMessage, name string) []string {
	var values []string
	if json.Unmarshal(fields[name], &values) != nil {
		return nil
	}
	return values
}

// timestamp writes an instant as RFC 3339 in UTC (S1-12).
func timestamp(at saga.Instant) string {
	return time.UnixMicro(int64(at)).UTC().Format(time.RFC3339Nano)
}
