package stdio

import (
	"encoding/json"
	"strconv"

	"amends/protocol"
)

// The messages of the course beside those of protocol (S0-21).
const (
	typeInit   = "init"
	typeInitOK = "init_ok"
)

// tellInit answers init: the only line that may stand on Out under InitOnly.
func (s *session) tellInit(r *request) {
	body := s.signed(r, []byte(`{"type":"`+typeInitOK+`"}`), true)
	s.printer.print(s.cfg.Out, s.enveloped(r.bare, r.dest, r.src, body))
}

// answer tells a client something about its request: in_reply_to names the
// request, and in an envelope msg_id this message.
func (s *session) answer(r *request, body []byte) {
	s.tell(r, s.signed(r, body, !r.bare))
}

// tell prints a body for the client of a request, in the form of that request.
func (s *session) tell(r *request, body []byte) {
	s.say(r.bare, r.dest, r.src, body)
}

// say prints what one node tells another.
func (s *session) say(bare bool, src, dest string, body []byte) {
	to := s.cfg.Out
	if s.cfg.InitOnly {
		to = s.cfg.Aside
	}
	s.printer.print(to, s.enveloped(bare, src, dest, body))
}

// refuse answers a request that was not taken with the one shape of errors.
func (s *session) refuse(r *request, cause error) {
	refusal := protocol.AsError(cause)
	if refusal.Code == protocol.CodeInternal {
		s.cfg.Log.Error().Err(cause).Msg("a line could not be served")
	}
	s.answer(r, encode(refusal))
}

// signed is a body with what it answers and, if it is numbered, its own msg_id.
func (s *session) signed(r *request, body []byte, numbered bool) []byte {
	if r.head.MsgID != nil {
		body = with(body, "in_reply_to", r.head.MsgID)
	}
	if numbered {
		body = with(body, "msg_id", s.number())
	}
	return body
}

// number is the next msg_id of our own; they count from 0.
func (s *session) number() []byte {
	s.said++
	return strconv.AppendInt(nil, s.said-1, 10)
}

// enveloped is a line as it is printed.
func (s *session) enveloped(bare bool, src, dest string, body []byte) []byte {
	if !bare {
		body = encode(envelope{Src: src, Dest: dest, Body: body})
	}
	return pythonForm(make([]byte, 0, 2*len(body)), body)
}

// encode writes a value of our own as JSON; none of them can fail to be written.
func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return body
}
