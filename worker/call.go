package worker

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
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
	message Command           // the whole command, which may meet faults; nil for a query
	run     func(ctx context.Context) (reply []byte, err error)
}

// answer is what goes back for a call.
type answer struct {
	body    []byte
	refused *protocol.Error // the request was not taken; marked in the headers of micro services
	silent  bool            // nothing goes back
}

// errStopping refuses what comes to a replica that does nothing any more. Its answer
// says so in a header of its own: "unavailable" is also what passes.
var errStopping = &protocol.Error{Code: protocol.CodeUnavailable, Message: "this replica is stopping; try again"}

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
	switch {
	case errors.Is(err, errSilent):
		return answer{silent: true}
	case command == nil:
		return refusal(err)
	}
	body, err := protocol.EncodeReply(command.Reply(protocol.SuffixError), troubleOf(err))
	if err != nil {
		return refusal(err)
	}
	return answer{body: body}
}

// troubleOf is what the sender of a command is told of an error.
func troubleOf(err error) protocol.Trouble {
	if outside, ok := errors.AsType[*TroubleError](err); ok {
		return outside.Trouble
	}
	cause := protocol.AsError(err)
	temporary := cause.Code == protocol.CodeOverloaded || cause.Code == protocol.CodeUnavailable
	return protocol.Trouble{Error: string(cause.Code), Message: cause.Message, Retryable: temporary}
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
		if a.refused == errStopping {
			m.Header[protocol.HeaderStopping] = []string{"true"}
		}
	}
	return m
}

// attempt is the number of the attempt, from 1, as the sender says. One that says
// nothing sends for the first time.
func (c *call) attempt() int {
	n, err := strconv.Atoi(c.header.Get(protocol.HeaderAttempt))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// check holds a command against the endpoint to which it came, and against the
// idempotency key in its headers, if there is one: a sender that disagrees with
// itself is not to be trusted with money (D6).
func (c *call) check(id protocol.SagaID, command protocol.Command, compensating bool) error {
	if command.Reversal && !compensating {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "reversal", Message: "may be true where a step is undone, and only there",
		}
	}
	if command.Compensating != compensating {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: "compensating",
			Message: "must be true where a step is undone, and only there",
		}
	}
	key := c.header.Get(protocol.HeaderKey)
	if key != "" && key != keyOf(id, command) {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: protocol.HeaderKey,
			Message: "does not belong to the saga, the step and the direction of this command",
		}
	}
	return checkCallback(c.header.Get(protocol.HeaderCallback))
}

// keyOf is the idempotency key of a command (D6).
func keyOf(id protocol.SagaID, c protocol.Command) string {
	if c.Reversal {
		return protocol.ReversalKey(id, c.Step)
	}
	return protocol.IdempotencyKey(id, c.Step, c.Compensating)
}

// checkCallback takes the address of a result as a header has it: a subject on
// which the orchestrator awaits it, and nothing else that somebody might want a
// participant to publish on (D21).
func checkCallback(subject string) error {
	if subject == "" {
		return nil
	}
	prefix := strings.TrimRight(protocol.SubjectCallbacks, "*.") + "."
	if len(subject) <= protocol.MaxCallbackBytes && strings.HasPrefix(subject, prefix) &&
		strings.Count(subject, ".") == strings.Count(protocol.SubjectCallbacks, ".") && !strings.ContainsAny(subject, "*> \t\r\n") {
		return nil
	}
	return &protocol.Error{
		Code: protocol.CodeInvalidField, Field: protocol.HeaderCallback, Message: "is not the address of a result",
	}
}
