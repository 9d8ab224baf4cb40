package orchestrator

import (
	"errors"
	"math"
	"strings"
	"testing"

	"amends/protocol"
	"amends/saga"

	"pgregory.net/rapid"
)

// theCatalog is the price list of these tests: that of document 000, and what
// there must not be in a shop.
var theCatalog = map[string]protocol.Money{
	"abc123": {Minor: 10000, Currency: "USD"},
	"xyz789": {Minor: 4999, Currency: "USD"},
	"gift":   {Minor: 0, Currency: "USD"},
	"yen":    {Minor: 500, Currency: "JPY"},
	"dinar":  {Minor: 1234, Currency: "KWD"},
	"palace": {Minor: math.MaxInt64 / 2, Currency: "USD"},
}

func listed(sku string) (protocol.Money, bool) {
	price, known := theCatalog[sku]
	return price, known
}

func items(words ...any) (lines []protocol.Line) {
	for i := 0; i < len(words); i += 2 {
		lines = append(lines, protocol.Line{SKU: words[i].(string), Quantity: int64(words[i+1].(int))})
	}
	return lines
}

func money(minor int64, currency string) *protocol.Money {
	return &protocol.Money{Minor: minor, Currency: currency}
}

// TestX8_Pricing holds each policy to what it takes, and what it refuses with
// which code and field. No refusal repeats a value.
func TestX8_Pricing(t *testing.T) {
	const missing, invalid = protocol.CodeMissingField, protocol.CodeInvalidField
	example := items("abc123", 2, "xyz789", 1)
	for _, c := range []struct {
		name   string
		policy saga.Pricing
		order  order
		want   protocol.Money // zero if the order has no price
		code   protocol.Code
		field  string
	}{
		{"S0-09: the catalogue", saga.CatalogPrice, order{example, nil}, *money(24999, "USD"), "", ""},
		{"no policy is the catalogue", "", order{example, nil}, *money(24999, "USD"), "", ""},
		{"the client's word is none", saga.CatalogPrice, order{example, money(1, "EUR")}, *money(24999, "USD"), "", ""},
		{"a product without a price", saga.CatalogPrice, order{items("abc123", 2, "new", 1), nil}, protocol.Money{}, "", ""},
		{"all products without one", saga.CatalogPrice, order{items("new", 1), nil}, protocol.Money{}, "", ""},
		{"goods for nothing", saga.CatalogPrice, order{items("gift", 3), nil}, *money(0, "USD"), "", ""},
		{"no minor units", saga.CatalogPrice, order{items("yen", 3), nil}, *money(1500, "JPY"), "", ""},
		{"three digits of them", saga.CatalogPrice, order{items("dinar", 3), nil}, *money(3702, "KWD"), "", ""},
		{"two currencies", saga.CatalogPrice, order{items("abc123", 1, "yen", 1), nil}, protocol.Money{}, invalid, "items"},
		{"a line too dear", saga.CatalogPrice, order{items("palace", 3), nil}, protocol.Money{}, invalid, "items"},
		{"lines too dear together", saga.CatalogPrice, order{items("palace", 2, "abc123", 1), nil}, protocol.Money{}, invalid, "items"},

		{"S2-09: the client", saga.ClientPrice, order{items("product1", 2), money(9999, "USD")}, *money(9999, "USD"), "", ""},
		{"whatever the catalogue says", saga.ClientPrice, order{example, money(7, "JPY")}, *money(7, "JPY"), "", ""},
		{"the most there is", saga.ClientPrice, order{example, money(math.MaxInt64, "USD")}, *money(math.MaxInt64, "USD"), "", ""},
		{"the client says nothing", saga.ClientPrice, order{example, nil}, protocol.Money{}, missing, "amount"},
		{"nothing to pay", saga.ClientPrice, order{example, money(0, "USD")}, protocol.Money{}, invalid, "amount"},
		{"less than nothing", saga.ClientPrice, order{example, money(-24999, "USD")}, protocol.Money{}, invalid, "amount"},

		{"both agree", saga.VerifyPrice, order{example, money(24999, "USD")}, *money(24999, "USD"), "", ""},
		{"both agree in yen", saga.VerifyPrice, order{items("yen", 3), money(1500, "JPY")}, *money(1500, "JPY"), "", ""},
		{"a cent less", saga.VerifyPrice, order{example, money(24998, "USD")}, protocol.Money{}, invalid, "amount"},
		{"a cent more", saga.VerifyPrice, order{example, money(25000, "USD")}, protocol.Money{}, invalid, "amount"},
		{"another currency", saga.VerifyPrice, order{example, money(24999, "EUR")}, protocol.Money{}, invalid, "currency"},
		{"an unknown product", saga.VerifyPrice, order{items("abc123", 2, "new", 1), money(24999, "USD")}, protocol.Money{}, invalid, "items[1].sku"},
		{"not said", saga.VerifyPrice, order{example, nil}, protocol.Money{}, missing, "amount"},
		{"said to be nothing", saga.VerifyPrice, order{items("gift", 1), money(0, "USD")}, protocol.Money{}, invalid, "amount"},
		{"said to be less", saga.VerifyPrice, order{example, money(-24999, "USD")}, protocol.Money{}, invalid, "amount"},
		{"two currencies to verify", saga.VerifyPrice, order{items("abc123", 1, "yen", 1), money(10500, "USD")}, protocol.Money{}, invalid, "items"},
		{"too dear to verify", saga.VerifyPrice, order{items("palace", 3), money(1, "USD")}, protocol.Money{}, invalid, "items"},
	} {
		t.Run(c.name, func(t *testing.T) {
			total, priced, err := price(c.policy, c.order, listed)
			if c.code != "" {
				isRefusal(t, err, c.code, c.field)
				return
			}
			if err != nil || total != c.want || priced != (c.want.Currency != "") {
				t.Errorf("got %v, %v, %v, want %v", total, priced, err, c.want)
			}
		})
	}
}

func isRefusal(t *testing.T, err error, code protocol.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok || e.Code != code || e.Field != field {
		t.Fatalf("got %v, want %s of %s", err, code, field)
	}
	if strings.ContainsAny(e.Message, "0123456789") || strings.Contains(e.Message, "USD") || strings.Contains(e.Message, "EUR") {
		t.Errorf("%q repeats a value", e.Message)
	}
}

// TestX8_WithoutAPriceList: only the client's word counts then.
func TestX8_WithoutAPriceList(t *testing.T) {
	p := &prices{}
	o := order{items("abc123", 1), money(10000, "USD")}
	for _, policy := range []saga.Pricing{saga.CatalogPrice, saga.VerifyPrice} {
		if _, _, err := p.price(policy, o); !errors.Is(err, &protocol.Error{Code: protocol.CodeUnavailable}) {
			t.Errorf("%s: got %v", policy, err)
		}
	}
	if total, priced, err := p.price(saga.ClientPrice, o); err != nil || !priced || total != *o.said {
		t.Errorf("got %v, %v, %v", total, priced, err)
	}
}

// TestD2_VerifyTakesOneTotal: of all totals that a client may name, just that of
// the catalogue passes, and the catalogue asks for just that.
func TestD2_VerifyTakesOneTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		least := rapid.Int64Range(1, 1<<40).Draw(t, "price")
		lines := []protocol.Line{
			{SKU: "a", Quantity: rapid.Int64Range(1, protocol.MaxQuantity).Draw(t, "a")},
			{SKU: "b", Quantity: rapid.Int64Range(1, protocol.MaxQuantity).Draw(t, "b")},
		}
		list := func(sku string) (protocol.Money, bool) {
			return protocol.Money{Minor: least + int64(sku[0]), Currency: "USD"}, true
		}
		total, _, err := price(saga.CatalogPrice, order{lines: lines}, list)
		if err != nil {
			t.Fatal(err)
		}
		said := total
		said.Minor += rapid.SampledFrom([]int64{0, -1, 1, 100, -100}).Draw(t, "off")
		got, priced, err := price(saga.VerifyPrice, order{lines: lines, said: &said}, list)
		if agrees := said == total; agrees != (err == nil) || agrees != (priced && got == total) {
			t.Fatalf("said %v, costs %v: got %v, %v, %v", said, total, got, priced, err)
		}
	})
}
