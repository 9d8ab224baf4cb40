package stdio

import (
	"encoding/json"
	"strings"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// A session overhears commands and replies: it listens beside the participants,
// and takes nothing from anybody. The server hands a command on before anybody can
// answer it, and a reply before the orchestrator can act on it, so the lines come
// in the order of the events.

// repliesToOrchestrators is where replies go: <inbox>.<saga_id>.<token>. It must not
// be all inboxes. JetStream takes whoever listens on the inbox of a pull for the one
// who pulls, and would give the messages of a process that is gone to nobody.
const repliesToOrchestrators = nats.InboxPrefix + "*.*.>"

// maxAwaited bounds the commands whose replies are awaited.
const maxAwaited = 4096

// watcher is a client that wants to see the steps of a saga.
type watcher struct {
	from    *request
	clients int // how many of them want to
}

// spoken is a command that was overheard.
type spoken struct {
	watcher *watcher
	service string
}

func (s *session) watch(sagaID string, r *request) {
	if w := s.watched[sagaID]; w != nil {
		w.clients++
		return
	}
	s.watched[sagaID] = &watcher{from: r, clients: 1}
}

func (s *session) unwatch(sagaID string) {
	if w := s.watched[sagaID]; w != nil {
		if w.clients--; w.clients == 0 {
			delete(s.watched, sagaID)
		}
	}
}

// overhear shows a command of a saga that is watched.
func (s *session) overhear(m *nats.Msg) {
	var command protocol.Command
	if m.Reply == "" || json.Unmarshal(m.Data, &command) != nil || command.Type == "" {
		return
	}
	w := s.watched[command.SagaID]
	if w == nil {
		return
	}
	if len(s.awaited) >= maxAwaited {
		clear(s.awaited) // of commands that nobody answered
	}
	heard := spoken{watcher: w, service: serviceOf(m.Subject)}
	s.awaited[m.Reply] = heard
	s.say(w.from.bare, w.from.dest, heard.service, m.Data)
}

// overhearAnswer shows the reply to a command that was shown.
func (s *session) overhearAnswer(m *nats.Msg) {
	heard, ok := s.awaited[m.Subject]
	if !ok {
		return
	}
	delete(s.awaited, m.Subject)
	if !isAbsent(m) && json.Valid(m.Data) {
		s.say(heard.watcher.from.bare, heard.service, heard.watcher.from.dest, m.Data)
	}
}

// serviceOf is the node that takes the commands of a subject (A5).
func serviceOf(subject string) string {
	service, _, _ := strings.Cut(subject, ".")
	return service
}
