package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// trial is the check of one clause.
type trial struct {
	*run
	ctx       context.Context
	clause    clause
	given     int    // saga ids
	note      string // told beside PASS
	exchanges []Exchange
	results   map[string]*results // of actions whose result comes later, by saga
}

// close ends what the trial listens to.
func (t *trial) close() {
	for _, r := range t.results {
		_ = r.sub.Unsubscribe() // the connection may be gone, and so is the subscription
	}
}

// verdict is what a reply says, read leniently: whether a reply is one by the
// letter is a clause of its own (C10).
type verdict string

const (
	accepted verdict = "accepted"
	declined verdict = "declined"
	trouble  verdict = "unavailable"
	pending  verdict = "pending"
	refused  verdict = "refused" // an error object
	none     verdict = "no verdict"
)

// said is what the clauses look at in a reply.
type said struct {
	Type      string `json:"type"`
	Error     string `json:"error"`
	Code      string `json:"code"`
	Field     string `json:"field"`
	Retryable *bool  `json:"retryable"`
	RequestID string `json:"request_id"`
}

func read(reply []byte) (s said) {
	_ = json.Unmarshal(reply, &s) // what is no reply says nothing
	return s
}

func verdictOf(reply []byte) verdict {
	kind := read(reply).Type
	for suffix, v := range map[string]verdict{
		protocol.SuffixOK: accepted, protocol.SuffixFailed: declined, protocol.SuffixError: trouble, protocol.SuffixPending: pending,
	} {
		if strings.HasSuffix(kind, suffix) {
			return v
		}
	}
	if kind == protocol.TypeError {
		return refused
	}
	return none
}

// command builds the body of a command: its head, then samples, each over the one
// before.
func (t *trial) command(kind, saga string, samples ...fields) fields {
	body := fields{"type": kind, "saga_id": saga, "step": json.Number(strconv.Itoa(t.Profile.Step))}
	for _, sample := range samples {
		maps.Copy(body, sample)
	}
	return body
}

func (t *trial) actionBody(saga string, samples ...fields) fields {
	all := append([]fields{t.Profile.Action.Accept}, samples...)
	if c := t.Profile.Callback; c != nil && c.Field != "" {
		all = append([]fields{{c.Field: t.address(saga)}}, all...)
	}
	return t.command(t.Profile.Action.Type, saga, all...)
}

// undoBody is the compensation of an action; reply is what its acceptance said, nil
// if that is not known.
func (t *trial) undoBody(saga string, reply []byte) fields {
	body := t.command(t.Profile.Compensation.Type, saga, fields{"compensating": true})
	var known map[string]json.RawMessage
	_ = json.Unmarshal(reply, &known) // a reply without fields knows none
	for name, from := range t.Profile.Compensation.Send {
		if known[from] != nil {
			body[name] = known[from]
		}
	}
	return body
}

// do sends the accepted sample, with changes, as the orchestrator does, and returns
// the verdict: the answer, or the result that comes later.
func (t *trial) do(saga string, changes ...fields) ([]byte, error) {
	return t.doAttempt(saga, 1, changes...)
}

func (t *trial) doAttempt(saga string, attempt int, changes ...fields) ([]byte, error) {
	return t.verdictOn(saga, encode(t.actionBody(saga, changes...)), t.headers(saga, false, attempt))
}

// verdictOn sends an action and notes what may stand of it.
func (t *trial) verdictOn(saga string, body []byte, header nats.Header) ([]byte, error) {
	s := t.sagas[saga]
	if s == nil {
		s = &standing{}
		t.sagas[saga] = s
	}
	if t.Profile.Callback != nil {
		if err := t.expectResult(saga); err != nil {
			return nil, err
		}
		if len(header) > 0 || t.Profile.Callback.Field == "" {
			header = maps.Clone(header)
			header.Set(protocol.HeaderCallback, t.address(saga))
		}
	}
	reply, err := t.ask(t.Profile.Action.Subject, body, header)
	if err == nil && verdictOf(reply) == pending {
		reply, err = t.awaitResult(saga)
	}
	if verdictOf(reply) == accepted {
		s.lost = s.lost || s.undone && !s.accepted
		s.accepted = true
	}
	return reply, err
}

// undo sends the compensation. reply is what the action was answered, nil if it is
// to be undone without that.
func (t *trial) undo(saga string, reply []byte) ([]byte, error) {
	return t.undoWith(saga, t.undoBody(saga, reply))
}

func (t *trial) undoWith(saga string, body fields) ([]byte, error) {
	answer, err := t.ask(t.Profile.Compensation.Subject, encode(body), t.headers(saga, true, 1))
	if s := t.sagas[saga]; s != nil && err == nil && verdictOf(answer) == accepted {
		s.undone = true
	}
	return answer, err
}

// headers are those of an attempt.
func (t *trial) headers(saga string, compensating bool, attempt int) nats.Header {
	h := nats.Header{protocol.HeaderAttempt: {strconv.Itoa(attempt)}}
	if id, err := protocol.ParseSagaID(saga); err == nil {
		h.Set(protocol.HeaderKey, protocol.IdempotencyKey(id, t.Profile.Step, compensating))
	}
	return h
}

// retryPause is the wait before a command is sent again that was not looked at.
const retryPause = 100 * time.Millisecond

// ask sends a command and returns the answer. While that says that the command was
// not looked at, it is sent again, as the orchestrator does, until the time is over.
func (t *trial) ask(subject string, body []byte, header nats.Header) ([]byte, error) {
	late := time.Now().Add(t.Timeout)
	for {
		reply, err := t.once(subject, body, header)
		if err != nil || !isBusy(reply) || time.Now().After(late) {
			return reply, err
		}
		select {
		case <-time.After(retryPause):
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		}
	}
}

// isBusy tells an answer that asks for the same command again.
func isBusy(reply []byte) bool {
	s := read(reply)
	code := protocol.Code(s.Error + s.Code)
	return code == protocol.CodeOverloaded || code == protocol.CodeUnavailable
}

// once sends one message and notes what comes back.
func (t *trial) once(subject string, body []byte, header nats.Header) ([]byte, error) {
	m, err := t.message(subject, body, header)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func (t *trial) message(subject string, body []byte, header nats.Header) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.Timeout)
	defer cancel()
	begin := time.Now()
	e := Exchange{Subject: subject, Sent: brief(body)}
	for name := range header {
		if e.Header == nil {
			e.Header = make(map[string]string)
		}
		e.Header[name] = header.Get(name)
	}
	m, err := t.Conn.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: body, Header: header})
	e.TookMS = float64(time.Since(begin).Microseconds()) / 1000
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		err = fmt.Errorf("nobody listens on %s: %w", subject, err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer on %s in %s", subject, t.Timeout)
	case err != nil:
		err = fmt.Errorf("asking on %s: %w", subject, err)
	}
	if err != nil {
		e.Error = err.Error()
	} else {
		e.Got = brief(m.Data)
	}
	t.exchanges = append(t.exchanges, e)
	return m, err
}

// observe asks what the worker has done; nil if the profile knows no question, or
// nobody answers it.
func (t *trial) observe(saga string) []byte {
	q := t.Profile.Observe
	if q == nil {
		return nil
	}
	body := strings.NewReplacer("$saga", saga, "$step", strconv.Itoa(t.Profile.Step)).Replace(q.Body)
	reply, err := t.once(q.Subject, []byte(body), nil)
	if err != nil {
		return nil
	}
	return reply
}

// unchanged holds that what can be observed is as it was. What changes by itself,
// since others work here as well, says nothing.
func (t *trial) unchanged(saga string, before []byte) error {
	after := t.observe(saga)
	if !bytes.Equal(before, after) && bytes.Equal(after, t.observe(saga)) {
		return fmt.Errorf("it has happened twice: %s was answered %s before, and %s after", t.Profile.Observe.Subject, brief(before), brief(after))
	}
	return nil
}

// encode writes fields as JSON, in the order of their names.
func encode(body fields) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // all of them were read from JSON
	}
	return text
}
