package embedded_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/catalog"
	"amends/protocol"
)

// The development catalogue holds what the documents take for granted: the prices
// of document 000, whose example costs 249.99, and the stock of document 002
// (S2-15).
func TestTheFixturesOfTheDocuments(t *testing.T) {
	app := start(t, config(t, t.TempDir()))
	nc, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	list, err := catalog.Open(nc, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.Close() }()
	prices, err := list.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	total := protocol.Money{Currency: "USD"}
	for _, p := range prices.Products {
		price, err := p.Money()
		if err != nil {
			t.Error(err)
		}
		pieces := map[string]int64{"abc123": 2, "xyz789": 1}[p.SKU]
		if pieces == 0 {
			continue
		}
		cost, err := price.Times(pieces)
		if err != nil {
			t.Error(err)
		}
		if total, err = total.Add(cost); err != nil {
			t.Error(err)
		}
	}
	if total.String() != "249.99 USD" {
		t.Errorf("the example of document 000 costs %s", total)
	}
	for sku, onHand := range map[string]int{"product1": 100, "product2": 50, "product3": 25, "product4": 0} {
		m, err := nc.Request(protocol.SubjectStock, fmt.Appendf(nil, `{"sku":%q}`, sku), patience)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"on_hand":%d,`, onHand); !strings.Contains(string(m.Data), want) {
			t.Errorf("%s: got %s, want %s", sku, m.Data, want)
		}
	}
}
