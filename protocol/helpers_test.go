package protocol_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"amends/protocol"
)

// The codes of refusals, short enough for tables.
const (
	malformed   = protocol.CodeMalformedRequest
	duplicate   = protocol.CodeDuplicateField
	missing     = protocol.CodeMissingField
	invalid     = protocol.CodeInvalidField
	badID       = protocol.CodeInvalidID
	unknownType = protocol.CodeUnknownType
	tooLarge    = protocol.CodeTooLarge
)

// validator is every message that checks itself.
type validator interface{ Validate() error }

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sagaID(t testing.TB, text string) protocol.SagaID {
	t.Helper()
	id, err := protocol.ParseSagaID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func action(name string) protocol.Command {
	return protocol.Command{Type: name, SagaID: "checkout42", Step: 1}
}

func compensation(name string) protocol.Command {
	return protocol.Command{Type: name, SagaID: "checkout42", Step: 1, Compensating: true}
}

// checkRefusal holds err to a code and a field, and to not repeating the value.
func checkRefusal(t *testing.T, err error, code protocol.Code, field string) {
	t.Helper()
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Code != code || e.Field != field {
		t.Errorf("got %q of field %q, want %s of %q", e.Code, e.Field, code, field)
	}
	if strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), "4111") {
		t.Errorf("%v repeats the input", e)
	}
}
