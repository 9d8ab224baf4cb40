package gateway_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"amends/gateway"
	"amends/protocol"
)

// canary stands wherever the client chooses the words: no error may have it.
const canary = "canary4711"

// forms make a good body bad by its form. What is put in stands at the beginning
// of the object.
var forms = []struct {
	name string
	make func(good string) string
	code protocol.Code
}{
	{"not JSON", func(string) string { return canary }, protocol.CodeMalformedRequest},
	{"an array", func(good string) string { return "[" + good + "]" }, protocol.CodeMalformedRequest},
	{"a text", func(string) string { return `"` + canary + `"` }, protocol.CodeMalformedRequest},
	{"null", func(string) string { return "null" }, protocol.CodeMalformedRequest},
	{"white space", func(string) string { return " \n" }, protocol.CodeMalformedRequest},
	{"cut short", func(good string) string { return good[:len(good)-1] }, protocol.CodeMalformedRequest},
	{"trailing garbage", func(good string) string { return good + canary }, protocol.CodeMalformedRequest},
	{"two bodies", func(good string) string { return good + good }, protocol.CodeMalformedRequest},
	{"byte order mark", func(good string) string { return "\ufeff" + good }, protocol.CodeMalformedRequest},
	{"trailing NUL", func(good string) string { return good + "\x00" }, protocol.CodeMalformedRequest},
	{"not UTF-8", with("\"x\":\"" + canary + "\xff\""), protocol.CodeMalformedRequest},
	{"half a surrogate", with(`"x":"\ud83d` + canary + `"`), protocol.CodeMalformedRequest},
	{"NaN", with(`"x":NaN`), protocol.CodeMalformedRequest},
	{"single quotes", with(`'` + canary + `':1`), protocol.CodeMalformedRequest},
	{"a comment", with(`/*` + canary + `*/"x":1`), protocol.CodeMalformedRequest},
	{"one name twice", with(`"` + canary + `":1,"` + canary + `":2`), protocol.CodeDuplicateField},
	{"two spellings", with(`"` + canary + `é":1,"` + strings.ToUpper(canary) + `É":2`), protocol.CodeDuplicateField},
	{"twice inside", with(`"x":{"` + canary + `":[{"y":1,"y":2}]}`), protocol.CodeDuplicateField},
	{"17 levels", with(`"` + canary + `":` + strings.Repeat("[", 17) + strings.Repeat("]", 17)), protocol.CodeTooLarge},
	{"10,000 levels", with(`"x":` + strings.Repeat(`{"`+canary+`":`, 4000)), protocol.CodeTooLarge},
	{"64 KiB", with(`"` + canary + `":"` + strings.Repeat("x", protocol.MaxRequestBytes) + `"`), protocol.CodeTooLarge},
}

func with(field string) func(string) string {
	return func(good string) string { return strings.Replace(good, "{", "{"+field+",", 1) }
}

// operation is one that takes a body, as the document tells it.
type operation struct {
	path, example string
	required      bool
}

// operationsWithBodies are read from the document, so that none is forgotten.
func operationsWithBodies(t *testing.T, d *door) (all []operation) {
	t.Helper()
	var spec struct {
		Paths map[string]map[string]struct {
			RequestBody *struct {
				Required bool
				Content  map[string]struct{ Example json.RawMessage }
			}
		}
	}
	d.get("/openapi.json").is(200, &spec)
	fill := strings.NewReplacer("{id}", "checkout42", "{saga_id}", "checkout42", "{step}", "2", "{token}", "token")
	for path, item := range spec.Paths {
		for method, op := range item {
			if (op.RequestBody != nil) != (method == "post") {
				t.Errorf("%s %s: a POST has a body, and nothing else", method, path)
			} else if op.RequestBody != nil {
				all = append(all, operation{fill.Replace(path), string(op.RequestBody.Content["application/json"].Example), op.RequestBody.Required})
			}
		}
	}
	if len(all) != 10 {
		t.Fatalf("%d operations take a body", len(all))
	}
	return all
}

// everything answers whatever a route may ask.
func everything(s *stage) {
	operators(s, "PENDING")
	accepts(s, "PENDING")
	s.answer(protocol.SubjectCallbacks, `{"type":"callback_accepted","saga_id":"checkout42","step":2,"effect":"taken"}`)
	s.answer(protocol.SubjectCartAdd, `{"type":"cart"}`)
	s.answer(protocol.SubjectCartCheckout, `{"type":"checkout_complete","status":"COMPLETED"}`)
}

// Every route is as strict as every other door: what the decoder of the protocol
// refuses is refused with the same code, and nobody is asked. No answer repeats
// what was sent. The examples of the document are what is made bad, so they are
// known to be good.
func TestEveryRouteIsStrict(t *testing.T) {
	s := newStage(t)
	everything(s)
	d := s.gateway()
	for _, op := range operationsWithBodies(t, d) {
		if a := d.post(op.path, op.example, "If-Match", "*"); a.status >= 300 {
			t.Errorf("%s does not take its own example: %d %s", op.path, a.status, a.body)
		}
		if a := d.post(op.path, "", "If-Match", "*"); (a.status >= 300) != op.required {
			t.Errorf("%s without a body: %d %s", op.path, a.status, a.body)
		}
		asked := s.all()
		for _, form := range forms {
			bad := form.make(op.example)
			if _, err := protocol.Decode([]byte(bad), new(struct{})); !isCode(err, form.code) {
				t.Fatalf("%s: the decoder says %v", form.name, err)
			}
			a := d.post(op.path, bad, "If-Match", "*")
			var p gateway.Problem
			if err := json.Unmarshal(a.body, &p); err != nil || p.Code != form.code {
				t.Errorf("%s with %s: answered %d %s, want %s", op.path, form.name, a.status, a.body, form.code)
			}
			if strings.Contains(strings.ToLower(string(a.body)), canary) {
				t.Errorf("%s with %s: repeats what was sent: %s", op.path, form.name, a.body)
			}
		}
		if s.all() != asked {
			t.Errorf("%s asked for what it refused", op.path)
		}
	}
}

func isCode(err error, code protocol.Code) bool {
	return errors.Is(err, &protocol.Error{Code: code})
}

// Odd but legal JSON is taken as what it is.
func TestOddButLegal(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	for name, body := range map[string]string{
		"white space":   " \t\r\n" + strings.ReplaceAll(order, ",", " ,\n") + "\n ",
		"escapes":       strings.NewReplacer(`saga_id`, `\u0073aga_id`, `123 Main St`, `123 \u004dain St`, `u42`, `\u007542`).Replace(order),
		"null":          strings.Replace(order, "{", `{"definition":null,"wait_ms":null,"msg_id":null,"type":null,`, 1),
		"16 levels":     with(`"x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15))(order),
		"other order":   `{"shipping_address":"123 Main St","items":[{"quantity":2,"sku":"abc123"}],"user_id":"u42","saga_id":"c1"}`,
		"another field": with(`"` + strings.Repeat("f", 200) + `":{"quantity":1e400}`)(order),
	} {
		d.post("/v1/checkouts", body).is(202, nil)
		r := started(s)
		if r.SagaID != "c1" || r.UserID != "u42" || r.ShippingAddress != "123 Main St" || len(r.Items) != 1 || r.Items[0].Quantity != 2 || r.Definition != "" {
			t.Errorf("%s: started %+v", name, r)
		}
	}
	const street = "Añasco Straße 東京 🏠 <b>&"
	d.post("/v1/checkouts", strings.Replace(order, "123 Main St", street, 1)).is(202, nil)
	if got := started(s).ShippingAddress; got != street {
		t.Errorf("an address became %q", got)
	}
}

// A body is JSON in UTF-8, whatever else it claims to be.
func TestMediaTypes(t *testing.T) {
	s := newStage(t)
	accepts(s, "PENDING")
	d := s.gateway()
	post := func(headers ...string) answered {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/v1/checkouts", strings.NewReader(order))
		s.must(err)
		for n := 0; n < len(headers); n += 2 {
			r.Header.Set(headers[n], headers[n+1])
		}
		return d.send(r)
	}
	for _, good := range []string{"application/json", "application/json; charset=utf-8", `Application/JSON;charset="UTF-8"`} {
		post("Content-Type", good).is(202, nil)
	}
	post().is(202, nil)
	for _, bad := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/problem+json", "json", "application/cbor"} {
		post("Content-Type", bad).problem(415, "unsupported_media_type", "Content-Type")
	}
	post("Content-Encoding", "gzip", "Content-Type", "application/json").problem(415, "unsupported_media_type", "Content-Encoding")
	if n := len(s.requests(protocol.SubjectStart)); n != 4 {
		t.Errorf("%d starts were asked for", n)
	}
}
