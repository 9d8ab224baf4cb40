package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"amends/catalog"
)

// inWords tells products in one line.
func inWords(products []catalog.Product) string {
	var words []string
	for _, p := range products {
		onHand := ""
		if p.OnHand != nil {
			onHand = fmt.Sprint(" ", *p.OnHand)
		}
		words = append(words, fmt.Sprintf("%s[%s] %s %s%s", p.SKU, p.Name, p.Price, p.Currency, onHand))
	}
	return strings.Join(words, "; ")
}

// TestFormsAreOne: the same products in any form, with what people write in it.
func TestFormsAreOne(t *testing.T) {
	const want = "abc123[Desk lamp] 100.00 USD 10; xyz789[] 49.90 USD; yen[Ink, blue] 500 JPY 0"
	for name, text := range map[string]string{
		"a.yaml": "# prices\n- {sku: abc123, name: Desk lamp, price: 100.00, currency: USD, on_hand: 10}\n- sku: xyz789\n  price: \"49.9\"\n  currency: USD\n  name: ~\n- sku: yen\n  name: 'Ink, blue'\n  price: 500\n  currency: JPY\n  on_hand: 0\n",
		"a.YML":  "- {sku: abc123, name: Desk lamp, price: 100, currency: USD, on_hand: '10'}\r\n- {sku: xyz789, price: 49.90, currency: USD, on_hand: null}\r\n- {sku: yen, name: \"Ink, blue\", price: 500, currency: JPY, on_hand: 0}\r\n",
		"a.json": `[{"sku":"abc123","name":"Desk lamp","price":100.00,"currency":"USD","on_hand":10},{"sku":"xyz789","price":"49.90","currency":"USD","name":null},{"sku":"yen","name":"Ink, blue","price":500,"currency":"JPY","on_hand":0}]`,
		"b.json": "{\"type\":\"catalog\",\n\t\"products\":[{\"currency\":\"USD\",\"sku\":\"abc123\",\"name\":\"Desk\\u0020lamp\",\"price\":100,\"on_hand\":10},\n\t{\"sku\":\"xyz789\",\"price\":49.9,\"currency\":\"USD\"},{\"sku\":\"yen\",\"name\":\"Ink, blue\",\"price\":500,\"currency\":\"JPY\",\"on_hand\":0}]}",
		"a.csv":  "sku,name,price,currency,on_hand\nabc123,Desk lamp,100.00,USD,10\nxyz789,,49.90,USD,\nyen,\"Ink, blue\",500,JPY,0\n",
		"b.csv":  "\ufeffcurrency, price, on_hand, sku, name\r\n# a comment\r\nUSD, 100, 10, abc123, Desk lamp\r\n\r\nUSD, 49.9, , xyz789,\r\nJPY, 500, 0, yen, \"Ink, blue\"\r\n",
	} {
		products, err := catalog.Parse("/some/where/"+name, []byte(text))
		if err != nil || inWords(products) != want {
			t.Errorf("%s: got %s, %v", name, inWords(products), err)
		}
	}
}

// faulty are files and what is said of them; more may be said after it.
var faulty = []struct{ name, text, want string }{
	{"f.yaml", "- {sku: a, price: 1, currency: USD}\n- sku: b c\n  price: 1.999\n  currency: USD\n- sku: a\n  price: -1\n  currency: USD\n  on_hand: -1\n  colour: red\n- {price: 1}\n- lamp\n", `
f.yaml:2: sku may hold only letters, digits, _ and -
f.yaml:3: price may have at most 2 digits after the point in this currency
f.yaml:5: sku stands in line 1 already
f.yaml:6: price must not be negative
f.yaml:8: on_hand must be a number of pieces, from 0, such as 100
f.yaml:9: colour is no field of a product: they are sku, name, price, currency and on_hand
f.yaml:10: sku is required
f.yaml:10: currency is required
f.yaml:11: must be a product, such as {sku: abc123, price: 100.00, currency: USD}`},
	{"f.yaml", "- sku: a\n  sku: b\n  price: 1e2\n  currency: usd\n  name: |\n    two\n    lines\n  on_hand: 1.5\n- sku: [a]\n  price: {x: 1}\n  currency: !!str USD\n- <<: {sku: a}\n", `
f.yaml:2: sku stands in this row already
f.yaml:4: currency must be a currency code of ISO 4217 in capitals, such as USD
f.yaml:5: name must not hold control characters, such as line breaks
f.yaml:8: on_hand must be a number of pieces, from 0, such as 100
f.yaml:9: sku must be a plain text or number
f.yaml:9: sku is required
f.yaml:9: currency is required
f.yaml:10: price must be a plain text or number
f.yaml:11: currency must be a plain text or number
f.yaml:12: << is no field of a product: they are sku, name, price, currency and on_hand
f.yaml:12: sku is required
f.yaml:12: currency is required`},
	{"f.yaml", "products:\n  - a\n", "\nf.yaml:1: must be a list of products, each beginning with a dash"},
	{"f.yaml", "- {sku: a, price: 1\n", "\nf.yaml:1: "},
	{"f.yaml", "", "\nf.yaml:1: holds no products"},
	{"f.yaml", "# nothing\n", "\nf.yaml:1: holds no products"},
	{"f.json", "[\n{\"sku\":\"a\",\"price\":1e2,\"currency\":\"USD\"},\n{\"sku\":\"a b\",\n \"price\":true,\n \"currency\":\"USD\",\"SKU\":\"b\",\n \"sku\":\"c\"},\n7,\n[{\"a\":[1]}],\n{\"sku\":\"d\",\"price\":1,\"currency\":{\"a\":1}}\n]", `
f.json:2: price must be written without an exponent, such as 249.99
f.json:3: sku may hold only letters, digits, _ and -
f.json:3: price is required
f.json:4: price must be a text or a number
f.json:5: SKU is no field of a product: they are sku, name, price, currency and on_hand
f.json:6: sku stands in this row already
f.json:7: must be a product, such as {"sku":"abc123","price":100.00,"currency":"USD"}
f.json:8: must be a product, such as {"sku":"abc123","price":100.00,"currency":"USD"}
f.json:9: currency must be a text or a number
f.json:9: currency is required`},
	{"f.json", "[\n{\"sku\":\"a\",\"price\":1,\"currency\":\"USD\"}\n", "\nf.json:2: ends too early"},
	{"f.json", "[\n{\"sku\":\"a\" \"price\":1}]", "\nf.json:2: is not JSON: "},
	{"f.json", "[{\"sku\":\"a\",\"price\":1,\"currency\":\"USD\"}]\n[]", "\nf.json:2: goes on after its end"},
	{"f.json", "{\"type\":\"stock\",\"products\":[{\"sku\":\"a\",\"price\":1,\"currency\":\"USD\"}]}", "\nf.json:1: type does not belong here"},
	{"f.json", "7", "\nf.json:1: must be a list of products"},
	{"f.json", "", "\nf.json:1: ends too early"},
	{"f.json", "[]", "\nf.json:1: holds no products"},
	{"f.csv", "sku,price,currency\na,1,USD\n\"b\nc\",1,USD\nd,1\ne,x,USD\nf,1,\na,1,USD\n", `
f.csv:3: sku may hold only letters, digits, _ and -
f.csv:5: has 2 columns, the heading 3
f.csv:6: price must be a decimal number, such as 249.99
f.csv:7: currency is required
f.csv:8: sku stands in line 2 already`},
	{"f.csv", "sku,price,colour,sku\na,1,red,a\n", `
f.csv:1: colour is no column of products: they are sku, name, price, currency and on_hand, separated by commas
f.csv:1: sku stands in the heading twice
f.csv:1: currency is missing in the heading`},
	{"f.csv", "sku;price;currency\na;1;USD\n", "\nf.csv:1: sku;price;currency is no column of products: they are sku, name, price, currency and on_hand, separated by commas"},
	{"f.csv", "sku,price,currency\na,1,USD\nb\"b,1,USD\nc,1,USD\n", "\nf.csv:3: is not CSV: "},
	{"f.csv", "", "\nf.csv:1: holds no products"},
	{"f.csv", "sku,price,currency\n", "\nf.csv:1: holds no products"},
	{"f.csv", "sku,price,currency\na,1,USD\n\xff,1,USD\n", "\nf.csv:3: is not UTF-8"},
	{"f.txt", "a", "\nf.txt:1: is of no form that is known"},
	{"f", "a", "\nf:1: is of no form that is known"},
}

// TestAllFaultsAreTold, each in the line where it stands.
func TestAllFaultsAreTold(t *testing.T) {
	for _, c := range faulty {
		_, err := catalog.Parse("folder/"+c.name, []byte(c.text))
		faults, ok := errors.AsType[catalog.Faults](err)
		if !ok || !strings.HasPrefix("\n"+faults.Error(), c.want) {
			t.Errorf("%s\n%s\ngot\n%v\nwant%s", c.name, c.text, err, c.want)
		}
	}
}

// TestALargeFileIsRefused before it is read.
func TestALargeFileIsRefused(t *testing.T) {
	if _, err := catalog.Parse("f.csv", make([]byte, 64<<20+1)); err == nil || !strings.Contains(err.Error(), "is larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse: whatever stands in a file, there are products that can be imported,
// or faults that name a line of it.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"- {sku: a, price: 1, currency: USD}", "- &x a\n- *x", "a: |\n b", "[{\"sku\":\"a\",\"price\":1,\"currency\":\"USD\"}]",
		"{\"products\":[{}]}", "sku,price,currency\na,1,USD", "\"", "- !!binary a", "? a\n: b", "---\n- a\n---\n- b\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"f.yaml", "f.json", "f.csv"} {
			products, err := catalog.Parse(name, []byte(text))
			faults, _ := errors.AsType[catalog.Faults](err)
			if (err == nil) != (len(faults) == 0) || (err == nil) != (len(products) > 0) {
				t.Fatalf("%s: %d products and %v", name, len(products), err)
			}
			for _, fault := range faults {
				if fault.Line < 1 || fault.Line > 1+strings.Count(text, "\n")+strings.Count(text, "\r") || fault.Problem == "" {
					t.Errorf("%s: %v", name, fault)
				}
			}
			for _, p := range products {
				if err := p.Validate(); err != nil {
					t.Errorf("%s: %+v: %v", name, p, err)
				}
			}
		}
	})
}
