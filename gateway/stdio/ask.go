package stdio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

const (
	// patience is how long an answer is awaited beyond what the question allows.
	patience = 5 * time.Second
	// absence is the wait before a question is asked again that nobody was there
	// to hear, and maxAbsences how often: the orchestrator may be starting.
	absence     = 50 * time.Millisecond
	maxAbsences = 100
)

// question is what the system is asked for a client.
type question struct {
	subject string
	body    []byte
	wait    time.Duration // how long the answer may take
	sagaID  string        // of a question that ends with its saga
	tell    func(answer []byte) (again []byte)
	fail    func(error) // nil for a question that is asked once: if nobody answers, whoever wants to know comes again

	due      time.Time // when it is asked again, if nothing is heard
	absences int
}

// ask sends a question. Its tell is given the answer and returns what to ask next,
// nil for nothing; that may take longestWait. A question may be asked twice.
func (s *session) ask(q *question) {
	s.tokens++
	s.send(strconv.FormatInt(s.tokens, 36), q)
}

func (s *session) send(token string, q *question) {
	s.asked[token] = q
	q.due = time.Now().Add(q.wait + patience)
	if err := s.cfg.Conn.PublishRequest(q.subject, s.inbox+token, q.body); err != nil {
		s.cfg.Log.Warn().Err(err).Str("subject", q.subject).Msg("cannot ask now; trying again")
		q.due = time.Now().Add(absence)
	}
}

func (s *session) onAnswer(m *nats.Msg) {
	token := strings.TrimPrefix(m.Subject, s.inbox)
	q := s.asked[token]
	if q == nil {
		return
	}
	if isAbsent(m) {
		s.miss(token, q)
		return
	}
	delete(s.asked, token)
	if !isObject(m.Data) {
		q.giveUp(&protocol.Error{Code: protocol.CodeInternal, Message: "the answer on " + q.subject + " is no JSON object"})
		return
	}
	if again := q.tell(m.Data); again != nil {
		q.body, q.wait = again, longestWait
		s.ask(q)
	}
}

// isAbsent tells the server's own answer that nobody listens.
func isAbsent(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

func isObject(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && text[0] == '{' && json.Valid(text)
}

func (s *session) miss(token string, q *question) {
	if q.absences++; q.absences <= maxAbsences && q.fail != nil {
		q.due = time.Now().Add(absence)
		return
	}
	delete(s.asked, token)
	q.giveUp(&protocol.Error{Code: protocol.CodeUnavailable, Message: "nobody listens on " + q.subject + "; start the system with: amends serve"})
}

func (q *question) giveUp(cause error) {
	if q.fail != nil {
		q.fail(cause)
	}
}

// askAgain repeats the questions that are due, and forgets those that are asked
// once.
func (s *session) askAgain(now time.Time) {
	for token, q := range s.asked {
		switch {
		case now.Before(q.due):
		case q.fail == nil:
			delete(s.asked, token)
		default:
			s.send(token, q)
		}
	}
}

// askStatus tells how a saga stands (N0-2).
func (s *session) askStatus(r *request) error {
	s.ask(&question{
		subject: protocol.SubjectStatus, body: r.body, fail: func(err error) { s.refuse(r, err) },
		tell: func(answer []byte) []byte { s.answer(r, answer); return nil },
	})
	return nil
}

// refusal returns the error that an answer is, if it is one.
func refusal(answer []byte) *protocol.Error {
	var h head
	if err := json.Unmarshal(answer, &h); err != nil {
		return &protocol.Error{Code: protocol.CodeInternal, Message: "the answer is no JSON"}
	}
	if h.Type != protocol.TypeError {
		return nil
	}
	var e protocol.Error
	if err := json.Unmarshal(answer, &e); err != nil {
		return &protocol.Error{Code: protocol.CodeInternal, Message: "the error is no JSON"}
	}
	return &e
}
