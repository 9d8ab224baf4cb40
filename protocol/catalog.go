package protocol

// Product is one row of the price list: the JSON value in bucket CATALOG under
// the key <sku> (A2). Price is per piece, in the currency.
type Product struct {
	SKU      string  `json:"sku"`
	Name     string  `json:"name,omitempty"`
	Price    Decimal `json:"price"`
	Currency string  `json:"currency"`
}

// Validate checks the row. Errors are *Error with the field at fault.
func (p Product) Validate() error {
	if _, err := ParseSKU("sku", p.SKU); err != nil {
		return err
	}
	if p.Name != "" {
		if err := checkText("name", p.Name, MaxNameBytes); err != nil {
			return err
		}
	}
	_, err := p.Money()
	return err
}

// Money is the price of one piece, exactly.
func (p Product) Money() (Money, error) { return ParseMoney("price", p.Price, p.Currency) }
