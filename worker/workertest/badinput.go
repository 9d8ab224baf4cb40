package workertest

import (
	"encoding/json"
	"maps"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// badInput sends everything that a command must not be. Each is answered with a
// typed error that names the field, nothing is written, and the service goes on.
func badInput(r *trial) {
	good := r.asMap("bad")
	r.wrote(0, func() {
		for _, w := range append(wrongForAll(), r.Wrong...) {
			changed := maps.Clone(good)
			w.Change(changed)
			body, err := json.Marshal(changed)
			r.must(err)
			r.refused(w.Name, body, nil, w.Code, w.Field)
		}
		body, err := json.Marshal(good)
		r.must(err)
		for name, b := range notCommands(string(body)) {
			r.refused(name, []byte(b.body), nil, b.code, b.field)
		}
		r.refused("key of another saga", body, nats.Header{protocol.HeaderKey: {"other.1.do"}},
			protocol.CodeInvalidField, protocol.HeaderKey)
	})
	cmd := r.Accept("good")
	r.expect(r.do(cmd), cmd, protocol.SuffixOK, "")
}

func (r *trial) asMap(saga string) map[string]any {
	body, err := json.Marshal(r.Accept(saga))
	r.must(err)
	fields := make(map[string]any)
	r.must(json.Unmarshal(body, &fields))
	return fields
}

func (r *trial) refused(name string, body []byte, header nats.Header, code protocol.Code, field string) {
	r.Helper()
	answer, err := r.client.RequestMsg(&nats.Msg{Subject: r.Action, Header: header, Data: body}, patience)
	if err != nil {
		r.Fatalf("%s: %v", name, err)
	}
	var refusal protocol.Error
	if err := json.Unmarshal(answer.Data, &refusal); err != nil {
		r.Fatalf("%s: decoding %s: %v", name, answer.Data, err)
	}
	if refusal.Code != code || refusal.Field != field {
		r.Errorf("%s: got %s %q, want %s %q", name, refusal.Code, refusal.Field, code, field)
	}
	if got := answer.Header.Get(micro.ErrorCodeHeader); got != refusal.Status() {
		r.Errorf("%s: header %s is %q, want %q", name, micro.ErrorCodeHeader, got, refusal.Status())
	}
}

func set(field string, value any) func(map[string]any) {
	return func(command map[string]any) { command[field] = value }
}

func wrongForAll() []Wrong {
	wrong := []Wrong{
		{"no saga_id", set("saga_id", ""), protocol.CodeMissingField, "saga_id"},
		{"saga_id is a number", set("saga_id", 7), protocol.CodeInvalidField, "saga_id"},
		{"unknown type", set("type", "Nonsense"), protocol.CodeUnknownType, "type"},
		{"type of another direction", set("compensating", true), protocol.CodeInvalidField, "compensating"},
		{"a reversal of nothing", set("reversal", true), protocol.CodeInvalidField, "reversal"},
		{"step is 0", set("step", 0), protocol.CodeInvalidField, "step"},
		{"step is negative", set("step", -1), protocol.CodeInvalidField, "step"},
		{"step is too great", set("step", protocol.MaxSteps+1), protocol.CodeInvalidField, "step"},
		{"step is a fraction", set("step", 1.5), protocol.CodeInvalidField, "step"},
		{"step is a text", set("step", "1"), protocol.CodeInvalidField, "step"},
	}
	for _, id := range []string{
		"a.b", "a b", "*", ">", "..", "é", "a\x00b", "a\r\nb", "$KV", "_INBOX.x",
		strings.Repeat("x", protocol.MaxIDLength+1),
	} {
		wrong = append(wrong, Wrong{"saga_id is " + id, set("saga_id", id), protocol.CodeInvalidID, "saga_id"})
	}
	return wrong
}

type notCommand struct {
	body  string
	code  protocol.Code
	field string
}

// notCommands are texts that are no command at all, or are one only for a lenient
// reader.
func notCommands(good string) map[string]notCommand {
	const (
		malformed = protocol.CodeMalformedRequest
		duplicate = protocol.CodeDuplicateField
		tooLarge  = protocol.CodeTooLarge
	)
	with := func(field string) string { return strings.Replace(good, "{", "{"+field+",", 1) }
	return map[string]notCommand{
		"nothing":           {"", malformed, ""},
		"not JSON":          {"reserve!", malformed, ""},
		"an array":          {"[" + good + "]", malformed, ""},
		"trailing garbage":  {good + "x", malformed, ""},
		"two commands":      {good + good, malformed, ""},
		"byte order mark":   {"\ufeff" + good, malformed, ""},
		"not UTF-8":         {strings.Replace(good, "bad", "b\xffd", 1), malformed, ""},
		"saga_id twice":     {with(`"saga_id":"x"`), duplicate, "saga_id"},
		"saga_id in a case": {with(`"SAGA_ID":"x"`), duplicate, "saga_id"},
		"65 KiB":            {with(`"x":"` + strings.Repeat("x", protocol.MaxRequestBytes) + `"`), tooLarge, ""},
		"10,000 levels":     {with(`"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), tooLarge, ""},
	}
}
