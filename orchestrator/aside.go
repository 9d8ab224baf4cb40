package orchestrator

import (
	"context"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go/micro"
)

// maxAside bounds what is done at once of one kind outside the mailboxes of the
// sagas; more of it waits.
const maxAside = 512

// asideTimeout bounds a request, beyond what its client wants to wait.
const asideTimeout = 30 * time.Second

// slots bounds how many goroutines of a kind there are.
type slots chan struct{}

// run runs something that may take its time on a goroutine of its own. It waits
// while too many run.
func (s slots) run(what func()) {
	s <- struct{}{}
	go func() {
		defer func() { <-s }()
		what()
	}()
}

// meanwhile gives the slot back while something waits that holds one: whoever
// waits for a saga does not keep others from being served.
func (s slots) meanwhile(wait func() bool) bool {
	<-s
	defer func() { s <- struct{}{} }()
	return wait()
}

// serveAside reads a request and answers it aside.
func (o *Orchestrator) serveAside(r micro.Request, request interface{ Validate() error }, serve func(context.Context) (any, error)) {
	if err := decodeRequest(r.Data(), request); err != nil {
		o.respondError(r.Reply(), err)
		return
	}
	reply := r.Reply()
	o.requests.run(func() {
		ctx, cancel := context.WithTimeout(o.background, asideTimeout+time.Duration(protocol.MaxWaitMS)*time.Millisecond)
		defer cancel()
		answer, err := serve(ctx)
		if err != nil {
			o.respondError(reply, err)
			return
		}
		o.respond(reply, answer)
	})
}

// decodeRequest reads a request. Those that ask for nothing in particular may be
// empty.
func decodeRequest(data []byte, request interface{ Validate() error }) error {
	if len(data) > 0 || !maybeEmpty(request) {
		if _, err := protocol.Decode(data, request); err != nil {
			return err
		}
	}
	return request.Validate()
}

func maybeEmpty(request any) bool {
	switch request.(type) {
	case *protocol.ListRequest, *protocol.DefinitionsRequest:
		return true
	}
	return false
}
