package main

import (
	"strings"

	"amends/protocol"
)

// money adds up amounts by currency, in the order in which the currencies come.
type money struct {
	sums []protocol.Money
}

// add takes in an amount. One that is no money of its currency, or makes the sum
// too large to be written down, is left out: it stands with its checkout.
func (m *money) add(a protocol.Amount) {
	amount, err := protocol.ParseMoney("amount", a.Amount, a.Currency)
	if err != nil {
		return
	}
	for n, sum := range m.sums {
		if sum.Currency != amount.Currency {
			continue
		}
		if sum, err = sum.Add(amount); err == nil {
			m.sums[n] = sum
		}
		return
	}
	m.sums = append(m.sums, amount)
}

func (m *money) amounts() []protocol.Amount {
	amounts := []protocol.Amount{}
	for _, sum := range m.sums {
		amounts = append(amounts, protocol.Amount{Amount: sum.Decimal(), Currency: sum.Currency})
	}
	return amounts
}

// inWords writes amounts for people.
func inWords(amounts []protocol.Amount) string {
	if len(amounts) == 0 {
		return "no money"
	}
	texts := make([]string, len(amounts))
	for n, a := range amounts {
		texts[n] = string(a.Amount) + " " + a.Currency
	}
	return strings.Join(texts, ", ")
}
