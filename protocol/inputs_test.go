package protocol_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"amends/protocol"
)

// The same value always has the same form; what is not of the kind is refused with
// the name of the field.
func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		kind, raw, want string
		code            protocol.Code
	}{
		{"id", `"A7"`, `"A7"`, ""},
		{"id", `"\u00417"`, `"A7"`, ""},
		{"id", `"a b"`, "", protocol.CodeInvalidID},
		{"id", `7`, "", protocol.CodeInvalidField},
		{"text", `"Straße 1"`, `"Straße 1"`, ""},
		{"text", `""`, "", protocol.CodeMissingField},
		{"text", `"a\nb"`, "", protocol.CodeInvalidField},
		{"text", `"4111 1111 1111 1111"`, "", protocol.CodeInvalidField},
		{"text", `"` + strings.Repeat("x", protocol.MaxAddressBytes+1) + `"`, "", protocol.CodeTooLarge},
		{"lines", `[ {"quantity":2,"sku":"abc123"} ]`, `[{"sku":"abc123","quantity":2}]`, ""},
		{"lines", `[]`, "", protocol.CodeMissingField},
		{"lines", `{"sku":"abc123"}`, "", protocol.CodeInvalidField},
		{"lines", `[{"sku":"abc123","quantity":0}]`, "", protocol.CodeInvalidField},
		{"money", `249.99`, `249.99`, ""},
		{"money", `"249.99"`, "", protocol.CodeInvalidField},
		{"money", `1e2`, "", protocol.CodeInvalidField},
		{"integer", `-7`, `-7`, ""},
		{"integer", `7.0`, "", protocol.CodeInvalidField},
		{"integer", `9223372036854775808`, "", protocol.CodeInvalidField},
		{"boolean", `true`, `true`, ""},
		{"boolean", `1`, "", protocol.CodeInvalidField},
		{"json", "{ \"a\" : [1 , 2] }", `{"a":[1,2]}`, ""},
	} {
		got, err := protocol.Canonical(c.kind, "f", json.RawMessage(c.raw))
		if string(got) != c.want || c.code == "" && err != nil || c.code != "" && !errors.Is(err, &protocol.Error{Code: c.code}) {
			t.Errorf("%s %s: got %s and %v, want %s %s", c.kind, c.raw, got, err, c.want, c.code)
		}
	}
}

func TestFieldsAreThoseOfTheObject(t *testing.T) {
	fields, err := protocol.Fields([]byte(`{"a":1,"b":null,"c":{"a":2}}`))
	if err != nil || len(fields) != 2 || string(fields["a"]) != "1" || string(fields["c"]) != `{"a":2}` {
		t.Errorf("got %s, %v", fields, err)
	}
	if _, err := protocol.Fields([]byte(`[]`)); err == nil {
		t.Error("a list was taken")
	}
}
