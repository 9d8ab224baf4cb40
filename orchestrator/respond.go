package orchestrator

import (
	"encoding/json"
	"errors"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go/micro"
)

// respond answers a request. A client that has gone away is no error of ours.
func respond(r micro.Request, answer any) {
	_ = r.RespondJSON(answer)
}

// respondError answers with the one shape of errors; what is inside an unknown
// error stays inside.
func respondError(r micro.Request, err error) {
	if errors.Is(err, store.ErrUnavailable) {
		err = &protocol.Error{Code: protocol.CodeUnavailable, Message: "the store cannot be reached now; try again"}
	}
	e := protocol.AsError(err)
	body, err := json.Marshal(e)
	if err != nil {
		return
	}
	_ = r.Error(e.Status(), e.Error(), body)
}
