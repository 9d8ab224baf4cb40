package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"amends/protocol"
)

// writeTimeout bounds how long a watcher may take to take what it is sent.
const writeTimeout = 10 * time.Second

// reconnect is what a browser is told to wait before it asks again, if the
// stream breaks off.
const reconnect = 2 * time.Second

// stream writes server-sent events to one client.
type stream struct {
	id      protocol.SagaID
	seen    int    // number of the last event that was told
	status  string // that was told last
	w       http.ResponseWriter
	control *http.ResponseController
	text    bytes.Buffer // what is sent next
}

func newStream(w http.ResponseWriter, r *http.Request, id protocol.SagaID, seen int) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // else a proxy keeps events back
	return &stream{id: id, seen: seen, w: w, control: http.NewResponseController(w)}
}

// open sends the headers, and how soon to come back.
func (s *stream) open() error {
	s.w.WriteHeader(http.StatusOK)
	fmt.Fprintf(&s.text, "retry: %d\n\n", reconnect.Milliseconds())
	return s.send()
}

// tell sends what a record has beyond what was told, and the end if there is
// one, all at once.
func (s *stream) tell(r *record) error {
	for _, t := range r.after(s.seen) {
		s.event("transition", strconv.Itoa(t.Seq), t.public())
	}
	s.seen = len(r.Events)
	standing := map[string]string{"saga_id": s.id.String(), "status": r.status()}
	if r.status() != s.status {
		s.status = r.status()
		s.event("status", "", standing)
	}
	if isTerminal(r.status()) {
		s.event("end", strconv.Itoa(s.seen)+endMark, standing)
	}
	return s.send()
}

// event adds one event to what is sent next. JSON has no line breaks.
func (s *stream) event(name, id string, data any) {
	if id != "" {
		fmt.Fprintf(&s.text, "id: %s\n", id)
	}
	fmt.Fprintf(&s.text, "event: %s\ndata: ", name)
	// What was read as JSON can be written as JSON.
	_ = json.NewEncoder(&s.text).Encode(data)
	s.text.WriteByte('\n')
}

// alive says that the stream is there.
func (s *stream) alive() error {
	s.text.WriteString(": alive\n\n")
	return s.send()
}

// askAgain says that the client should come back, not all clients at once: some
// other gateway will answer.
func (s *stream) askAgain() {
	pause := time.Second + rand.N(reconnect)
	fmt.Fprintf(&s.text, ": the gateway is stopping\nretry: %d\n\n", pause.Milliseconds())
	_ = s.send()
}

func (s *stream) send() error {
	if s.text.Len() == 0 {
		return nil
	}
	// A writer without deadlines is one of a test.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.w.Write(s.text.Bytes())
	s.text.Reset()
	if err != nil {
		return err
	}
	return s.control.Flush()
}
