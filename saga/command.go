package saga

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Command builds the body of the command that the state wants to send about a
// step in progress: type, saga_id and step first, then the fields of the
// definition in their order. An action whose field has no value is an error; a
// compensation leaves it out, since the outcome of the action may be unknown.
func Command(d *Definition, s *State, step int) ([]byte, error) {
	return CommandIn(d, s, step, s.Mode(step))
}

// CommandIn builds the body of the command in one mode, whatever is done about
// the step now.
func CommandIn(d *Definition, s *State, step int, mode Mode) ([]byte, error) {
	op := d.Operation(step, mode)
	body := make([]byte, 0, 256)
	body = append(body, `{"type":"`...)
	body = append(body, op.Type...)
	body = append(body, `","saga_id":"`...)
	body = append(body, s.Start.SagaID...)
	body = append(body, `","step":`...)
	body = strconv.AppendInt(body, int64(step), 10)
	if mode == Compensate {
		body = append(body, `,"compensating":true`...)
		if s.step(step).Reversal {
			body = append(body, `,"reversal":true`...)
		}
	}
	for _, f := range op.Send {
		value, ok := s.lookup(d, f.From, step)
		if !ok && mode == Compensate {
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
func (s *State) lookup(d *Definition, from string, step int) (json.RawMessage, bool) {
	owner, field, _ := strings.Cut(from, ".")
	switch owner {
	case "request":
		value, ok := s.Start.Request[field]
		return value, ok
	case "saga":
		return s.own(field, step)
	}
	for i := range d.Steps {
		if d.Steps[i].Name == owner {
			value, ok := s.Steps[i].Kept[field]
			return value, ok
		}
	}
	return nil, false
}

// own is what the saga itself has to tell its workers.
func (s *State) own(field string, step int) (json.RawMessage, bool) {
	switch field {
	case "order_id":
		return json.RawMessage(`"` + s.Start.OrderID + `"`), true
	case "callback":
		return json.RawMessage(`"` + s.Start.Address(step) + `"`), true
	}
	return nil, false
}

// MissingFieldError says that a command cannot be built.
type MissingFieldError struct{ Command, Field, From string }

func (e *MissingFieldError) Error() string {
	return fmt.Sprintf("%s needs %s, but %s has no value", e.Command, e.Field, e.From)
}
