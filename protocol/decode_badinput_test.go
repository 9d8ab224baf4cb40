package protocol_test

import (
	"errors"
	"strings"
	"testing"

	"amends/protocol"
)

// badInputs is the table of bad inputs as far as it
// concerns form, not meaning: what Decode answers, and of which field.
var badInputs = []struct {
	name, input string
	code        protocol.Code
	field       string
}{
	{"empty", ``, malformed, ""},
	{"white space", " \n", malformed, ""},
	{"not JSON", `hello`, malformed, ""},
	{"array", `[]`, malformed, ""},
	{"string", `"canary"`, malformed, ""},
	{"number", `4711`, malformed, ""},
	{"null", `null`, malformed, ""},
	{"cut in a name", `{"note`, malformed, ""},
	{"cut after a name", `{"note"`, malformed, ""},
	{"cut after the colon", `{"note":`, malformed, ""},
	{"cut in a word", `{"wait":nul`, malformed, ""},
	{"cut in an array", `{"lines":[`, malformed, ""},
	{"cut in an escape", `{"note":"\`, malformed, ""},
	{"cut in a unicode escape", `{"note":"\u00`, malformed, ""},
	{"no colon", `{"note" "canary"}`, malformed, ""},
	{"name without quotes", `{note:"canary"}`, malformed, ""},
	{"single quotes", `{'note':'canary'}`, malformed, ""},
	{"comma before the brace", `{"note":"canary",}`, malformed, ""},
	{"comma before the bracket", `{"names":["canary",]}`, malformed, ""},
	{"no comma", `{"note":"canary" "step":1}`, malformed, ""},
	{"comment", `{/* canary */}`, malformed, ""},
	{"NaN", `{"amount":NaN}`, malformed, ""},
	{"infinity", `{"amount":-Infinity}`, malformed, ""},
	{"leading zero", `{"step":01}`, malformed, ""},
	{"leading plus", `{"step":+1}`, malformed, ""},
	{"point without digits", `{"amount":1.}`, malformed, ""},
	{"exponent without digits", `{"amount":1e+}`, malformed, ""},
	{"lone minus", `{"amount":-}`, malformed, ""},
	{"capital word", `{"compensating":True}`, malformed, ""},
	{"trailing garbage", `{"note":""} canary`, malformed, ""},
	{"second object", `{}{}`, malformed, ""},
	{"trailing NUL", "{}\x00", malformed, ""},
	{"byte order mark", "\xef\xbb\xbf{}", malformed, ""},
	{"invalid UTF-8", "{\"note\":\"canary\xff\"}", malformed, ""},
	{"invalid UTF-8 in a name", "{\"\xc3\x28\":1}", malformed, ""},
	{"encoded surrogate", "{\"note\":\"\xed\xa0\x80\"}", malformed, ""},
	{"overlong UTF-8", "{\"note\":\"\xc0\xaf\"}", malformed, ""},
	{"first half of a surrogate pair", `{"note":"\ud83d canary"}`, malformed, ""},
	{"second half of a surrogate pair", `{"note":"\udca9"}`, malformed, ""},
	{"two first halves", `{"note":"\ud83d\ud83d"}`, malformed, ""},
	{"half pair before an escape", `{"note":"\ud83d\n"}`, malformed, ""},
	{"unknown escape", `{"note":"\x41"}`, malformed, ""},
	{"no hexadecimal digit", `{"note":"\u00g0"}`, malformed, ""},
	{"raw control character", "{\"note\":\"a\nb\"}", malformed, ""},

	{"duplicate name", `{"saga_id":"canary","saga_id":"b"}`, duplicate, "saga_id"},
	{"case variant", `{"saga_id":"canary","SAGA_ID":"b"}`, duplicate, "SAGA_ID"},
	{"escaped spelling", `{"saga_id":"canary","saga\u005fid":"b"}`, duplicate, `saga\u005fid`},
	{"long s", `{"saga_id":"canary","ſaga_id":"b"}`, duplicate, "ſaga_id"},
	{"capital É", `{"É":"canary","é":"b"}`, duplicate, "é"},
	{"Kelvin sign", `{"k":"canary","K":"b"}`, duplicate, "K"},
	{"duplicate in a line", `{"lines":[{},{"sku":"a","Sku":"b"}]}`, duplicate, "lines[1].Sku"},
	{"duplicate in the unknown", `{"x":{"y":[0,{"z":1,"z":1}]}}`, duplicate, "x.y[1].z"},
	{"duplicate in the opaque", `{"extra":{"a":1,"a":1}}`, duplicate, "extra.a"},
	{"duplicate before a type error", `{"note":1,"step":1,"step":2}`, duplicate, "step"},

	{"64 KiB and one", `{"note":"` + strings.Repeat("x", protocol.MaxRequestBytes-10) + `"}`, tooLarge, ""},
	{"1 MiB", strings.Repeat(" ", 1<<20), tooLarge, ""},
	{"17 levels", nested(protocol.MaxDepth + 1), tooLarge, ""},
	{"10,000 levels", nested(10_000), tooLarge, ""},
	{"unclosed levels", strings.Repeat(`{"a":`, 10_000), tooLarge, ""},
	{"257 fields", manyFields(protocol.MaxFields + 1), tooLarge, ""},

	{"number for text", `{"note":4711}`, invalid, "note"},
	{"object for text", `{"note":{"canary":1}}`, invalid, "note"},
	{"text for number", `{"amount":"4711"}`, invalid, "amount"},
	{"text for integer", `{"step":"4711"}`, invalid, "step"},
	{"point in an integer", `{"lines":[{"quantity":2.0}]}`, invalid, "lines[0].quantity"},
	{"exponent in an integer", `{"lines":[{},{"quantity":1e2}]}`, invalid, "lines[1].quantity"},
	{"over int64", `{"lines":[{"quantity":9223372036854775808}]}`, invalid, "lines[0].quantity"},
	{"far over int64", `{"wait":` + strings.Repeat("9", 400) + `}`, invalid, "wait"},
	{"over int8", `{"small":128}`, invalid, "small"},
	{"below uint64", `{"count":-1}`, invalid, "count"},
	{"over uint64", `{"count":18446744073709551616}`, invalid, "count"},
	{"word for bool", `{"compensating":"true"}`, invalid, "compensating"},
	{"bool for text", `{"note":false}`, invalid, "note"},
	{"object for array", `{"lines":{"sku":"canary"}}`, invalid, "lines"},
	{"array for object", `{"nested":[]}`, invalid, "nested"},
	{"text in an array of objects", `{"lines":[{},"canary"]}`, invalid, "lines[1]"},
	{"number in an array of texts", `{"names":["a","b",4711]}`, invalid, "names[2]"},
	{"in a struct that holds itself", `{"again":{"again":{"step":"4711"}}}`, invalid, "again.again.step"},
	{"first of two", `{"note":4711,"step":"canary"}`, invalid, "note"},
	{"in a map", `{"free":{"a":4711}}`, invalid, "free"},
	{"in a type that decodes itself", `{"self":4711}`, invalid, "self"},
	{"to a type that decodes itself", `{"self":"canary!"}`, invalid, ""},
}

// TestDecodeBadInput holds that each bad input is refused as the table says, and
// that no error repeats a value of the input.
func TestDecodeBadInput(t *testing.T) {
	for _, c := range badInputs {
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
