package protocol_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"amends/protocol"
)

func TestD1_ParseMoneyIsExact(t *testing.T) {
	for _, c := range []struct {
		amount   protocol.Decimal
		currency string
		minor    int64
		canonic  protocol.Decimal
	}{
		{"249.99", "USD", 24999, "249.99"},
		{"249.9", "USD", 24990, "249.90"},
		{"249", "USD", 24900, "249.00"},
		{"0", "USD", 0, "0.00"},
		{"0.01", "EUR", 1, "0.01"},
		{"0.07", "EUR", 7, "0.07"},
		{"500", "JPY", 500, "500"},
		{"500", "UGX", 500, "500"},
		{"1.234", "KWD", 1234, "1.234"},
		{"1.2", "KWD", 1200, "1.200"},
		{"92233720368547758.07", "USD", math.MaxInt64, "92233720368547758.07"},
		{"9223372036854775807", "JPY", math.MaxInt64, "9223372036854775807"},
	} {
		m, err := protocol.ParseMoney("amount", c.amount, c.currency)
		if err != nil || m.Minor != c.minor || m.Currency != c.currency {
			t.Errorf("%s %s: got %d minor units, %v", c.amount, c.currency, m.Minor, err)
		}
		if got := m.Decimal(); got != c.canonic {
			t.Errorf("%s %s: written as %s", c.amount, c.currency, got)
		}
	}
}

func TestD1_ParseMoneyRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		amount   protocol.Decimal
		currency string
		code     protocol.Code
		field    string
	}{
		{"nothing", "", "USD", missing, "lines[0].price"},
		{"negative", "-1", "USD", invalid, "lines[0].price"},
		{"negative zero", "-0", "USD", invalid, "lines[0].price"},
		{"exponent", "1e2", "USD", invalid, "lines[0].price"},
		{"capital exponent", "1E2", "USD", invalid, "lines[0].price"},
		{"3 digits of EUR", "1.999", "EUR", invalid, "lines[0].price"},
		{"3 digits of EUR, the last zero", "1.990", "EUR", invalid, "lines[0].price"},
		{"fraction of a yen", "0.5", "JPY", invalid, "lines[0].price"},
		{"4 digits of KWD", "0.0001", "KWD", invalid, "lines[0].price"},
		{"one over int64", "92233720368547758.08", "USD", invalid, "lines[0].price"},
		{"far over int64", protocol.Decimal(strings.Repeat("9", 99)), "JPY", invalid, "lines[0].price"},
		{"text", "canary", "USD", invalid, "lines[0].price"},
		{"NaN", "NaN", "USD", invalid, "lines[0].price"},
		{"leading zero", "01", "USD", invalid, "lines[0].price"},
		{"plus", "+1", "USD", invalid, "lines[0].price"},
		{"point at the end", "1.", "USD", invalid, "lines[0].price"},
		{"point at the start", ".5", "USD", invalid, "lines[0].price"},
		{"comma", "1,5", "USD", invalid, "lines[0].price"},
		{"space", "1 ", "USD", invalid, "lines[0].price"},
		{"underscore", "1_000", "USD", invalid, "lines[0].price"},
		{"no currency", "1", "", missing, "lines[0].currency"},
		{"unknown currency", "1", "CANARY", invalid, "lines[0].currency"},
		{"small letters", "1", "usd", invalid, "lines[0].currency"},
		{"gold", "1", "XAU", invalid, "lines[0].currency"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := protocol.ParseMoney("lines[0].price", c.amount, c.currency)
			checkRefusal(t, err, c.code, c.field)
		})
	}
	_, err := protocol.ParseMoney("amount", "1", "")
	checkRefusal(t, err, missing, "currency")
}

var anyCurrency = rapid.SampledFrom([]string{"USD", "EUR", "JPY", "ISK", "KWD", "TND"})

// TestMoneyRoundTrip writes any amount and reads it again.
func TestMoneyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := protocol.Money{Minor: rapid.Int64Min(0).Draw(t, "minor"), Currency: anyCurrency.Draw(t, "currency")}
		got, err := protocol.ParseMoney("amount", m.Decimal(), m.Currency)
		if err != nil || got != m {
			t.Fatalf("%d %s was written as %s and read as %d, %v", m.Minor, m.Currency, m.Decimal(), got.Minor, err)
		}
	})
}

// TestParseMoneyAgreesWithRationals compares with math/big: an amount is taken
// exactly when its minor units are an integer within int64, and then it is that
// integer. Amounts written with needless zeros are the one exception.
func TestParseMoneyAgreesWithRationals(t *testing.T) {
	scale := map[string]int64{"USD": 100, "EUR": 100, "JPY": 1, "ISK": 1, "KWD": 1000, "TND": 1000}
	amounts := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,3}[1-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		amount, currency := amounts.Draw(t, "amount"), anyCurrency.Draw(t, "currency")
		exact, ok := new(big.Rat).SetString(amount)
		if !ok {
			t.Fatalf("math/big does not read %s", amount)
		}
		exact.Mul(exact, new(big.Rat).SetInt64(scale[currency]))
		takable := exact.IsInt() && exact.Num().IsInt64() && !strings.HasPrefix(amount, "-")
		got, err := protocol.ParseMoney("amount", protocol.Decimal(amount), currency)
		switch {
		case takable != (err == nil):
			t.Fatalf("%s %s: %v", amount, currency, err)
		case takable && got.Minor != exact.Num().Int64():
			t.Fatalf("%s %s: got %d, want %s", amount, currency, got.Minor, exact.Num())
		}
	})
}

// TestMoneyArithmeticAgreesWithBig compares Add and Times with math/big.
func TestMoneyArithmeticAgreesWithBig(t *testing.T) {
	edge := rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 1 << 32, 3037000500})
	operand := rapid.OneOf(rapid.Int64(), edge)
	compare := func(t *rapid.T, name string, got protocol.Money, err error, want *big.Int) {
		switch {
		case want.IsInt64() && (err != nil || got.Minor != want.Int64() || got.Currency != "EUR"):
			t.Fatalf("%s: got %v, %v, want %s", name, got, err, want)
		case !want.IsInt64() && !errors.Is(err, protocol.ErrAmountOverflow):
			t.Fatalf("%s: got %v, %v, want an overflow", name, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := operand.Draw(t, "a"), operand.Draw(t, "b")
		m := protocol.Money{Minor: a, Currency: "EUR"}
		sum, err := m.Add(protocol.Money{Minor: b, Currency: "EUR"})
		compare(t, "sum", sum, err, new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		product, err := m.Times(b)
		compare(t, "product", product, err, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
	})
}

func TestD1_MixedCurrenciesAreRefused(t *testing.T) {
	_, err := protocol.Money{Minor: 1, Currency: "USD"}.Add(protocol.Money{Minor: 1, Currency: "EUR"})
	if !errors.Is(err, protocol.ErrCurrencyMismatch) {
		t.Errorf("got %v", err)
	}
}

func TestMoneyIsWrittenForPeople(t *testing.T) {
	for want, m := range map[string]protocol.Money{
		"249.99 USD":                {Minor: 24999, Currency: "USD"},
		"-0.05 USD":                 {Minor: -5, Currency: "USD"},
		"500 JPY":                   {Minor: 500, Currency: "JPY"},
		"0.001 KWD":                 {Minor: 1, Currency: "KWD"},
		"-92233720368547758.08 USD": {Minor: math.MinInt64, Currency: "USD"},
		"7 ?":                       {Minor: 7, Currency: "?"},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestA8_DecimalKeepsItsDigits(t *testing.T) {
	type priced struct {
		Amount protocol.Decimal `json:"amount"`
		Maybe  protocol.Decimal `json:"maybe,omitempty"`
	}
	for _, text := range []string{
		`{"amount":249.99}`, `{"amount":249.990}`, `{"amount":0}`, `{"amount":-0.10}`, `{"amount":1e2}`,
		`{"amount":null}`,
		`{"amount":0.1,"maybe":123456789012345678901234567890.12345}`,
	} {
		var p priced
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if got := marshal(t, p); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	for _, text := range []string{`"249.99"`, `true`, `{}`, `[1]`} {
		checkRefusal(t, new(protocol.Decimal).UnmarshalJSON([]byte(text)), invalid, "")
	}
	if text, err := json.Marshal(protocol.Decimal("1,5")); err == nil {
		t.Errorf("1,5 was written as %s", text)
	}
}

func TestA2_ProductValidate(t *testing.T) {
	good := protocol.Product{SKU: "abc123", Name: "Lamp", Price: "99.99", Currency: "USD"}
	for _, c := range []struct {
		name  string
		spoil func(*protocol.Product)
		code  protocol.Code
		field string
	}{
		{"bad sku", func(p *protocol.Product) { p.SKU = "a.b" }, badID, "sku"},
		{"long name", func(p *protocol.Product) { p.Name = strings.Repeat("x", 257) }, tooLarge, "name"},
		{"name with a line break", func(p *protocol.Product) { p.Name = "canary\n" }, invalid, "name"},
		{"no price", func(p *protocol.Product) { p.Price = "" }, missing, "price"},
		{"negative price", func(p *protocol.Product) { p.Price = "-1" }, invalid, "price"},
		{"no currency", func(p *protocol.Product) { p.Currency = "" }, missing, "currency"},
	} {
		p := good
		c.spoil(&p)
		checkRefusal(t, p.Validate(), c.code, c.field)
	}
	nameless := good
	nameless.Name = ""
	for _, p := range []protocol.Product{good, nameless} {
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
	if got := marshal(t, good); got != `{"sku":"abc123","name":"Lamp","price":99.99,"currency":"USD"}` {
		t.Errorf("written as %s", got)
	}
}
