package protocol

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// DefaultCurrency is meant where a ChargePayment or RefundPayment names no
// currency, as those of document 000 do not (S0-09).
const DefaultCurrency = "USD"

// What arithmetic on money may run into. Both arrive wrapped in a sentence that
// names the amounts.
var (
	ErrAmountOverflow   = errors.New("amount is over the 64 bits of minor units")
	ErrCurrencyMismatch = errors.New("amounts are of different currencies")
)

// Money is an amount in minor units of an ISO 4217 currency: 24999 USD is
// 249.99 dollars, 500 JPY is 500 yen (D1).
type Money struct {
	Minor    int64
	Currency string
}

// ParseMoney reads an amount of the given currency exactly, without a float
// (D1, A8): 249.99 USD becomes 24999, 249.9 USD becomes 24990. It refuses
// exponents, negative amounts, more fraction digits than the currency has and
// amounts over int64. The error is an *Error with the given field, or with its
// sibling "currency" when that is at fault.
func ParseMoney(field string, amount Decimal, currency string) (Money, error) {
	digits, err := fractionDigitsOf(field, currency)
	if err != nil {
		return Money{}, err
	}
	if err := checkAmount(field, string(amount), digits); err != nil {
		return Money{}, err
	}
	whole, fraction, _ := strings.Cut(string(amount), ".")
	padded := whole + fraction + strings.Repeat("0", digits-len(fraction))
	minor, err := strconv.ParseInt(padded, 10, 64)
	if err != nil {
		return Money{}, invalid(field, "is more money than can be counted in 64 bits of minor units")
	}
	return Money{Minor: minor, Currency: currency}, nil
}

// checkAmount refuses every text that is no plain decimal of at most the given
// number of fraction digits.
func checkAmount(field, amount string, digits int) error {
	if amount == "" {
		return missing(field)
	}
	if amount[0] == '-' {
		return invalid(field, "must not be negative")
	}
	if !isNumber([]byte(amount)) {
		return invalid(field, "must be a decimal number, such as 249.99")
	}
	if strings.ContainsAny(amount, "eE") {
		return invalid(field, "must be written without an exponent, such as 249.99")
	}
	if _, fraction, _ := strings.Cut(amount, "."); len(fraction) > digits {
		return invalid(field, fmt.Sprintf("may have at most %d digits after the point in this currency", digits))
	}
	return nil
}

// Decimal writes the amount with all fraction digits of its currency: "249.99",
// "500", "1.234". An unknown currency counts as one without fraction digits.
func (m Money) Decimal() Decimal {
	text := strconv.FormatInt(m.Minor, 10)
	digits := fractionDigits[m.Currency]
	if digits == 0 {
		return Decimal(text)
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if short := digits + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	point := len(text) - digits
	return Decimal(sign + text[:point] + "." + text[point:])
}

// String writes the amount for people: "249.99 USD".
func (m Money) String() string { return string(m.Decimal()) + " " + m.Currency }

// Add returns the sum. It fails with ErrCurrencyMismatch or ErrAmountOverflow.
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, fmt.Errorf("adding %s to %s: %w", other, m, ErrCurrencyMismatch)
	}
	sum := m.Minor + other.Minor
	if (sum > m.Minor) != (other.Minor > 0) {
		return Money{}, fmt.Errorf("adding %s to %s: %w", other, m, ErrAmountOverflow)
	}
	return Money{Minor: sum, Currency: m.Currency}, nil
}

// Times returns n times the amount, such as the price of n pieces. It fails
// with ErrAmountOverflow.
func (m Money) Times(n int64) (Money, error) {
	high, low := bits.Mul64(magnitude(m.Minor), magnitude(n))
	negative := (m.Minor < 0) != (n < 0)
	limit := uint64(math.MaxInt64)
	if negative {
		limit++ // two's complement reaches one further down than up
	}
	if high != 0 || low > limit {
		return Money{}, fmt.Errorf("taking %s %d times: %w", m, n, ErrAmountOverflow)
	}
	if negative {
		low = -low
	}
	return Money{Minor: int64(low), Currency: m.Currency}, nil
}

// magnitude is |n| without the overflow of -MinInt64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
