package gateway_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"amends/protocol"

	"go.uber.org/goleak"
)

// A gateway that was stopped leaves nothing behind: no goroutine, and no
// subscription on the connection, which is not its own.
func TestStoppingLeavesNothing(t *testing.T) {
	j := newStage(t).journal()
	j.answer(protocol.SubjectStatus, `{"type":"error","code":"saga_not_found","message":"is the id of no saga here","field":"saga_id"}`)
	j.has("ended", "COMPLETED", 3)
	j.has("open", "RUNNING", 1)
	nc := j.server.Connect(t)
	_, err := nc.Request(protocol.SubjectStatus, nil, patience) // the connection itself has one subscription for all answers
	j.must(err)
	before := goleak.IgnoreCurrent()
	d := open(t, nc)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			d.watch("ended").story("")
			d.get("/v1/sagas/none/events").problem(404, protocol.CodeSagaNotFound, "saga_id")
			w := d.watch("open")
			w.story("PENDING")
			w.stop()
		})
	}
	all.Wait()
	last := d.watch("open")
	last.story("PENDING")
	j.must(d.Stop(context.Background()))
	last.story("")
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "all is given back", func() bool {
		return nc.NumSubscriptions() == 1 && goleak.Find(before) == nil
	})
}
