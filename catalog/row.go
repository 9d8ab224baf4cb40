package catalog

import (
	"errors"
	"fmt"
	"strconv"

	"amends/protocol"
)

// The fields of a row.
const (
	fieldSKU      = "sku"
	fieldName     = "name"
	fieldPrice    = "price"
	fieldCurrency = "currency"
	fieldOnHand   = "on_hand"
)

// isField tells the fields that a row may have.
func isField(name string) bool {
	switch name {
	case fieldSKU, fieldName, fieldPrice, fieldCurrency, fieldOnHand:
		return true
	}
	return false
}

// products makes a product of every row, and finds all that is wrong with them.
func (r *reading) products() []Product {
	products := make([]Product, 0, len(r.rows))
	lines := make(map[string]int, len(r.rows))
	for _, row := range r.rows {
		p := r.product(row)
		if first, twice := lines[p.SKU]; twice && p.SKU != "" {
			r.fault(row.cells[fieldSKU].line, fieldSKU, fmt.Sprintf("stands in line %d already", first))
		} else {
			lines[p.SKU] = row.cells[fieldSKU].line
		}
		products = append(products, p)
	}
	if len(products) == 0 && len(r.faults) == 0 {
		r.fault(1, "", "holds no products")
	}
	return products
}

// product checks each field of a row by itself, so that no fault hides another.
func (r *reading) product(row row) Product {
	text := func(field string) string { return row.cells[field].text }
	p := Product{Product: protocol.Product{SKU: text(fieldSKU), Name: text(fieldName), Currency: text(fieldCurrency)}}
	r.check(row, protocol.CheckID(fieldSKU, p.SKU))
	r.check(row, nameError(p.Name))
	price, err := protocol.ParseMoney(fieldPrice, protocol.Decimal(text(fieldPrice)), p.Currency)
	r.check(row, err)
	p.Price = price.Decimal()
	p.OnHand = r.onHand(row)
	return p
}

// nameError checks a name as protocol does in a product that has no other fault.
func nameError(name string) error {
	return protocol.Product{SKU: "sku", Name: name, Price: "1", Currency: protocol.DefaultCurrency}.Validate()
}

// check notes what protocol says against a field. What is absent is missed in the
// line where the row begins.
func (r *reading) check(row row, err error) {
	e, wrong := errors.AsType[*protocol.Error](err)
	if !wrong {
		return
	}
	line := row.line
	if c, there := row.cells[e.Field]; there {
		line = c.line
	}
	r.fault(line, e.Field, e.Message)
}

func (r *reading) onHand(row row) *int64 {
	c, there := row.cells[fieldOnHand]
	if !there {
		return nil
	}
	pieces, err := strconv.ParseInt(c.text, 10, 64)
	if err != nil || pieces < 0 || c.text[0] == '+' {
		r.fault(c.line, fieldOnHand, "must be a number of pieces, from 0, such as 100")
		return nil
	}
	return &pieces
}
