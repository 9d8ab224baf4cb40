package saga

import (
	"fmt"
	"slices"
)

// document000 is what a client sends when the definition does not say (S0-06).
var document000 = []Input{
	{Name: "user_id", Kind: IDInput}, {Name: "items", Kind: LinesInput}, {Name: "shipping_address", Kind: TextInput},
}

// Inputs is what a client sends.
func (d *Definition) Inputs() []Input {
	if len(d.Request) == 0 {
		return document000
	}
	return d.Request
}

// isAsked reports whether requests have a field: the client sends it, or the
// price list gives it.
func (c *checker) isAsked(field string) bool {
	if (field == "amount" || field == "currency") && c.def.Pricing != NoPrice {
		return true
	}
	return slices.ContainsFunc(c.def.Inputs(), func(in Input) bool { return in.Name == field })
}

// reserved are the fields that every request may have.
var reserved = []string{"type", "msg_id", "saga_id", "definition", "wait_ms"}

// usual are the fields whose meaning is the same in every request.
var usual = map[string]InputKind{
	"user_id": IDInput, "items": LinesInput, "shipping_address": TextInput, "amount": MoneyInput, "currency": TextInput,
}

// request checks what is asked of clients.
func (c *checker) request() {
	inputs := c.def.Inputs()
	for i, in := range inputs {
		path := fmt.Sprintf("request[%d]", i)
		c.name(path+".name", in.Name)
		c.when(slices.Contains(reserved, in.Name), path+".name", "is a field that every request has")
		c.when(slices.ContainsFunc(inputs[:i], func(o Input) bool { return o.Name == in.Name }), path+".name", "stands there twice")
		switch in.Kind {
		case IDInput, TextInput, LinesInput, MoneyInput, IntegerInput, BooleanInput, JSONInput:
		default:
			c.when(true, path+".kind", "must be id, text, lines, money, integer, boolean or json")
		}
		if kind, ok := usual[in.Name]; ok {
			c.when(in.Kind != kind, path+".kind", "must be "+string(kind)+": the field means the same in every saga")
		}
	}
	c.pricing()
	if c.def.StartOn != nil {
		c.trigger(c.def.StartOn)
	}
}

func (c *checker) pricing() {
	switch c.def.Pricing {
	case CatalogPrice, VerifyPrice:
		priced := slices.ContainsFunc(c.def.Inputs(), func(in Input) bool { return in.Name == "items" && !in.Optional })
		c.when(!priced, "pricing", "must be client or none: there are no items that the catalogue could price")
	case ClientPrice, NoPrice:
	default:
		c.when(true, "pricing", "must be catalog, client, verify or none")
	}
}

func (c *checker) trigger(t *Trigger) {
	c.subject("start_on.subject", t.Subject, "checkout", "saga", "timer")
	c.when(t.Stream != "" && !isName(t.Stream), "start_on.stream", "must be the name of a stream")
	c.when(!isPath(t.SagaID), "start_on.saga_id", "must name a field of the event")
	for i, m := range t.Take {
		path := fmt.Sprintf("start_on.take[%d]", i)
		c.when(!c.isAsked(m.Name), path, fmt.Sprintf("%q is no field of the request", m.Name))
		c.when(!isPath(m.From), path, "must name a field of the event")
		for _, f := range m.Each {
			c.when(!isName(f.Name) || !isName(f.From), path, "must name fields of each element")
		}
	}
}

// isPath takes a field of the event.
func isPath(text string) bool { return isName(text) }
