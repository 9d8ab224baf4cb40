package worker

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// call is one message that came to an endpoint.
type call struct {
	data     []byte
	header   micro.Headers
	replyTo  string
	received time.Time
}

// task is a call that was understood.
type task struct {
	command *protocol.Command // nil for a query
	run     func(ctx context.Context) (reply []byte, err error)
}

// answer is what goes back for a call.
type answer struct {
	body    []byte
	refused *protocol.Error // the request was not taken; marked in the headers of micro services
}

// refusal answers a request that cannot be taken as it stands.
func refusal(err error) answer {
	refused := protocol.AsError(err)
	body, err := json.Marshal(refused)
	if err != nil {
		// Only texts are in it: this cannot happen, and the headers say it all.
		body = nil
	}
	return answer{body: body, refused: refused}
}

// trouble answers a command that was understood and not carried out:
// <Action>_error tells the sender whether to try again. A query has no such
// reply and is refused.
func trouble(command *protocol.Command, err error) answer {
	if command == nil {
		return refusal(err)
	}
	cause := protocol.AsError(err)
	temporary := cause.Code == protocol.CodeOverloaded || cause.Code == protocol.CodeUnavailable
	body, err := protocol.EncodeReply(command.Reply(protocol.SuffixError), protocol.Trouble{
		Error: string(cause.Code), Message: cause.Message, Retryable: temporary,
	})
	if err != nil {
		return refusal(err)
	}
	return answer{body: body}
}

// message is the answer as it goes over the wire. The attempt and the key of
// the command are echoed, so that a late answer is known as such (D26).
func (c *call) message(a answer, now time.Time) *nats.Msg {
	m := nats.NewMsg(c.replyTo)
	m.Data = a.body
	for _, name := range [...]string{protocol.HeaderAttempt, protocol.HeaderKey} {
		if value := c.header.Get(name); value != "" {
			m.Header[name] = []string{value}
		}
	}
	m.Header[protocol.HeaderReceived] = []string{strconv.FormatInt(c.received.UnixMicro(), 10)}
	m.Header[protocol.HeaderAnswered] = []string{strconv.FormatInt(now.UnixMicro(), 10)}
	if a.refused != nil {
		m.Header[micro.ErrorHeader] = []string{a.refused.Error()}
		m.Header[micro.ErrorCodeHeader] = []string{a.refused.Status()}
	}
	return m
}

// isRepeated tells a command that says it was sent before.
func (c *call) isRepeated() bool {
	attempt := c.header.Get(protocol.HeaderAttempt)
	return attempt != "" && attempt != "1"
}

// check holds a command against the endpoint to which it came, and against the
// idempotency key in its headers, if there is one: a sender that disagrees with
// itself is not to be trusted with money (D6).
func (c *call) check(id protocol.SagaID, command protocol.Command, compensating bool) error {
	if command.Compensating != compensating {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "compensating",
			Message: "must be true where a step is undone, and only there",
		}
	}
	key := c.header.Get(protocol.HeaderKey)
	if key != "" && key != protocol.IdempotencyKey(id, command.Step, compensating) {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: protocol.HeaderKey,
			Message: "does not belong to the saga, the step and the direction of this command",
		}
	}
	return nil
}
