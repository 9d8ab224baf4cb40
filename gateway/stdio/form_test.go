package stdio

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

var forms = []struct{ json, python string }{
	{`{}`, `{}`},
	{`{"a":1,"b":[true,null,"x"]}`, `{"a": 1, "b": [true, null, "x"]}`},
	{" {\n\t\"a\" : [ 1 , 2 ] }\r\n", `{"a": [1, 2]}`},
	{`{"a,b:c":"d,e:f"}`, `{"a,b:c": "d,e:f"}`},
	{`{"q":"\"\\\/"}`, `{"q": "\"\\/"}`},
	{`{"n":"\n\r\t\b\f\u0001\u007f"}`, `{"n": "\n\r\t\b\f\u0001\u007f"}`},
	{`{"u":"é ü \u20ac 😀"}`, `{"u": "\u00e9 \u00fc \u20ac \ud83d\ude00"}`},
	{`{"h":"\u003c\u003e\u0026"}`, `{"h": "<>&"}`},
	{`{"é":"😀"}`, `{"\u00e9": "\ud83d\ude00"}`},
	{`{"amount":249.99}`, `{"amount": 249.99}`},
}

func TestPythonForm(t *testing.T) {
	for _, c := range forms {
		if got := string(pythonForm(nil, []byte(c.json))); got != c.python {
			t.Errorf("%s becomes %s, want %s", c.json, got, c.python)
		}
	}
}

// A8: a number keeps its digits, where Python would write 200.0.
func TestNumbersKeepTheirDigits(t *testing.T) {
	for _, number := range []string{"200.00", "249.9", "9007199254740993", "-0", "1e3"} {
		if got := string(pythonForm(nil, []byte(number))); got != number {
			t.Errorf("%s becomes %s", number, got)
		}
	}
}

// S0-21: the form is that of json.dumps, as Python itself says.
func TestPythonAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the form is held against written examples only")
	}
	cmd := exec.Command(python, "-c", "import sys, json\nfor line in sys.stdin: print(json.dumps(json.loads(line)))")
	var want []string
	var input strings.Builder
	for _, c := range forms {
		input.WriteString(strings.NewReplacer("\n", " ", "\r", " ").Replace(c.json) + "\n")
		want = append(want, c.python)
	}
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("Python writes %q, want %q", got, want)
	}
}

// Whatever JSON comes in, the form is the same value in printable ASCII, on one
// line.
func FuzzPythonForm(f *testing.F) {
	for _, c := range forms {
		f.Add([]byte(c.json))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		form := pythonForm(nil, text)
		var before, after any
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(form, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%s becomes %s", text, form)
		}
		if bytes.IndexFunc(form, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q is not plain", form)
		}
	})
}

func TestWithAddsAField(t *testing.T) {
	for object, want := range map[string]string{`{}`: `{"a":1}`, `{ } `: `{ "a":1}`, `{"b":"}"}`: `{"b":"}","a":1}`} {
		if got := string(with([]byte(object), "a", []byte("1"))); got != want {
			t.Errorf("%s becomes %s, want %s", object, got, want)
		}
	}
}
