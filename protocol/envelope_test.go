package protocol_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"amends/protocol"
)

// A4: a request may stand in an envelope, in any legal spelling; whatever is none
// is left as it is, and what is wrong is told as everywhere.
func TestA4_Unwrap(t *testing.T) {
	for data, want := range map[string]string{
		`{"src":"c1","dest":"n","body":{"a":1}}`:  `{"a":1}`,
		`{"body":{"a":1},"src":"c1"}`:             `{"a":1}`,
		`{"dest":"n","\u0062ody": {"a":1} }`:      `{"a":1}`,
		`{"src":"c1","body":"init"}`:              `"init"`,
		`{"body":{"a":1}}`:                        "",
		`{"src":"c1","dest":"n"}`:                 "",
		`{"src":"c1","body":null}`:                "",
		`{"src":null,"dest":null,"body":{"a":1}}`: "",
		`{"user_id":"u\u0034","text":"body"}`:     "",
		`{"items":[{"src":"c1","body":{"a":1}}]}`: "",
		`{"BODY":{"a":1},"src":"c1"}`:             "",
	} {
		e, body, err := protocol.Unwrap([]byte(data))
		if err != nil || (e != nil) != (want != "") {
			t.Errorf("%s: %v, %v", data, e, err)
		}
		if want == "" {
			want = data
		}
		if string(body) != want {
			t.Errorf("%s holds %s, want %s", data, body, want)
		}
	}
	for data, want := range map[string]protocol.Error{
		`{"src":1,"body":{}}`:                                   {Code: protocol.CodeInvalidField, Field: "src"},
		`{"src":"a\nb","body":{}}`:                              {Code: protocol.CodeInvalidField, Field: "src"},
		`{"dest":"` + strings.Repeat("x", 129) + `","body":{}}`: {Code: protocol.CodeTooLarge, Field: "dest"},
		`{"src":"c1","body":{"a":1,"A":2}}`:                     {Code: protocol.CodeDuplicateField},
		`{"src":"c1","body":{}}{}`:                              {Code: protocol.CodeMalformedRequest},
	} {
		_, _, err := protocol.Unwrap([]byte(data))
		e, ok := errors.AsType[*protocol.Error](err)
		if !ok || e.Code != want.Code || want.Field != "" && e.Field != want.Field {
			t.Errorf("%s is refused with %v, want %s of %q", data, err, want.Code, want.Field)
		}
	}
}

// An answer goes back the way that its request came.
func TestA4_Answer(t *testing.T) {
	for _, c := range []struct{ asked, answered string }{
		{`{"src":"c1","dest":"n","body":{}}`, `{"src":"n","dest":"c1","body":{"ok":true}}`},
		{`{"src":"c1","body":{}}`, `{"src":"checkout_orchestrator","dest":"c1","body":{"ok":true}}`},
	} {
		e, _, err := protocol.Unwrap([]byte(c.asked))
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(e.Answer(json.RawMessage(`{"ok":true}`)))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.answered {
			t.Errorf("%s is answered %s, want %s", c.asked, got, c.answered)
		}
	}
}

// A field that is set takes the place of every spelling of itself, and nothing
// grows by being passed on.
func TestWithFields(t *testing.T) {
	set := map[string]json.RawMessage{"saga_id": json.RawMessage(`"s1"`)}
	for data, want := range map[string]string{
		`{}`:                           `{"saga_id":"s1"}`,
		`{"saga_id":null,"a":1.50}`:    `{"a":1.50,"saga_id":"s1"}`,
		`{"SAGA_ID":"x","saga_Id":{}}`: "", // no request: one name in two spellings
		`{"SAGA_ID":"x","a":"<&>é\u00e9\u2028"}`: `{"a":"<&>é\u00e9\u2028","saga_id":"s1"}`,
	} {
		got, err := protocol.WithFields([]byte(data), set)
		if (err == nil) != (want != "") || string(got) != want {
			t.Errorf("%s becomes %s, %v, want %s", data, got, err, want)
		}
	}
}
