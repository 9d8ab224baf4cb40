package protocol_test

import (
	"encoding/json"
	"strings"
	"testing"

	"amends/protocol"
)

func TestEncodeReply(t *testing.T) {
	head := protocol.Reply{Type: "ChargePayment_ok", SagaID: "checkout42", Step: 2}
	const start = `{"type":"ChargePayment_ok","saga_id":"checkout42","step":2`
	for _, c := range []struct {
		name    string
		payload any
		want    string // "" where it fails
	}{
		{"no payload", nil, start + `}`},
		{"empty struct", struct{}{}, start + `}`},
		{"empty map", map[string]int{}, start + `}`},
		{"map", map[string]int{"b": 2, "a": 1}, start + `,"a":1,"b":2}`},
		{"raw object", json.RawMessage(`{"payment_id": "p1"}`), start + `,"payment_id":"p1"}`},
		{"trouble", protocol.Trouble{Error: "slow", Retryable: true}, start + `,"error":"slow","retryable":true}`},
		{"text", "no", ""},
		{"null", json.RawMessage(`null`), ""},
		{"array", []int{1}, ""},
		{"not JSON", json.RawMessage(`{`), ""},
		{"no JSON type", make(chan int), ""},
		{"repeats the type", map[string]string{"type": "x"}, ""},
		{"repeats the saga in another case", map[string]string{"Saga_ID": "x"}, ""},
		{"too large", map[string]string{"x": strings.Repeat("x", protocol.MaxRequestBytes)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := protocol.EncodeReply(head, c.payload)
			if (err != nil) != (c.want == "") {
				t.Fatalf("got %v", err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// failing begins the reply of a worker in trouble.
const failing = `{"type":"Pay_error","saga_id":"s1","step":2,"error":"e",`

// deferring begins the reply of a worker that will send its result later.
const deferring = `{"type":"Pay_pending","saga_id":"s1","step":2,"request_id":`

func trouble(of protocol.Trouble) protocol.Answer {
	return protocol.Answer{Verdict: protocol.Unavailable, Trouble: of}
}

func TestParseReplyVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       protocol.Answer // without Reply and Body
	}{
		{"accepted", `{"type":"Pay_ok","saga_id":"s1","step":2,"id":"p","n":[1, 2],"no":null}`, protocol.Answer{
			Verdict: protocol.Accepted,
			Fields:  map[string]json.RawMessage{"id": json.RawMessage(`"p"`), "n": json.RawMessage(`[1, 2]`)},
		}},
		{"accepted in another spelling", `{"step":2,"saga\u005fid":"s\u0031","typ\u0065":"Pay_ok"}`, protocol.Answer{
			Verdict: protocol.Accepted, Fields: map[string]json.RawMessage{},
		}},
		{"declined", `{"type":"Pay_failed","saga_id":"s1","step":2,"error":"out","unavailable":["a"]}`, protocol.Answer{
			Verdict: protocol.Declined, Failure: protocol.Failure{Error: "out", Unavailable: []string{"a"}},
		}},
		{"S4-09 pending", `{"type":"Pay_pending","saga_id":"s1","step":2,"request_id":"q1"}`, protocol.Answer{
			Verdict: protocol.Deferred, Pending: protocol.Pending{RequestID: "q1"},
		}},
		{"pending without an id", `{"type":"Pay_pending","saga_id":"s1","step":2,"request_id":null}`, protocol.Answer{
			Verdict: protocol.Deferred,
		}},
		{"unavailable", failing + `"retryable":true,"retry_after_ms":5}`, trouble(
			protocol.Trouble{Error: "e", Retryable: true, RetryAfterMS: 5},
		)},
		{"refused", `{"type":"error","code":"invalid_field","message":"is required","field":"amount"}`, trouble(
			protocol.Trouble{Error: "invalid_field", Message: "amount is required"},
		)},
		{"overloaded", `{"type":"error","code":"overloaded","message":"later","saga_id":"s1","step":2}`, trouble(
			protocol.Trouble{Error: "overloaded", Message: "later", Retryable: true},
		)},
		{"unavailable by error", `{"type":"error","code":"unavailable","message":"","saga_id":null}`, trouble(
			protocol.Trouble{Error: "unavailable", Retryable: true},
		)},
		{"internal", `{"type":"error","code":"internal","message":"bug"}`, trouble(
			protocol.Trouble{Error: "internal", Message: "bug", Retryable: true},
		)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := protocol.ParseReply("Pay", sagaID(t, "s1"), 2, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != c.body || got.SagaID != "s1" || got.Step != 2 || got.Type == "" {
				t.Errorf("got %+v with body %s", got.Reply, got.Body)
			}
			got.Reply, got.Body = protocol.Reply{}, nil
			if marshal(t, got) != marshal(t, c.want) {
				t.Errorf("got  %s\nwant %s", marshal(t, got), marshal(t, c.want))
			}
		})
	}
}

// TestD26_ParseReplyRefusesMismatches holds that a reply to another command, or
// one half understood, is no answer.
func TestD26_ParseReplyRefusesMismatches(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       protocol.Code
		field      string
	}{
		{"not JSON", `canary`, malformed, ""},
		{"two sagas", `{"type":"Pay_ok","saga_id":"s1","step":2,"saga_id":"s2"}`, duplicate, "saga_id"},
		{"no type", `{"saga_id":"s1","step":2}`, missing, "type"},
		{"type of another kind", `{"type":1,"saga_id":"s1","step":2}`, missing, "type"},
		{"type in another case", `{"TYPE":"Pay_ok","saga_id":"s1","step":2}`, missing, "type"},
		{"other action", `{"type":"PayBack_ok","saga_id":"s1","step":2}`, unknownType, "type"},
		{"longer action", `{"type":"RePay_ok","saga_id":"s1","step":2}`, unknownType, "type"},
		{"no suffix", `{"type":"Pay","saga_id":"s1","step":2}`, unknownType, "type"},
		{"other suffix", `{"type":"Pay_canary","saga_id":"s1","step":2}`, unknownType, "type"},
		{"no saga", `{"type":"Pay_ok","step":2}`, missing, "saga_id"},
		{"null saga", `{"type":"Pay_ok","saga_id":null,"step":2}`, missing, "saga_id"},
		{"other saga", `{"type":"Pay_ok","saga_id":"canary","step":2}`, invalid, "saga_id"},
		{"saga of another kind", `{"type":"Pay_ok","saga_id":["s1"],"step":2}`, invalid, "saga_id"},
		{"no step", `{"type":"Pay_ok","saga_id":"s1"}`, missing, "step"},
		{"other step", `{"type":"Pay_ok","saga_id":"s1","step":3}`, invalid, "step"},
		{"step as text", `{"type":"Pay_ok","saga_id":"s1","step":"2"}`, invalid, "step"},
		{"step with a point", `{"type":"Pay_ok","saga_id":"s1","step":2.0}`, invalid, "step"},
		{"declined without an error", `{"type":"Pay_failed","saga_id":"s1","step":2}`, missing, "error"},
		{"declined with a number", `{"type":"Pay_failed","saga_id":"s1","step":2,"error":4111}`, invalid, "error"},
		{"unavailable without an error", `{"type":"Pay_error","saga_id":"s1","step":2}`, missing, "error"},
		{"unavailable with a word", failing + `"retryable":"canary"}`, invalid, "retryable"},
		{"retry in the past", failing + `"retry_after_ms":-1}`, invalid, "retry_after_ms"},
		{"pending of another saga", `{"type":"Pay_pending","saga_id":"canary","step":2}`, invalid, "saga_id"},
		{"pending of another action", `{"type":"RePay_pending","saga_id":"s1","step":2}`, unknownType, "type"},
		{"pending without a step", `{"type":"Pay_pending","saga_id":"s1"}`, missing, "step"},
		{"pending with a number", deferring + `4111}`, invalid, "request_id"},
		{"pending with a long id", deferring + `"` + strings.Repeat("canary", 22) + `"}`, tooLarge, "request_id"},
		{"pending with a line break", deferring + `"canary\n"}`, invalid, "request_id"},
		{"error without a code", `{"type":"error","message":"canary"}`, missing, "code"},
		{"error of another kind", `{"type":"error","code":4111}`, invalid, "code"},
		{"error of another saga", `{"type":"error","code":"internal","saga_id":"canary"}`, invalid, "saga_id"},
		{"error of another step", `{"type":"error","code":"internal","step":3}`, invalid, "step"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := protocol.ParseReply("Pay", sagaID(t, "s1"), 2, []byte(c.body))
			checkRefusal(t, err, c.code, c.field)
			if a.Verdict != 0 {
				t.Errorf("got the verdict %v all the same", a.Verdict)
			}
		})
	}
}

func TestVerdictString(t *testing.T) {
	var words []string
	for v := range protocol.Deferred + 1 {
		words = append(words, v.String())
	}
	if got := strings.Join(words, " "); got != "none accepted declined unavailable pending" {
		t.Errorf("got %s", got)
	}
}

func TestErrorRoundTrip(t *testing.T) {
	want := protocol.Error{Code: invalid, Message: "must be a string", Field: "items[0].sku"}
	text := marshal(t, &want)
	if text != `{"type":"error","code":"invalid_field","message":"must be a string","field":"items[0].sku"}` {
		t.Errorf("written as %s", text)
	}
	var got protocol.Error
	if _, err := protocol.Decode([]byte(text), &got); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got.Status() != "422" {
		t.Errorf("status %s", got.Status())
	}
}
