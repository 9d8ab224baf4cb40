package stdio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"amends/protocol"
)

// line is one line of the input, without what ends it.
type line struct {
	text    []byte
	tooLong bool // longer than MaxRequestBytes: its text was thrown away
}

// readLines sends the lines of r until it ends or ctx does, and then closes the
// channel. However long a line is, no more of it is kept than MaxRequestBytes.
func readLines(ctx context.Context, r io.Reader, to chan<- line) {
	defer close(to)
	in := bufio.NewReaderSize(r, protocol.MaxRequestBytes+len("\r\n"))
	for {
		l, err := readLine(in)
		if len(l.text) > 0 || l.tooLong {
			select {
			case to <- l:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func readLine(in *bufio.Reader) (line, error) {
	text, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line{text: bytes.Clone(bytes.TrimSpace(text))}, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return line{tooLong: true}, err
}

// request is one line that was understood, or as much of it as was.
type request struct {
	bare bool   // the line was a body without an envelope
	src  string // who asks
	dest string // who is asked: the name that answers bear
	body json.RawMessage
	head head
}

// head is what every body may say.
type head struct {
	Type      string          `json:"type"`
	MsgID     json.RawMessage `json:"msg_id"`
	InReplyTo json.RawMessage `json:"in_reply_to"`
}

// envelope is the form of a line that has one.
type envelope struct {
	Src  string          `json:"src"`
	Dest string          `json:"dest"`
	Body json.RawMessage `json:"body"`
}

// orchestrator is the name of this node unless a line calls it otherwise.
const orchestrator = "checkout_orchestrator"

// parse reads a line. The error is an *protocol.Error; the request then holds what
// is known of whom to tell.
func parse(l line) (request, error) {
	r := request{bare: true, dest: orchestrator}
	if l.tooLong {
		return r, &protocol.Error{Code: protocol.CodeTooLarge, Message: "the line is too long"}
	}
	var e envelope
	if _, err := protocol.Decode(l.text, &e); err != nil {
		return r, err
	}
	r.body = l.text
	if e.Body != nil {
		r.bare, r.src, r.body = false, e.Src, e.Body
		if e.Dest != "" {
			r.dest = e.Dest
		}
	}
	return r, r.parseHead()
}

func (r *request) parseHead() error {
	var h head
	if _, err := protocol.Decode(r.body, &h); err != nil {
		return err
	}
	if string(h.MsgID) == "null" {
		h.MsgID = nil // as if it were not there
	}
	if err := checkMsgID("msg_id", h.MsgID); err != nil {
		return err
	}
	r.head = h
	if h.Type == "" {
		return &protocol.Error{Code: protocol.CodeMissingField, Field: "type", Message: "is required"}
	}
	return nil
}

// checkMsgID takes what can be echoed: a short number or text.
func checkMsgID(field string, raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	isNumber := raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9'
	if !isNumber && raw[0] != '"' {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: field, Message: "must be a number or a string"}
	}
	if len(raw) > protocol.MaxMsgIDBytes+len(`""`) {
		return &protocol.Error{Code: protocol.CodeTooLarge, Field: field, Message: "is too long"}
	}
	return nil
}
