package protocol

import (
	"encoding/json"
	"fmt"
)

// Reply heads the answer to this command: its type with the given suffix, and
// the saga and step that every answer echoes.
func (c Command) Reply(suffix string) Reply {
	return Reply{Type: c.Type + suffix, SagaID: c.SagaID, Step: c.Step}
}

// EncodeReply writes the body of a reply: type, saga_id and step first, then the
// fields of the payload in their own order, as document 000 does (S0-08, S0-14,
// S0-16). The payload is a struct or map that becomes a JSON object, or nil for
// no fields. It fails when the payload is no object, repeats one of the first
// three names, or makes the reply one that ParseReply would refuse for its form.
func EncodeReply(r Reply, payload any) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", r.Type, err)
	}
	if payload == nil {
		return body, nil
	}
	fields, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("encoding the fields of %s: %w", r.Type, err)
	}
	switch {
	case fields[0] != '{':
		return nil, fmt.Errorf("encoding the fields of %s: %T is no JSON object", r.Type, payload)
	case len(fields) > len("{}"):
		body[len(body)-1] = ','
		body = append(body, fields[1:]...)
	}
	if err := checkForm(body); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", r.Type, err)
	}
	return body, nil
}

func checkForm(body []byte) error {
	s := newScanner(body)
	defer s.release()
	if fault := s.scan(openShape); fault != nil {
		return fault
	}
	return nil
}
