package gateway

import (
	"context"
	"net/http"
	"regexp"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// Headers that travel from the client to whoever answers on NATS.
const (
	headerRequestID   = "X-Request-Id"
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// maxTraceState bounds tracestate, in bytes, as W3C Trace Context advises.
const maxTraceState = 512

// traceParent is the form of the header traceparent in W3C Trace Context.
var traceParent = regexp.MustCompile(`^[0-9a-e][0-9a-f]-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// call is what the gateway knows of one request beside what net/http does.
type call struct {
	id       string      // names it in answers and logs (S3-13)
	header   nats.Header // what travels with all that it asks on NATS
	body     []byte      // as it came, within the bounds of the protocol
	problem  protocol.Code
	trouble  error // what is inside an internal problem; for the log
	isStream bool
}

type callKey struct{}

// newCall names a request: as the client did, if that is an identifier.
func newCall(r *http.Request) *call {
	c := &call{id: r.Header.Get(headerRequestID), header: make(nats.Header, 3)}
	if protocol.CheckID(headerRequestID, c.id) != nil {
		c.id = nuid.Next()
	}
	c.header.Set(headerRequestID, c.id)
	if parent := r.Header.Get(headerTraceParent); traceParent.MatchString(parent) {
		c.header.Set(headerTraceParent, parent)
		if state := r.Header.Get(headerTraceState); state != "" && len(state) <= maxTraceState {
			c.header.Set(headerTraceState, state)
		}
	}
	return c
}

func (c *call) in(ctx context.Context) context.Context { return context.WithValue(ctx, callKey{}, c) }

// callOf returns the call of a request; an empty one outside of any.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}
