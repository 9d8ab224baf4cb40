package protocol

import (
	"bytes"
	"encoding/json"
)

// Envelope is a message with the names of its sender and its receiver around it,
// as the tests of document 000 write it (A4). Whoever asks in one is answered in
// one.
type Envelope struct {
	Src  string          `json:"src,omitempty"`
	Dest string          `json:"dest,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Orchestrator is the name of the receiver, unless an envelope calls it otherwise.
const Orchestrator = "checkout_orchestrator"

// Unwrap returns the envelope of a request and the request in it. A request is in
// an envelope if it has a body, and a src or a dest; any other is returned as it
// is, and the envelope is nil. The error is an *Error.
func Unwrap(data []byte) (*Envelope, []byte, error) {
	if !bytes.Contains(data, []byte(`"body"`)) && !bytes.Contains(data, []byte(`\u`)) {
		return nil, data, nil // no name in it can be body
	}
	var parts struct {
		Src  json.RawMessage `json:"src"`
		Dest json.RawMessage `json:"dest"`
		Body json.RawMessage `json:"body"`
	}
	if _, err := Decode(data, &parts); err != nil {
		return nil, data, err
	}
	if isAbsent(parts.Body) || isAbsent(parts.Src) && isAbsent(parts.Dest) {
		return nil, data, nil
	}
	e := new(Envelope)
	if _, err := Decode(data, e); err != nil {
		return nil, data, err
	}
	return e, e.Body, firstOf(checkName("src", e.Src), checkName("dest", e.Dest))
}

// CheckBare refuses a request in an envelope, at a door that has none, or has taken
// one off already. The error is an *Error.
func CheckBare(data []byte) error {
	e, _, err := Unwrap(data)
	if err == nil && e != nil {
		err = invalid("body", "must be absent: a request stands in one envelope at the most, and over HTTP in none")
	}
	return err
}

func isAbsent(value json.RawMessage) bool { return len(value) == 0 || isNull(value) }

// checkName checks the name of a node, which may be absent.
func checkName(field, name string) error {
	if name == "" {
		return nil
	}
	return checkText(field, name, MaxReferenceBytes)
}

// Answer is the envelope in which this one is answered.
func (e Envelope) Answer(body json.RawMessage) Envelope {
	if e.Dest == "" {
		e.Dest = Orchestrator
	}
	return Envelope{Src: e.Dest, Dest: e.Src, Body: body}
}
