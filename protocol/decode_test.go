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

func TestDecodeMessagesSayWhatToDo(t *testing.T) {
	for input, want := range map[string]string{
		``: "malformed_request: the message must be one JSON object",
		`{"step":1`: "malformed_request: the message ends too early; " +
			"expected a comma or the closing brace of the object",
		`{"step":1 2}`: "malformed_request: the message is not valid JSON: " +
			"expected a comma or the closing brace of the object at byte 11",
		`{} {}`: "malformed_request: the message is not valid JSON: " +
			"expected nothing more after the object at byte 4",
		`{"step":1,"Step":1}`: "duplicate_field: Step stands twice in one object, or in two spellings; send it once",
		"\xef\xbb\xbf{}": "malformed_request: the message begins with a byte order mark; " +
			"send plain UTF-8 without one",
		`{"step":1e2}`:          "invalid_field: step must be a whole number without point or exponent, such as 2",
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
	const input = ` {"type":"T","saga_id":"s","step":-0,"compensating":true,"note":"a\u00E9\ud83D\uDcA9\\\/",
		"lines":[{"sku":"a","quantity":7}],"amount":249.990,"wait":60000,"small":-128,"count":18446744073709551615,
		"extra":{"a":[1e2]},"free":{"a":"b"},"self":"own","names":["é"],"nested":{"Deep":true},
		"again":{"note":"inner"}} `
	var got sample
	unknown, err := protocol.Decode([]byte(input), &got)
	if err != nil || unknown != nil {
		t.Fatalf("unknown %q, error %v", unknown, err)
	}
	switch {
	case got.Type != "T" || got.SagaID != "s" || got.Step != 0 || !got.Compensating:
		t.Errorf("command %+v", got.Command)
	case got.Note != "aé💩\\/" || got.Amount != "249.990":
		t.Errorf("texts %+v", got)
	case *got.Wait != 60000 || got.Count != 1<<64-1 || got.Small != -128:
		t.Errorf("numbers %+v", got)
	case string(got.Extra) != `{"a":[1e2]}` || got.Free["a"] != "b" || got.Self.text != "own":
		t.Errorf("opaque ones %+v", got)
	case got.Lines[0].Quantity != 7 || got.Lines[0].SKU != "a":
		t.Errorf("composites %+v", got)
	case got.Names[0] != "é" || !got.Nested.Deep || got.Again.Note != "inner":
		t.Errorf("nested %+v", got)
	}
}

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

// TestDecodeOwnFieldsWin holds that a field of the struct itself hides one of an
// embedded struct, as it does for encoding/json.
func TestDecodeOwnFieldsWin(t *testing.T) {
	var got struct {
		protocol.Command
		Step string `json:"step"`
	}
	if _, err := protocol.Decode([]byte(`{"step":"first","type":"T"}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.Step != "first" || got.Command.Step != 0 || got.Type != "T" {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeNullCountsAsAbsent(t *testing.T) {
	var got sample
	input := `{"type":null,"step":null,"compensating":null,"lines":[null],"amount":null,"wait":null,` +
		`"nested":null,"again":null}`
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
		{"other case", `{"note":"kept","SAGA_ID":"x","Lines":[],"-":1}`, []string{"-", "Lines", "SAGA_ID"}},
		{"hidden field", `{"note":"kept","Hidden":"x"}`, []string{"Hidden"}},
		{"other case, escaped", `{"note":"kept","\u0053aga_id":"x"}`, []string{`\u0053aga_id`}},
		{"long s", `{"note":"kept","ſaga_id":"x","ſtep":9}`, []string{"ſaga_id", "ſtep"}},
		{"other case in lines", `{"note":"kept","lines":[{"SKU":"x","s":1}]}`, []string{"lines[0].SKU", "lines[0].s"}},
		{"other case of another kind", `{"note":"kept","STEP":"x"}`, []string{"STEP"}},
		{"name of a Go field", `{"note":"kept","SagaID":"x"}`, []string{"SagaID"}},
		{"escaped but known", `{"\u006eote":"kept"}`, nil},
		{"inner name like outer", `{"extra":{"note":1},"nested":{"note":1},"note":"kept"}`, []string{"nested.note"}},
		{"not looked into", `{"note":"kept","extra":{"x":1},"free":{"y":"z"}}`, nil},
		{"steers a terminal", "{\"note\":\"kept\",\"a\u009b31m\u202eb\":1}", []string{"a?31m?b"}},
		{"long", `{"note":"kept","` + strings.Repeat("é", 40) + `":1}`, []string{strings.Repeat("é", 32)}},
		{"cut in a rune", `{"note":"kept","` + strings.Repeat("€", 22) + `":1}`, []string{strings.Repeat("€", 21)}},
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
