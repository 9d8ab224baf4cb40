package orchestrator

import (
	"errors"
	"strconv"

	"amends/protocol"
	"amends/saga"
)

// order is what there is to be priced.
type order struct {
	lines []protocol.Line
	said  *protocol.Money // the client's total; nil if it says none
}

// priceOf finds the price of one piece of a product.
type priceOf func(sku string) (price protocol.Money, known bool)

// price says what an order costs under a policy (X8). priced is false where the catalogue has the word
// and does not know a product: then the inventory, which will not know it either,
// has it. The sum of the lines is exact, in minor units; there is nothing to
// round (D1, D2). The error is an *Error that repeats no value.
func price(policy saga.Pricing, o order, list priceOf) (total protocol.Money, priced bool, err error) {
	if policy == saga.ClientPrice || policy == saga.VerifyPrice {
		if err := o.checkSaid(); err != nil {
			return protocol.Money{}, false, err
		}
	}
	if policy == saga.ClientPrice {
		return *o.said, true, nil
	}
	total, unknown, err := sum(o.lines, list)
	if err == nil && policy == saga.VerifyPrice {
		err = o.verify(total, unknown)
	}
	if err != nil || unknown >= 0 {
		return protocol.Money{}, false, err
	}
	return total, true, nil
}

// checkSaid checks that the client says what its order costs, and that this can be
// charged.
func (o order) checkSaid() error {
	switch {
	case o.said == nil:
		return &protocol.Error{Code: protocol.CodeMissingField, Field: "amount", Message: "is required by this definition"}
	case o.said.Minor <= 0:
		return wrong("amount", "must be more than zero")
	}
	return nil
}

// verify holds the client's total to that of the catalogue, which must know all
// products: the first that it does not is the unknown one.
func (o order) verify(total protocol.Money, unknown int) error {
	switch {
	case unknown >= 0:
		return wrong("items["+strconv.Itoa(unknown)+"].sku", "has no price here")
	case o.said.Currency != total.Currency:
		return wrong("currency", "is not that of the prices; look at them again")
	case o.said.Minor != total.Minor:
		return wrong("amount", "is not what the items cost now; look at their prices again")
	}
	return nil
}

// sum adds the lines of an order up. unknown is the first line whose product has no
// price, or -1 if all have one.
func sum(lines []protocol.Line, list priceOf) (total protocol.Money, unknown int, err error) {
	for n, line := range lines {
		price, known := list(line.SKU)
		if !known {
			return protocol.Money{}, n, nil
		}
		cost, err := price.Times(line.Quantity)
		if err == nil && n > 0 {
			cost, err = total.Add(cost)
		}
		if err != nil {
			return protocol.Money{}, -1, sumError(err)
		}
		total = cost
	}
	return total, -1, nil
}

// sumError tells a client why its order has no total.
func sumError(err error) error {
	switch {
	case errors.Is(err, protocol.ErrAmountOverflow):
		return wrong("items", "cost more than can be written down")
	case errors.Is(err, protocol.ErrCurrencyMismatch):
		return wrong("items", "are priced in different currencies; order them apart")
	}
	return err
}

func wrong(field, message string) error {
	return &protocol.Error{Code: protocol.CodeInvalidField, Field: field, Message: message}
}
