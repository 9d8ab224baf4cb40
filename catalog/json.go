package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// unknownField is said of a field that no product has. It may be a slip of the
// pen, so it is a fault.
const unknownField = "is no field of a product: they are sku, name, price, currency and on_hand"

// jsonReader goes through the tokens of a JSON file.
type jsonReader struct {
	*reading
	tokens *json.Decoder
}

// json reads an array of objects, or an object that holds it as "products", as the
// command that lists the catalogue writes it.
func (r *reading) json() {
	j := jsonReader{r, json.NewDecoder(bytes.NewReader(r.data))}
	j.tokens.UseNumber()
	err := j.document()
	if err == nil {
		if _, end := j.tokens.Token(); !errors.Is(end, io.EOF) {
			r.fault(j.line(), "", "goes on after its end")
		}
		return
	}
	if errors.Is(err, io.EOF) {
		r.fault(r.lineAt(len(r.data)-1), "", "ends too early")
		return
	}
	line := j.line()
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		line = r.lineAt(int(e.Offset) - 1)
	}
	r.fault(line, "", fmt.Sprintf("is not JSON: %v", err))
}

// line is where the last token ended.
func (j *jsonReader) line() int { return j.lineAt(int(j.tokens.InputOffset()) - 1) }

func (j *jsonReader) document() error {
	token, err := j.tokens.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		return j.list()
	case json.Delim('{'):
		return j.wrapping()
	}
	j.fault(j.line(), "", "must be a list of products")
	return nil
}

// wrapping reads {"type":"catalog","products":[…]}.
func (j *jsonReader) wrapping() error {
	return j.object(func(name string, line int, value json.Token) error {
		switch {
		case name == "products" && value == json.Delim('['):
			return j.list()
		case name == "type" && value == TypeCatalog:
			return nil
		}
		j.fault(line, name, "does not belong here: a file is a list of products, or an object that holds one as products")
		return j.skip(value)
	})
}

// list reads products up to the end of an array.
func (j *jsonReader) list() error {
	for j.tokens.More() {
		token, err := j.tokens.Token()
		if err != nil {
			return err
		}
		if token == json.Delim('{') {
			err = j.product()
		} else {
			j.fault(j.line(), "", `must be a product, such as {"sku":"abc123","price":100.00,"currency":"USD"}`)
			err = j.skip(token)
		}
		if err != nil {
			return err
		}
	}
	_, err := j.tokens.Token()
	return err
}

func (j *jsonReader) product() error {
	to := row{line: j.line(), cells: make(map[string]cell)}
	err := j.object(func(name string, line int, value json.Token) error {
		if !isField(name) {
			j.fault(line, name, unknownField)
			return j.skip(value)
		}
		switch v := value.(type) {
		case nil:
		case string:
			if v != "" {
				j.set(&to, name, cell{line, v})
			}
		case json.Number:
			j.set(&to, name, cell{line, v.String()})
		default:
			j.fault(line, name, "must be a text or a number")
			return j.skip(value)
		}
		return nil
	})
	if err == nil {
		j.rows = append(j.rows, to)
	}
	return err
}

// object reads the fields of an object, whose brace has been read, up to its end.
func (j *jsonReader) object(field func(name string, line int, value json.Token) error) error {
	for j.tokens.More() {
		key, err := j.tokens.Token()
		if err != nil {
			return err
		}
		name, line := fmt.Sprint(key), j.line()
		value, err := j.tokens.Token()
		if err != nil {
			return err
		}
		if err := field(name, line, value); err != nil {
			return err
		}
	}
	_, err := j.tokens.Token()
	return err
}

// skip reads on to the end of a value that has begun.
func (j *jsonReader) skip(value json.Token) error {
	if value != json.Delim('{') && value != json.Delim('[') {
		return nil
	}
	for depth := 1; depth > 0; {
		token, err := j.tokens.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}
