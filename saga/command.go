package saga

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Command builds the body of the command that the state wants to send: type,
// saga_id and step first, then the fields of the definition in their order. An
// action whose field has no value is an error; a compensation leaves it out,
// since the outcome of the action may be unknown.
func Command(d *Definition, s *State) ([]byte, error) {
	undo := s.Phase == Compensating
	op := d.Operation(s.Cursor, undo)
	body := make([]byte, 0, 256)
	body = append(body, `{"type":"`...)
	body = append(body, op.Type...)
	body = append(body, `","saga_id":"`...)
	body = append(body, s.Start.SagaID...)
	body = append(body, `","step":`...)
	body = strconv.AppendInt(body, int64(s.Cursor), 10)
	if undo {
		body = append(body, `,"compensating":true`...)
	}
	for _, f := range op.Send {
		value, ok := s.lookup(d, f.From)
		if !ok && undo {
			continue
		}
		if !ok {
			return nil, &MissingFieldError{Command: op.Type, Field: f.Name, From: f.From}
		}
		body = append(body, `,"`...)
		body = append(body, f.Name...)
		body = append(body, `":`...)
		body = append(body, value...)
	}
	return append(body, '}'), nil
}

// lookup finds the value of a source such as "request.items".
func (s *State) lookup(d *Definition, from string) (json.RawMessage, bool) {
	owner, field, _ := strings.Cut(from, ".")
	if owner == "request" {
		value, ok := s.Start.Request[field]
		return value, ok
	}
	for i := range d.Steps {
		if d.Steps[i].Name == owner {
			value, ok := s.Steps[i].Kept[field]
			return value, ok
		}
	}
	return nil, false
}

// MissingFieldError says that a command cannot be built.
type MissingFieldError struct{ Command, Field, From string }

func (e *MissingFieldError) Error() string {
	return fmt.Sprintf("%s needs %s, but %s has no value", e.Command, e.Field, e.From)
}
