package orchestrator

import (
	"encoding/json"
	"strings"
	"testing"

	"amends/protocol"
)

// A4: whoever asks in an envelope is answered in one, whatever the answer, whoever
// gives it and whenever; and it is the same checkout as the bare one.
func TestA4_EnvelopesAreAnsweredInEnvelopes(t *testing.T) {
	s := newStage(t)
	s.prices(s.orchestrator("one"))
	wrapped := func(body string) (e protocol.Envelope, answer protocol.Outcome) {
		t.Helper()
		s.ask(protocol.SubjectStart, `{"src":"c1","dest":"checkout_orchestrator","body":`+body+`}`, &e)
		if e.Src != "checkout_orchestrator" || e.Dest != "c1" || json.Unmarshal(e.Body, &answer) != nil {
			t.Errorf("%s is answered %+v", body, e)
		}
		return e, answer
	}
	const order = `{"type":"checkout","msg_id":2,"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St"}`
	if _, out := wrapped(order); out.Type != protocol.TypeCheckoutComplete || string(out.InReplyTo) != "2" {
		t.Errorf("answered %+v", out)
	}
	if _, again := wrapped(order); again.Type != protocol.TypeCheckoutComplete {
		t.Errorf("the same again is answered %+v", again)
	}
	if bare := s.start("c1", 5000); bare.Type != protocol.TypeCheckoutComplete {
		t.Errorf("the bare one is answered %+v", bare)
	}
	s.away(protocol.SubjectCharge)
	if _, late := wrapped(strings.NewReplacer(`"c1"`, `"c2","wait_ms":50`).Replace(order)); late.Type != protocol.TypeCheckoutAccepted {
		t.Errorf("while it runs: %+v", late)
	}
	for body, want := range map[string]protocol.Code{
		strings.Replace(order, "u42", "u43", 1):  protocol.CodeSagaIDConflict,
		strings.Replace(order, `"u42"`, `""`, 1): protocol.CodeMissingField,
		strings.Replace(order, "{", `{"x":{`, 1): protocol.CodeMalformedRequest,
		`{"definition":"nosuch"}`:                protocol.CodeDefinitionUnknown,
		`"init"`:                                 protocol.CodeMalformedRequest,
	} {
		var e protocol.Error
		m, err := s.client.Request(protocol.SubjectStart, []byte(`{"src":"c1","body":`+body+`}`), patience)
		if err != nil {
			t.Fatal(err)
		}
		raw := json.RawMessage(m.Data)
		var in protocol.Envelope
		if json.Unmarshal(raw, &in) == nil && in.Body != nil {
			raw = in.Body
		}
		if json.Unmarshal(raw, &e) != nil || e.Code != want {
			t.Errorf("%s is answered %s, want %s", body, m.Data, want)
		}
	}
}
