package protocol

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Verdict is what a participant decided about a command.
type Verdict uint8

// The verdicts. The zero value is none.
const (
	Accepted    Verdict = iota + 1 // done; remembered and repeated for every later attempt
	Declined                       // a final no of the business, never retried (D20)
	Unavailable                    // a technical no; nothing was decided
	Deferred                       // taken in; the result comes later (S4-09)
)

// String names the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Accepted:
		return "accepted"
	case Declined:
		return "declined"
	case Unavailable:
		return "unavailable"
	case Deferred:
		return "pending"
	default:
		return "none"
	}
}

// Answer is a reply that echoes its command.
type Answer struct {
	Reply   // an error body need not echo; then saga and step are the command's
	Verdict Verdict
	Failure Failure // of a Declined answer
	Trouble Trouble // of an Unavailable answer
	Pending Pending // of a Deferred answer
	// Fields holds the fields of an Accepted answer as they stand in Body, without
	// type, saga_id, step and those that are null.
	Fields map[string]json.RawMessage
	// Body is the whole reply as it came.
	Body json.RawMessage
}

// ParseReply reads the reply to a command of the type action, for one step of
// one saga. The answer keeps data, which must not change afterwards.
//
// The type must be <action>_ok, <action>_failed, <action>_error, <action>_pending
// or error, and saga_id and step must be those of the command (D26); a body of
// type error may leave these two out. A refusal must name its error. Anything
// else is an *Error: such a reply is no verdict on this command, so the caller
// counts it and never takes it for a yes.
//
// Whether a reply may be pending is for the caller to know: only an action may,
// and only where the definition awaits its result later. The result itself, which
// comes as a callback, is read in the same way.
func ParseReply(action string, id SagaID, step int, data []byte) (Answer, error) {
	s := newScanner(data)
	defer s.release()
	if fault := s.scan(openShape); fault != nil {
		return Answer{}, fault
	}
	said, err := s.echo(id, step)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Reply: Reply{Type: said.typeName, SagaID: id.String(), Step: step}, Body: data}
	if said.typeName == TypeError {
		return a.unavailableByError()
	}
	suffix, ofAction := strings.CutPrefix(said.typeName, action)
	switch {
	case !said.sagaID:
		return Answer{}, missing("saga_id")
	case !said.step:
		return Answer{}, missing("step")
	case ofAction && suffix == SuffixOK:
		return a.accepted(s), nil
	case ofAction && suffix == SuffixFailed:
		return a.declined()
	case ofAction && suffix == SuffixError:
		return a.unavailable()
	case ofAction && suffix == SuffixPending:
		return a.deferred()
	}
	return Answer{}, &Error{Code: CodeUnknownType, Field: "type", Message: "is no answer to " + action}
}

// echo is what a reply says of the command it answers.
type echo struct {
	typeName string
	sagaID   bool // it is there, and it is the command's
	step     bool // likewise
}

func (s *scanner) echo(id SagaID, step int) (echo, error) {
	var said echo
	for _, m := range s.members {
		value := s.data[m.value.start:m.value.end]
		if isNull(value) {
			continue
		}
		switch string(s.name(m.key)) {
		case "type":
			said.typeName = string(s.content(value))
		case "saga_id":
			if string(s.content(value)) != id.String() {
				return echo{}, invalid("saga_id", "is not the saga_id of the command")
			}
			said.sagaID = true
		case "step":
			if string(value) != strconv.Itoa(step) {
				return echo{}, invalid("step", "is not the step of the command")
			}
			said.step = true
		}
	}
	if said.typeName == "" {
		return echo{}, missing("type")
	}
	return said, nil
}

// content is the text of a string that was scanned; nothing for other values.
func (s *scanner) content(value []byte) []byte {
	switch {
	case value[0] != '"':
		return nil
	case bytes.IndexByte(value, '\\') >= 0:
		return s.unescape(value)
	default:
		return value[1 : len(value)-1]
	}
}

func isNull(value []byte) bool { return string(value) == "null" }

func (a Answer) accepted(s *scanner) Answer {
	a.Verdict = Accepted
	a.Fields = make(map[string]json.RawMessage)
	for _, m := range s.members {
		value := a.Body[m.value.start:m.value.end:m.value.end]
		switch name := s.name(m.key); string(name) {
		case "type", "saga_id", "step":
		default:
			if !isNull(value) {
				a.Fields[string(name)] = value
			}
		}
	}
	return a
}

func (a Answer) declined() (Answer, error) {
	a.Verdict = Declined
	if _, err := Decode(a.Body, &a.Failure); err != nil {
		return Answer{}, err
	}
	if a.Failure.Error == "" {
		return Answer{}, missing("error")
	}
	return a, nil
}

func (a Answer) unavailable() (Answer, error) {
	a.Verdict = Unavailable
	if _, err := Decode(a.Body, &a.Trouble); err != nil {
		return Answer{}, err
	}
	if a.Trouble.Error == "" {
		return Answer{}, missing("error")
	}
	if err := checkRange("retry_after_ms", a.Trouble.RetryAfterMS, 0, MaxRetryAfterMS); err != nil {
		return Answer{}, err
	}
	return a, nil
}

func (a Answer) deferred() (Answer, error) {
	a.Verdict = Deferred
	if _, err := Decode(a.Body, &a.Pending); err != nil {
		return Answer{}, err
	}
	if err := checkOptionalReference("request_id", a.Pending.RequestID); err != nil {
		return Answer{}, err
	}
	return a, nil
}

// unavailableByError reads the shape in which a service refuses a request it did
// not take. Only what is no fault of the request may be tried again.
func (a Answer) unavailableByError() (Answer, error) {
	var e wireError
	if _, err := Decode(a.Body, &e); err != nil {
		return Answer{}, err
	}
	if e.Code == "" {
		return Answer{}, missing("code")
	}
	a.Verdict = Unavailable
	a.Trouble = Trouble{Error: string(e.Code), Message: strings.TrimSpace(e.Field + " " + e.Message)}
	switch e.Code {
	case CodeOverloaded, CodeUnavailable, CodeInternal:
		a.Trouble.Retryable = true
	}
	return a, nil
}
