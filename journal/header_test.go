package journal

import (
	"encoding/json"
	"testing"

	"amends/protocol"
	"amends/saga"
)

// What a list of orders needs stands in the headers of the records.
func TestHeadersNameTheOrder(t *testing.T) {
	def := &saga.Definition{Name: "own", Statuses: saga.Statuses{Accepted: "CREATED", Completed: "DONE", Aborted: "CANCELLED"}, Steps: make([]saga.Step, 1)}
	for user, want := range map[string]string{`"u42"`: "u42", `"a\r\nb: c"`: "", `7`: "", ``: ""} {
		start := &saga.Start{SagaID: "c1", OrderID: "o1", Request: map[string]json.RawMessage{"user_id": json.RawMessage(user)}}
		s := &saga.State{Start: start, Phase: saga.Running, Steps: make([]saga.StepState, 1)}
		h := (&Record{SagaID: "c1"}).Header(def, s)
		if h.Get(protocol.HeaderOrder) != "o1" || h.Get(protocol.HeaderStatus) != "CREATED" || h.Get(protocol.HeaderUser) != want {
			t.Errorf("user %q gives %v", user, h)
		}
	}
}
