package stdio

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

const (
	// maxEarly bounds the replies that are kept for commands which have not been
	// sent yet.
	maxEarly = 1024
	// sentLife is how long a line is known that no node has answered. Whoever sent
	// the command has given this attempt up long before.
	sentLife = time.Minute
)

// bridge is what a session with external services knows of their commands (A5).
type bridge struct {
	waiting map[string][]sentOut // by what a reply to them says
	early   map[string][]byte    // replies that came before their command, likewise
	order   []string             // in which they came
	later   map[string]string    // where results are awaited, of commands that were taken in
}

// sentOut is one attempt of a command that a node has as a line.
type sentOut struct {
	message *nats.Msg
	msgID   string
	at      time.Time
}

func newBridge() *bridge {
	return &bridge{waiting: make(map[string][]sentOut), early: make(map[string][]byte), later: make(map[string]string)}
}

// keyOf names the command that a reply belongs to.
func keyOf(commandType, sagaID string, step int) string {
	return commandType + " " + sagaID + " " + strconv.Itoa(step)
}

var suffixes = []string{protocol.SuffixOK, protocol.SuffixFailed, protocol.SuffixError, protocol.SuffixPending}

// commandOf is the type of the command that a reply answers; "" if it is the type
// of no reply.
func commandOf(replyType string) string {
	for _, suffix := range suffixes {
		if command, ok := strings.CutSuffix(replyType, suffix); ok {
			return command
		}
	}
	return ""
}

func isReply(messageType string) bool {
	return messageType == protocol.TypeError || commandOf(messageType) != ""
}

// sendOut puts a command out as a line to its node. Every attempt is a line: the
// one before may be lost.
func (s *session) sendOut(m *nats.Msg) {
	var command protocol.Command
	if _, err := protocol.Decode(m.Data, &command); err != nil || command.Type == "" {
		s.respond(m, encode(&protocol.Error{Code: protocol.CodeMalformedRequest, Message: "is no command"}))
		return
	}
	number := s.number()
	s.say(false, s.nameFor(command.SagaID), serviceOf(m.Subject), with(m.Data, "msg_id", number))
	key := keyOf(command.Type, command.SagaID, command.Step)
	if reply := s.bridge.take(key); reply != nil {
		s.respond(m, reply)
		return
	}
	s.bridge.waiting[key] = append(s.bridge.waiting[key], sentOut{m, string(number), time.Now()})
}

// nameFor is the name under which the client of a saga knows this node.
func (s *session) nameFor(sagaID string) string {
	if w := s.watched[sagaID]; w != nil {
		return w.from.dest
	}
	return orchestrator
}

// takeIn gives the reply of a node to whoever waits for it. One that comes before
// its command is kept for it.
func (s *session) takeIn(r *request) error {
	if !s.cfg.External {
		if r.head.Type == protocol.TypeError {
			return nil // nobody is told of an error that an error was not taken
		}
		return &protocol.Error{Code: protocol.CodeUnknownType, Field: "type", Message: "is a reply; those of services are taken with --external-services only"}
	}
	var said protocol.Reply
	if err := json.Unmarshal(r.body, &said); err != nil {
		return &protocol.Error{Code: protocol.CodeInvalidField, Message: "saga_id must be a string and step an integer"}
	}
	key := keyOf(commandOf(said.Type), said.SagaID, said.Step)
	if said.Type == protocol.TypeError {
		key = s.bridge.find(string(r.head.InReplyTo))
	}
	waiting, known := s.bridge.waiting[key]
	delete(s.bridge.waiting, key)
	for _, sent := range waiting {
		s.respond(sent.message, r.body)
		s.bridge.expect(key, said.Type, sent.message)
	}
	switch {
	case known || said.Type == protocol.TypeError:
	case s.bridge.later[key] != "":
		s.callBack(key, r.body)
	default:
		s.bridge.keep(key, r.body)
	}
	return nil
}

// expect notes where the result of a command is awaited that was only taken in
// (S4-09).
func (b *bridge) expect(key, replyType string, m *nats.Msg) {
	if address := m.Header.Get(protocol.HeaderCallback); address != "" && strings.HasSuffix(replyType, protocol.SuffixPending) {
		b.later[key] = address
	}
}

// callBack sends a result to where it is awaited, until somebody takes it (S4-11).
func (s *session) callBack(key string, result []byte) {
	s.ask(&question{
		subject: s.bridge.later[key], body: result,
		tell: func([]byte) []byte { return nil },
		fail: func(err error) { s.cfg.Log.Warn().Err(err).Msg("nobody takes the result of a step") },
	})
	delete(s.bridge.later, key)
}

// keep keeps a reply for a command that may come. When there are many, the oldest
// is let go: it may as well be a reply that was given twice.
func (b *bridge) keep(key string, reply []byte) {
	if len(b.order) == maxEarly {
		delete(b.early, b.order[0])
		b.order = b.order[1:]
	}
	if b.early[key] == nil {
		b.order = append(b.order, key)
	}
	b.early[key] = reply
}

// take returns the reply that was kept for a command, and keeps it no longer.
func (b *bridge) take(key string) []byte {
	reply := b.early[key]
	if reply != nil {
		delete(b.early, key)
		b.order = slices.DeleteFunc(b.order, func(k string) bool { return k == key })
	}
	return reply
}

// expire forgets the lines that are too old to be answered.
func (b *bridge) expire(now time.Time) {
	for key, waiting := range b.waiting {
		if now.Sub(waiting[len(waiting)-1].at) > sentLife {
			delete(b.waiting, key)
		}
	}
}

// find returns the key of the command that was sent under a msg_id.
func (b *bridge) find(msgID string) string {
	for key, waiting := range b.waiting {
		for _, sent := range waiting {
			if sent.msgID == msgID {
				return key
			}
		}
	}
	return ""
}

func (s *session) respond(m *nats.Msg, body []byte) {
	if m.Reply == "" {
		return
	}
	if err := m.Respond(body); err != nil {
		s.cfg.Log.Warn().Err(err).Msg("a reply cannot be sent; the command comes again")
	}
}
