package protocol_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"amends/protocol"
)

// sample has a field of every kind that a message may have.
type sample struct {
	protocol.Command
	Note   string              `json:"note"`
	Lines  []protocol.Line     `json:"lines"`
	Amount protocol.Decimal    `json:"amount"`
	Wait   *int64              `json:"wait"`
	Small  int8                `json:"small"`
	Count  uint64              `json:"count"`
	Extra  json.RawMessage     `json:"extra"`
	Free   map[string]string   `json:"free"`
	Self   selfMade            `json:"self"`
	Names  []string            `json:"names"`
	Nested struct{ Deep bool } `json:"nested"`
	Hidden string              `json:"-"`
	Again  *sample             `json:"again"`
}

// selfMade decodes itself, and does not like exclamation marks.
type selfMade struct{ text string }

func (s *selfMade) UnmarshalJSON(data []byte) error {
	if strings.Contains(string(data), "!") {
		return errors.New("refusing " + string(data))
	}
	return json.Unmarshal(data, &s.text)
}

func nested(depth int) string {
	return `{"extra":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
	}
	return "{" + b.String()[1:] + "}"
}

// TestDecodeBadInput is the table of bad inputs (reliability.md §4e) as far as
// it concerns form, not meaning.
func TestDecodeBadInput(t *testing.T) {
	for _, c := range []struct {
		name, input string
		code        protocol.Code
		field       string
	}{
		{"empty", ``, protocol.CodeMalformedRequest, ""},
		{"white space", " \n", protocol.CodeMalformedRequest, ""},
		{"not JSON", `hello`, protocol.CodeMalformedRequest, ""},
		{"array", `[]`, protocol.CodeMalformedRequest, ""},
		{"string", `"canary"`, protocol.CodeMalformedRequest, ""},
		{"number", `4711`, protocol.CodeMalformedRequest, ""},
		{"null", `null`, protocol.CodeMalformedRequest, ""},
		{"cut in a name", `{"note`, protocol.CodeMalformedRequest, ""},
		{"cut after a name", `{"note"`, protocol.CodeMalformedRequest, ""},
		{"cut after the colon", `{"note":`, protocol.CodeMalformedRequest, ""},
		{"cut in a word", `{"wait":nul`, protocol.CodeMalformedRequest, ""},
		{"cut in an array", `{"lines":[`, protocol.CodeMalformedRequest, ""},
		{"cut in an escape", `{"note":"\`, protocol.CodeMalformedRequest, ""},
		{"cut in a unicode escape", `{"note":"\u00`, protocol.CodeMalformedRequest, ""},
		{"no colon", `{"note" "canary"}`, protocol.CodeMalformedRequest, ""},
		{"name without quotes", `{note:"canary"}`, protocol.CodeMalformedRequest, ""},
		{"single quotes", `{'note':'canary'}`, protocol.CodeMalformedRequest, ""},
		{"comma before the brace", `{"note":"canary",}`, protocol.CodeMalformedRequest, ""},
		{"comma before the bracket", `{"names":["canary",]}`, protocol.CodeMalformedRequest, ""},
		{"no comma", `{"note":"canary" "step":1}`, protocol.CodeMalformedRequest, ""},
		{"comment", `{/* canary */}`, protocol.CodeMalformedRequest, ""},
		{"NaN", `{"amount":NaN}`, protocol.CodeMalformedRequest, ""},
		{"infinity", `{"amount":-Infinity}`, protocol.CodeMalformedRequest, ""},
		{"leading zero", `{"step":01}`, protocol.CodeMalformedRequest, ""},
		{"leading plus", `{"step":+1}`, protocol.CodeMalformedRequest, ""},
		{"point without digits", `{"amount":1.}`, protocol.CodeMalformedRequest, ""},
		{"exponent without digits", `{"amount":1e+}`, protocol.CodeMalformedRequest, ""},
		{"lone minus", `{"amount":-}`, protocol.CodeMalformedRequest, ""},
		{"capital word", `{"compensating":True}`, protocol.CodeMalformedRequest, ""},
		{"trailing garbage", `{"note":""} canary`, protocol.CodeMalformedRequest, ""},
		{"second object", `{}{}`, protocol.CodeMalformedRequest, ""},
		{"trailing NUL", "{}\x00", protocol.CodeMalformedRequest, ""},
		{"byte order mark", "\xef\xbb\xbf{}", protocol.CodeMalformedRequest, ""},
		{"invalid UTF-8", "{\"note\":\"canary\xff\"}", protocol.CodeMalformedRequest, ""},
		{"invalid UTF-8 in a name", "{\"\xc3\x28\":1}", protocol.CodeMalformedRequest, ""},
		{"encoded surrogate", "{\"note\":\"\xed\xa0\x80\"}", protocol.CodeMalformedRequest, ""},
		{"overlong UTF-8", "{\"note\":\"\xc0\xaf\"}", protocol.CodeMalformedRequest, ""},
		{"first half of a surrogate pair", `{"note":"\ud83d canary"}`, protocol.CodeMalformedRequest, ""},
		{"second half of a surrogate pair", `{"note":"\udca9"}`, protocol.CodeMalformedRequest, ""},
		{"two first halves", `{"note":"\ud83d\ud83d"}`, protocol.CodeMalformedRequest, ""},
		{"half pair before an escape", `{"note":"\ud83d\n"}`, protocol.CodeMalformedRequest, ""},
		{"unknown escape", `{"note":"\x41"}`, protocol.CodeMalformedRequest, ""},
		{"no hexadecimal digit", `{"note":"\u00g0"}`, protocol.CodeMalformedRequest, ""},
		{"raw control character", "{\"note\":\"a\nb\"}", protocol.CodeMalformedRequest, ""},

		{"duplicate name", `{"saga_id":"canary","saga_id":"b"}`, protocol.CodeDuplicateField, "saga_id"},
		{"case variant", `{"saga_id":"canary","SAGA_ID":"b"}`, protocol.CodeDuplicateField, "SAGA_ID"},
		{"escaped spelling", `{"saga_id":"canary","saga\u005fid":"b"}`, protocol.CodeDuplicateField, `saga\u005fid`},
		{"long s", `{"saga_id":"canary","ſaga_id":"b"}`, protocol.CodeDuplicateField, "ſaga_id"},
		{"Kelvin sign", `{"k":"canary","K":"b"}`, protocol.CodeDuplicateField, "K"},
		{"duplicate in a line", `{"lines":[{},{"sku":"a","Sku":"b"}]}`, protocol.CodeDuplicateField, "lines[1].Sku"},
		{"duplicate in the unknown", `{"x":{"y":[0,{"z":1,"z":1}]}}`, protocol.CodeDuplicateField, "x.y[1].z"},
		{"duplicate in the opaque", `{"extra":{"a":1,"a":1}}`, protocol.CodeDuplicateField, "extra.a"},
		{"duplicate before a type error", `{"note":1,"step":1,"step":2}`, protocol.CodeDuplicateField, "step"},

		{"64 KiB and one", `{"note":"` + strings.Repeat("x", protocol.MaxRequestBytes-10) + `"}`, protocol.CodeTooLarge, ""},
		{"1 MiB", strings.Repeat(" ", 1<<20), protocol.CodeTooLarge, ""},
		{"17 levels", nested(protocol.MaxDepth + 1), protocol.CodeTooLarge, ""},
		{"10,000 levels", nested(10_000), protocol.CodeTooLarge, ""},
		{"unclosed levels", strings.Repeat(`{"a":`, 10_000), protocol.CodeTooLarge, ""},
		{"257 fields", manyFields(protocol.MaxFields + 1), protocol.CodeTooLarge, ""},

		{"number for text", `{"note":4711}`, protocol.CodeInvalidField, "note"},
		{"object for text", `{"note":{"canary":1}}`, protocol.CodeInvalidField, "note"},
		{"text for number", `{"amount":"4711"}`, protocol.CodeInvalidField, "amount"},
		{"text for integer", `{"step":"4711"}`, protocol.CodeInvalidField, "step"},
		{"point in an integer", `{"lines":[{"quantity":2.0}]}`, protocol.CodeInvalidField, "lines[0].quantity"},
		{"exponent in an integer", `{"lines":[{},{"quantity":1e2}]}`, protocol.CodeInvalidField, "lines[1].quantity"},
		{"over int64", `{"lines":[{"quantity":9223372036854775808}]}`, protocol.CodeInvalidField, "lines[0].quantity"},
		{"far over int64", `{"wait":` + strings.Repeat("9", 400) + `}`, protocol.CodeInvalidField, "wait"},
		{"over int8", `{"small":128}`, protocol.CodeInvalidField, "small"},
		{"below uint64", `{"count":-1}`, protocol.CodeInvalidField, "count"},
		{"over uint64", `{"count":18446744073709551616}`, protocol.CodeInvalidField, "count"},
		{"word for bool", `{"compensating":"true"}`, protocol.CodeInvalidField, "compensating"},
		{"bool for text", `{"note":false}`, protocol.CodeInvalidField, "note"},
		{"object for array", `{"lines":{"sku":"canary"}}`, protocol.CodeInvalidField, "lines"},
		{"array for object", `{"nested":[]}`, protocol.CodeInvalidField, "nested"},
		{"text in an array of objects", `{"lines":[{},"canary"]}`, protocol.CodeInvalidField, "lines[1]"},
		{"number in an array of texts", `{"names":["a","b",4711]}`, protocol.CodeInvalidField, "names[2]"},
		{"in a struct that holds itself", `{"again":{"again":{"step":"4711"}}}`, protocol.CodeInvalidField, "again.again.step"},
		{"first of two", `{"note":4711,"step":"canary"}`, protocol.CodeInvalidField, "note"},
		{"in a map", `{"free":{"a":4711}}`, protocol.CodeInvalidField, "free"},
		{"in a type that decodes itself", `{"self":4711}`, protocol.CodeInvalidField, "self"},
		{"to a type that decodes itself", `{"self":"canary!"}`, protocol.CodeInvalidField, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := protocol.Decode([]byte(c.input), new(sample))
			e, ok := errors.AsType[*protocol.Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Code != c.code || e.Field != c.field {
				t.Errorf("got %v of field %q, want %v of %q", e, e.Field, c.code, c.field)
			}
			if strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), "4711") {
				t.Errorf("%v repeats the input", e)
			}
		})
	}
}

func TestDecodeMessagesSayWhatToDo(t *testing.T) {
	for input, want := range map[string]string{
		``:                      "malformed_request: the message must be one JSON object",
		`{"step":1`:             "malformed_request: the message ends too early; expected a comma or the closing brace of the object",
		`{"step":1 2}`:          "malformed_request: the message is not valid JSON: expected a comma or the closing brace of the object at byte 11",
		`{} {}`:                 "malformed_request: the message is not valid JSON: expected nothing more after the object at byte 4",
		`{"step":1,"Step":1}`:   "duplicate_field: Step stands twice in one object, or in two spellings; send it once",
		`{"step":2.0}`:          "invalid_field: step must be a whole number without point or exponent, such as 2",
		`{"lines":[{"sku":1}]}`: "invalid_field: lines[0].sku must be a string",
		`{"amount":"1"}`:        "invalid_field: amount must be a number without quotes, such as 249.99",
		nested(17):              "too_large: the message nests deeper than 16 levels",
		manyFields(257):         "too_large: an object of the message has more than 256 fields",
	} {
		if _, err := protocol.Decode([]byte(input), new(sample)); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestDecodeTakes(t *testing.T) {
	const input = ` {"type":"T","saga_id":"s","step":-0,"compensating":true,"note":"a\u00e9\ud83d\udca9\\\/","lines":[{"sku":"a","quantity":7}],
		"amount":249.990,"wait":60000,"small":-128,"count":18446744073709551615,"extra":{"a":[1e2]},"free":{"a":"b"},"self":"own",
		"names":["é"],"nested":{"Deep":true},"again":{"note":"inner"}} `
	var got sample
	unknown, err := protocol.Decode([]byte(input), &got)
	if err != nil || unknown != nil {
		t.Fatalf("unknown %q, error %v", unknown, err)
	}
	switch {
	case got.Type != "T" || got.SagaID != "s" || got.Step != 0 || !got.Compensating:
		t.Errorf("command %+v", got.Command)
	case got.Note != "aé💩\\/" || got.Amount != "249.990" || *got.Wait != 60000 || got.Count != 1<<64-1 || got.Small != -128:
		t.Errorf("scalars %+v", got)
	case got.Lines[0].Quantity != 7 || string(got.Extra) != `{"a":[1e2]}` || got.Free["a"] != "b" || got.self() != "own":
		t.Errorf("composites %+v", got)
	case got.Names[0] != "é" || !got.Nested.Deep || got.Again.Note != "inner":
		t.Errorf("nested %+v", got)
	}
}

func (s sample) self() string { return s.Self.text }

func TestDecodeTakesWhatIsAtTheBounds(t *testing.T) {
	for name, input := range map[string]string{
		"64 KiB":     `{"note":"` + strings.Repeat("x", protocol.MaxRequestBytes-11) + `"}`,
		"16 levels":  nested(protocol.MaxDepth),
		"256 fields": manyFields(protocol.MaxFields),
		"no fields":  `{}`,
	} {
		if _, err := protocol.Decode([]byte(input), new(sample)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeNullCountsAsAbsent(t *testing.T) {
	var got sample
	input := `{"type":null,"step":null,"lines":[null],"amount":null,"wait":null,"compensating":null,"nested":null,"again":null}`
	if _, err := protocol.Decode([]byte(input), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "" || got.Step != 0 || got.Amount != "" || got.Wait != nil || got.Again != nil {
		t.Errorf("got %+v", got)
	}
}

// TestDecodeUnknownFields holds that a name in another case is unknown: it is
// named, and it has no effect.
func TestDecodeUnknownFields(t *testing.T) {
	for _, c := range []struct {
		name, input string
		unknown     []string
	}{
		{"none", `{"note":"kept"}`, nil},
		{"sorted", `{"z":1,"note":"kept","b":[{"c":1}],"a":{}}`, []string{"a", "b", "z"}},
		{"in lines", `{"note":"kept","lines":[{"sku":"a"},{"colour":"red","sku":"b"}]}`, []string{"lines[1].colour"}},
		{"other case", `{"note":"kept","SAGA_ID":"x","Lines":[],"HIDDEN":"x","-":1}`, []string{"-", "HIDDEN", "Lines", "SAGA_ID"}},
		{"other case, escaped", `{"note":"kept","\u0053aga_id":"x"}`, []string{`\u0053aga_id`}},
		{"long s", `{"note":"kept","ſaga_id":"x","ſtep":9}`, []string{"ſaga_id", "ſtep"}},
		{"other case in lines", `{"note":"kept","lines":[{"SKU":"x","sKus":1}]}`, []string{"lines[0].SKU", "lines[0].sKus"}},
		{"other case of another kind", `{"note":"kept","STEP":"x"}`, []string{"STEP"}},
		{"name of a Go field", `{"note":"kept","SagaID":"x"}`, []string{"SagaID"}},
		{"escaped but known", `{"\u006eote":"kept"}`, nil},
		{"not looked into", `{"note":"kept","extra":{"x":1},"free":{"y":"z"}}`, nil},
		{"steers a terminal", "{\"note\":\"kept\",\"a\u009b31m\u202eb\":1}", []string{"a?31m?b"}},
		{"long", `{"note":"kept","` + strings.Repeat("é", 40) + `":1}`, []string{strings.Repeat("é", 32)}},
		{"long, cut in a character", `{"note":"kept","x` + strings.Repeat("é", 40) + `":1}`, []string{"x" + strings.Repeat("é", 31)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			input := []byte(c.input)
			var got sample
			unknown, err := protocol.Decode(input, &got)
			if err != nil || !slices.Equal(unknown, c.unknown) {
				t.Fatalf("got %q and %v, want %q", unknown, err, c.unknown)
			}
			if got.Note != "kept" || got.SagaID != "" || got.Step != 0 || got.Hidden != "" {
				t.Errorf("an unknown field had an effect: %+v", got)
			}
			for _, line := range got.Lines {
				if line.SKU == "x" {
					t.Errorf("an unknown field had an effect: %+v", line)
				}
			}
			if string(input) != c.input {
				t.Error("Decode changed its input")
			}
		})
	}
}

func TestDecodeNamesAtMost16UnknownFields(t *testing.T) {
	unknown, err := protocol.Decode([]byte(manyFields(protocol.MaxFields)), new(sample))
	if err != nil || len(unknown) != protocol.MaxWarnings || !slices.IsSorted(unknown) {
		t.Errorf("got %d unknown fields, %v", len(unknown), err)
	}
}

func TestDecodeIntoNothingUseful(t *testing.T) {
	for _, into := range []any{nil, sample{}, (*sample)(nil)} {
		if _, err := protocol.Decode([]byte(`{}`), into); protocol.AsError(err).Code != protocol.CodeInternal {
			t.Errorf("into %T: %v", into, err)
		}
	}
}
