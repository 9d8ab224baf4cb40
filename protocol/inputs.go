package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// Kinds of the fields that a definition may ask of its clients.
const (
	FieldID      = "id"      // an identifier of ours: A–Z a–z 0–9 _ -
	FieldText    = "text"    // up to MaxAddressBytes, without control characters and card numbers
	FieldLines   = "lines"   // the lines of an order
	FieldMoney   = "money"   // a decimal number; the field currency says of what
	FieldInteger = "integer" // of 64 bits
	FieldBoolean = "boolean"
	FieldJSON    = "json" // anything within the bounds of a message
)

// Fields returns the fields of one JSON object as they stand in data, without
// those that are null. The data must have passed Decode.
func Fields(data []byte) (map[string]json.RawMessage, error) {
	s := newScanner(data)
	defer s.release()
	if fault := s.scan(openShape); fault != nil {
		return nil, fault
	}
	fields := make(map[string]json.RawMessage, len(s.members))
	for _, m := range s.members {
		if value := data[m.value.start:m.value.end:m.value.end]; !isNull(value) {
			fields[string(s.name(m.key))] = value
		}
	}
	return fields, nil
}

// Canonical checks the value of a field of that kind and returns it in the one
// form that the same value always has, so that a repeated request is told from
// another one (A7). The error is an *Error.
func Canonical(kind, field string, raw json.RawMessage) (json.RawMessage, error) {
	switch kind {
	case FieldID, FieldText:
		return canonicalText(kind, field, raw)
	case FieldLines:
		return canonicalLines(field, raw)
	case FieldMoney:
		return canonicalNumber(field, raw)
	case FieldInteger:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return json.RawMessage(strconv.FormatInt(n, 10)), nil
		}
		return nil, invalid(field, "must be an integer of 64 bits")
	case FieldBoolean:
		if text := string(raw); text == "true" || text == "false" {
			return raw, nil
		}
		return nil, invalid(field, "must be true or false")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, invalid(field, "must be JSON")
	}
	return compact.Bytes(), nil
}

func canonicalText(kind, field string, raw json.RawMessage) (json.RawMessage, error) {
	var text string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return nil, invalid(field, "must be a text")
	}
	err := checkNoCard(field, text)
	if err == nil && kind == FieldID {
		err = CheckID(field, text)
	} else if err == nil {
		err = checkText(field, text, MaxAddressBytes)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(text)
}

func canonicalLines(field string, raw json.RawMessage) (json.RawMessage, error) {
	var lines []Line
	if json.Unmarshal(raw, &lines) != nil {
		return nil, invalid(field, "must be a list of lines with sku and quantity")
	}
	if err := checkLines(lines); err != nil {
		return nil, err
	}
	return json.Marshal(lines)
}

// mostDigits is how many digits after the point any currency has.
const mostDigits = 4

// canonicalNumber checks the form only: what a number of digits means depends on
// the currency.
func canonicalNumber(field string, raw json.RawMessage) (json.RawMessage, error) {
	var amount Decimal
	if err := amount.UnmarshalJSON(raw); err != nil || amount == "" {
		return nil, invalid(field, "must be a decimal number")
	}
	if err := checkAmount(field, string(amount), mostDigits); err != nil {
		return nil, err
	}
	return json.RawMessage(amount), nil
}

// WithFields returns a request with other values for some of its fields. Fields
// that differ from these in the case of their names only are unknown, and left
// out: beside the others they would be duplicates. The data must have passed
// Decode.
func WithFields(data []byte, values map[string]json.RawMessage) ([]byte, error) {
	fields, err := Fields(data)
	if err != nil {
		return nil, err
	}
	for name := range fields {
		for ours := range values {
			if strings.EqualFold(name, ours) {
				delete(fields, name)
			}
		}
	}
	maps.Copy(fields, values)
	var whole bytes.Buffer
	out := json.NewEncoder(&whole)
	out.SetEscapeHTML(false) // else the request grows
	if err := out.Encode(fields); err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	return bytes.TrimSuffix(whole.Bytes(), []byte("\n")), nil
}
