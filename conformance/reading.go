package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"amends/protocol"
)

// malformedIsRefused is C2.
func malformedIsRefused(t *trial) error {
	saga := t.saga()
	t.sagas[saga] = &standing{}
	good := string(encode(t.actionBody(saga)))
	for _, text := range []string{
		"", "{", "[]", "7", `"text"`, good + "x", good + good, "x" + good, "\ufeff" + good,
		strings.Replace(good, `"saga_id"`, "\"x\":\"\xff\",\"saga_id\"", 1),
		strings.Replace(good, `"saga_id"`, `"x":"\ud800","saga_id"`, 1),
		strings.Replace(good, `"saga_id"`, `"x":1,,"saga_id"`, 1),
		strings.Replace(good, `"saga_id"`, `"x":NaN,"saga_id"`, 1),
	} {
		if err := t.refuses(t.Profile.Action.Subject, []byte(text), protocol.CodeMalformedRequest, ""); err != nil {
			return err
		}
	}
	return nil
}

// duplicatesAreRefused is C3.
func duplicatesAreRefused(t *trial) error {
	saga := t.saga()
	t.sagas[saga] = &standing{}
	good := string(encode(t.actionBody(saga)))
	for _, more := range []string{
		`"saga_id":"` + saga + `"`, `"saga_id":"` + t.saga() + `"`, `"SAGA_ID":"` + saga + `"`, `"Step":` + strconv.Itoa(t.Profile.Step),
		`"x":1,"x":1`, `"x":1,"X":1`, `"x":{"y":1,"y":1}`, `"x":[{"y":1,"Y":2}]`,
	} {
		body := strings.TrimSuffix(good, "}") + "," + more + "}"
		if err := t.refuses(t.Profile.Action.Subject, []byte(body), protocol.CodeDuplicateField, ""); err != nil {
			return err
		}
	}
	return nil
}

// unknownIsIgnored is C4.
func unknownIsIgnored(t *trial) error {
	saga := t.saga()
	reply, err := t.do(saga, fields{"x_new": json.Number("1"), "x_deep": map[string]any{"a": []any{true}}, "compensating": nil, "x_null": nil})
	if err != nil {
		return err
	}
	if err := want(reply, accepted); err != nil {
		return err
	}
	body := t.undoBody(saga, nil)
	body["x_new"] = "text"
	for name := range t.Profile.Compensation.Send {
		body[name] = nil
	}
	if reply, err = t.undoWith(saga, body); err != nil {
		return err
	}
	return want(reply, accepted)
}

// badIdentifiers are texts that are no identifiers.
var badIdentifiers = []string{"a.b", "a b", "a*", ">", "a/b", "é", "a\n", "$x", strings.Repeat("a", protocol.MaxIDLength+1)}

// badIdentifiersAreRefused is C5.
func badIdentifiersAreRefused(t *trial) error {
	for _, bad := range badIdentifiers {
		body := encode(t.actionBody(t.saga(), fields{"saga_id": bad}))
		if err := t.refuses(t.Profile.Action.Subject, body, protocol.CodeInvalidID, "saga_id"); err != nil {
			return err
		}
		body = encode(t.command(t.Profile.Compensation.Type, bad, fields{"compensating": true}))
		if err := t.refuses(t.Profile.Compensation.Subject, body, protocol.CodeInvalidID, "saga_id"); err != nil {
			return err
		}
		for _, path := range t.Profile.Action.Identifiers {
			saga := t.saga()
			changed, err := replaced(t.actionBody(saga), path, bad)
			if err != nil {
				return err
			}
			if err := t.refusesAction(saga, changed, protocol.CodeInvalidID, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// boundsAreKept is C6.
func boundsAreKept(t *trial) error {
	many := make(map[string]any)
	for n := range protocol.MaxFields + 1 {
		many[fmt.Sprintf("x%d", n)] = json.Number("1")
	}
	var deep any = json.Number("1")
	for range protocol.MaxDepth {
		deep = map[string]any{"x": deep}
	}
	tooLarge := map[string]any{"bytes": strings.Repeat("x", protocol.MaxRequestBytes), "fields": many, "levels": deep}
	for name, value := range tooLarge {
		if err := t.refusesAction(t.saga(), fields{"x_" + name: value}, protocol.CodeTooLarge, ""); err != nil {
			return err
		}
	}
	for _, step := range []int{0, -1, protocol.MaxSteps + 1} {
		if err := t.refusesAction(t.saga(), fields{"step": json.Number(strconv.Itoa(step))}, protocol.CodeInvalidField, "step"); err != nil {
			return err
		}
	}
	return t.lineBoundsAreKept()
}

// lineBoundsAreKept is C6 for the lines of an order.
func (t *trial) lineBoundsAreKept() error {
	name := t.Profile.Action.Lines
	if name == "" {
		return nil
	}
	line := func(sku string, quantity int) map[string]any {
		return map[string]any{"sku": sku, "quantity": json.Number(strconv.Itoa(quantity))}
	}
	var many []any
	for n := range protocol.MaxLines + 1 {
		many = append(many, line(fmt.Sprintf("conform-%d", n), 1))
	}
	for _, c := range []struct {
		lines []any
		code  protocol.Code
		field string
	}{
		{many, protocol.CodeTooLarge, name},
		{[]any{line("abc123", 0)}, protocol.CodeInvalidField, name + "[0].quantity"},
		{[]any{line("abc123", protocol.MaxQuantity+1)}, protocol.CodeInvalidField, name + "[0].quantity"},
		{[]any{line("abc123", 1), line("abc123", 1)}, protocol.CodeInvalidField, name + "[1].sku"},
	} {
		if err := t.refusesAction(t.saga(), fields{name: c.lines}, c.code, c.field); err != nil {
			return err
		}
	}
	return nil
}

// unknownTypesAreRefused is C7.
func unknownTypesAreRefused(t *trial) error {
	body := encode(t.actionBody(t.saga(), fields{"type": "ConformNoSuchType"}))
	if err := t.refuses(t.Profile.Action.Subject, body, protocol.CodeUnknownType, "type"); err != nil {
		return err
	}
	body = encode(t.command("ConformNoSuchType", t.saga(), fields{"compensating": true}))
	return t.refuses(t.Profile.Compensation.Subject, body, protocol.CodeUnknownType, "type")
}

// directionIsChecked is C8.
func directionIsChecked(t *trial) error {
	for _, name := range []string{"compensating", "reversal"} {
		saga := t.saga()
		if err := t.refusesAction(saga, fields{name: true}, protocol.CodeInvalidField, name); err != nil {
			return err
		}
	}
	for _, value := range []any{false, nil} {
		body := encode(t.command(t.Profile.Compensation.Type, t.saga(), fields{"compensating": value}))
		if err := t.refuses(t.Profile.Compensation.Subject, body, protocol.CodeInvalidField, "compensating"); err != nil {
			return err
		}
	}
	return nil
}

// amountsAreExact is C9.
func amountsAreExact(t *trial) error {
	amount, currency := t.Profile.Action.Amount, t.Profile.Action.Currency
	if amount == "" {
		return skip("the commands of this service hold no amount")
	}
	usd := fields{}
	if currency != "" {
		usd[currency] = "USD"
	}
	for _, bad := range []any{json.Number("249.999"), json.Number("-1"), json.Number("1e2"), "249.99", json.Number("2.4999e2"), json.Number("99999999999999999999")} {
		if err := t.refusesAction(t.saga(), merged(usd, fields{amount: bad}), protocol.CodeInvalidField, amount); err != nil {
			return err
		}
	}
	if currency != "" { // a service may not know the yen at all
		if err := t.refusesAction(t.saga(), fields{amount: json.Number("1.5"), currency: "JPY"}, protocol.CodeInvalidField, ""); err != nil {
			return err
		}
	}
	for _, good := range []string{"249.9", "250", "0.07"} {
		reply, err := t.do(t.saga(), merged(usd, fields{amount: json.Number(good)}))
		if err != nil {
			return err
		}
		if err := want(reply, accepted); err != nil {
			return err
		}
	}
	return nil
}

func merged(all ...fields) fields {
	out := fields{}
	for _, f := range all {
		for name, value := range f {
			out[name] = value
		}
	}
	return out
}

var pathStep = regexp.MustCompile(`^([^.\[\]]+)|^\[(\d+)\]|^\.`)

// replaced returns the field of a body at the head of a path, with another text at
// its end, such as items[0].sku.
func replaced(body fields, path, text string) (fields, error) {
	var all map[string]any
	in := json.NewDecoder(strings.NewReader(string(encode(body))))
	in.UseNumber()
	if err := in.Decode(&all); err != nil {
		return nil, err
	}
	set := func(any) {}
	var at any = all
	for rest := path; rest != ""; {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("action.identifiers: %q is no path such as items[0].sku", path)
		}
		rest = rest[len(m[0]):]
		switch held := at.(type) {
		case map[string]any:
			if m[1] != "" {
				at, set = held[m[1]], func(value any) { held[m[1]] = value }
			}
		case []any:
			n, err := strconv.Atoi(m[2])
			if err != nil || n >= len(held) {
				return nil, fmt.Errorf("action.identifiers: action.accept has no %s", path)
			}
			at, set = held[n], func(value any) { held[n] = value }
		default:
			return nil, errors.New("action.identifiers: action.accept has no " + path)
		}
	}
	set(text)
	head := pathStep.FindString(path)
	return fields{head: all[head]}, nil
}
