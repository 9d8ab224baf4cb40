package stdio_test

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever a line holds, it is answered with a typed error, and the session goes
// on.
func TestMalformedLines(t *testing.T) {
	t.Parallel()
	nested := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, c := range []struct{ name, line, code, field string }{
		{"no JSON", `hello`, "malformed_request", ""},
		{"half an object", `{"type":"init"`, "malformed_request", ""},
		{"an array", `[{"type":"init"}]`, "malformed_request", ""},
		{"a number", `7`, "malformed_request", ""},
		{"two objects", `{"type":"init"}{"type":"init"}`, "malformed_request", ""},
		{"not UTF-8", "{\"type\":\"in\xffit\"}", "malformed_request", ""},
		{"a byte order mark", "\xef\xbb\xbf{\"type\":\"init\"}", "malformed_request", ""},
		{"a name twice", `{"type":"init","type":"init"}`, "duplicate_field", "type"},
		{"a name in two spellings", `{"type":"init","TYPE":"init"}`, "duplicate_field", ""},
		{"no type", `{"msg_id":1}`, "missing_field", "type"},
		{"nothing", `{}`, "missing_field", "type"},
		{"type is a number", `{"type":1}`, "invalid_field", "type"},
		{"unknown type", `{"type":"fly"}`, "unknown_type", "type"},
		{"a reply that nobody asked for", `{"type":"ReserveInventory_ok","saga_id":"c1","step":1}`, "unknown_type", "type"},
		{"body is a text", `{"src":"c1","dest":"n","body":"init"}`, "malformed_request", ""},
		{"src is a number", `{"src":1,"dest":"n","body":{"type":"init"}}`, "invalid_field", "src"},
		{"msg_id is an object", `{"type":"init","msg_id":{}}`, "invalid_field", "msg_id"},
		{"msg_id is endless", `{"type":"init","msg_id":"` + strings.Repeat("1", 100) + `"}`, "too_large", "msg_id"},
		{"too deep", nested, "too_large", ""},
		{"no user", `{"type":"checkout","items":[{"sku":"a","quantity":1}],"shipping_address":"x"}`, "missing_field", "user_id"},
		{"a bad quantity", `{"type":"checkout","user_id":"u","items":[{"sku":"a","quantity":0}],"shipping_address":"x"}`, "invalid_field", "items[0].quantity"},
		{"a bad saga_id", `{"type":"checkout","saga_id":"a.b","user_id":"u","items":[{"sku":"a","quantity":1}],"shipping_address":"x"}`, "invalid_id", "saga_id"},
		{"an unknown definition", `{"type":"checkout","definition":"none","user_id":"u","items":[{"sku":"a","quantity":1}],"shipping_address":"x"}`, "definition_unknown", "definition"},
		{"status of nothing", `{"type":"checkout_status","saga_id":"nothing"}`, "saga_not_found", "saga_id"},
		{"steps without a saga", `{"type":"saga_begin","steps":[{"transaction":"a"}]}`, "missing_field", "saga_id"},
		{"no steps", `{"type":"saga_begin","saga_id":"s1","steps":[]}`, "invalid_field", "steps"},
		{"a step with a bad name", `{"type":"execute","saga_id":"s1","steps":["book flight"]}`, "invalid_field", `"field": "steps[0]"`},
		{"a step with another word for its name", `{"type":"saga_begin","saga_id":"s1","steps":[{"transaction":"a"},{"name":"b"}]}`, "missing_field", `"field": "steps[1].transaction"`},
		{"a name too long to be undone", `{"type":"saga_begin","saga_id":"s1","steps":[{"transaction":"` + strings.Repeat("a", 60) + `"}]}`, "invalid_field", `"field": "steps[0].transaction"`},
		{"a failure of no step", `{"type":"execute","saga_id":"s1","steps":["a","b"],"fail_step":"z"}`, "invalid_field", `"field": "fail_step"`},
		{"params are a list", `{"type":"saga_begin","saga_id":"s1","steps":[{"transaction":"ChargePayment","params":[1]}]}`, "invalid_field", "steps[0].params"},
		{"too many steps", `{"type":"execute","saga_id":"s1","steps":[` + strings.Repeat(`"a",`, 64) + `"a"]}`, "invalid_field", "steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := speak(t, join(c.line, `{"type":"init","msg_id":9}`))
			if len(r.stdout) != 2 || r.code != 0 {
				t.Fatalf("exit code %d, told\n%s", r.code, strings.Join(r.stdout, "\n"))
			}
			told := strings.Join(r.stdout, "\n")
			for _, want := range []string{`"type": "error", "code": "` + c.code + `"`, `"in_reply_to": 9`, c.field} {
				if !strings.Contains(told, want) {
					t.Errorf("told %s\nwant %s", told, want)
				}
			}
		})
	}
}

// An error is told in the form of the line, to whoever sent it.
func TestErrorsAreToldInTheFormReceived(t *testing.T) {
	t.Parallel()
	r := speak(t, join(`{"src":"c7","dest":"n1","body":{"type":"fly","msg_id":3}}`, `{"type":"fly","msg_id":"x"}`))
	message := `"code": "unknown_type", "message": "must be init, checkout, checkout_status, saga_begin or execute here", "field": "type"`
	same(t, r.stdout, []string{
		`{"src": "n1", "dest": "c7", "body": {"type": "error", ` + message + `, "in_reply_to": 3, "msg_id": 0}}`,
		`{"type": "error", ` + message + `, "in_reply_to": "x"}`,
	})
}

// A line without end is cut off where messages end, and costs no more memory than
// one that is short; what comes after it is served.
func TestALineWithoutEnd(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.write(`{"type":"init","x":"`)
	for range 64 {
		n.write(strings.Repeat("x", 1<<20))
	}
	n.write("\n" + `{"type":"init","msg_id":2}`) // the last line has no end
	n.closeInput()
	r := n.end()
	same(t, r.stdout, []string{
		`{"type": "error", "code": "too_large", "message": "the line is too long"}`,
		`{"type": "init_ok", "in_reply_to": 2, "msg_id": 0}`,
	})
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
}

// Empty lines and CRLF are no matter.
func TestBlanks(t *testing.T) {
	t.Parallel()
	r := speak(t, "\n\r\n  \n \t{\"type\": \"init\"}\r\n\n")
	same(t, r.stdout, []string{`{"type": "init_ok", "msg_id": 0}`})
}

// Many checkouts at once: every one is told its end once, and its steps in order.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const sagas = 600
	var input strings.Builder
	for i := range sagas {
		fmt.Fprintf(&input, `{"src":"c%d","dest":"n","body":{"type":"checkout","msg_id":%d,"saga_id":"m%d","user_id":"%s","items":[{"sku":"abc123","quantity":1}],"shipping_address":"x"}}`+"\n",
			i, i, i, []string{"u42", "u999"}[i%2])
	}
	r := speak(t, input.String(), "--drain", tolerated.String())
	steps := make(map[string][]string)
	for _, line := range r.stdout {
		_, rest, _ := strings.Cut(line, `"type": "`)
		kind, rest, _ := strings.Cut(rest, `"`)
		_, rest, _ = strings.Cut(rest, `"saga_id": "`)
		saga, _, _ := strings.Cut(rest, `"`)
		steps[saga] = append(steps[saga], kind)
	}
	paid := "ReserveInventory ReserveInventory_ok ChargePayment ChargePayment_ok CreateShipment CreateShipment_ok checkout_complete"
	declined := "ReserveInventory ReserveInventory_ok ChargePayment ChargePayment_failed ReleaseReservation ReleaseReservation_ok checkout_failed"
	for i := range sagas {
		want := []string{paid, declined}[i%2]
		if got := strings.Join(steps[fmt.Sprintf("m%d", i)], " "); got != want {
			t.Errorf("saga m%d was told as %s", i, got)
		}
	}
	if r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, strings.Join(r.stderr, "\n"))
	}
}
