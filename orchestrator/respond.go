package orchestrator

import (
	"encoding/json"
	"errors"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Answers go out by our own connection, not by micro's request: that one is not
// safe to use beside the handler it was given to.

// respond answers a request with a JSON value.
func (o *Orchestrator) respond(reply string, value any) {
	body, err := json.Marshal(value)
	if err == nil {
		err = o.publish(&nats.Msg{Subject: reply, Data: body})
	}
	if err != nil {
		o.log.Warn().Err(err).Msg("cannot answer a client")
	}
}

// respondError answers with the one shape of errors; what is inside an unknown
// error stays inside, and is logged.
func (o *Orchestrator) respondError(reply string, cause error) {
	o.respondErrorAs(reply, cause, func(e *protocol.Error) any { return e })
}

// respondErrorAs is respondError for clients who want the object in another form.
func (o *Orchestrator) respondErrorAs(reply string, cause error, form func(*protocol.Error) any) {
	e := clientError(cause)
	if e.Code == protocol.CodeInternal {
		o.log.Error().Err(cause).Msg("a request could not be answered")
	}
	body, err := json.Marshal(form(e))
	if err == nil {
		m := nats.NewMsg(reply)
		m.Data = body
		m.Header.Set(micro.ErrorHeader, e.Error())
		m.Header.Set(micro.ErrorCodeHeader, e.Status())
		err = o.publish(m)
	}
	if err != nil {
		o.log.Warn().Err(err).Msg("cannot answer a client")
	}
}

// clientError is what a client is told of an error.
func clientError(err error) *protocol.Error {
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "the store cannot be reached now; try again"}
	case errors.Is(err, errNoDefinition):
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "the saga began with a definition that is not known here; ask an orchestrator that has it"}
	}
	return protocol.AsError(err)
}

// publish sends an answer, unless nobody asked for one, or the subject is not one
// on which a client may wait.
func (o *Orchestrator) publish(m *nats.Msg) error {
	if m.Subject == "" || !protocol.IsReplySubject(m.Subject) {
		return nil
	}
	return o.cfg.Conn.PublishMsg(m)
}
