package worker_test

import (
	"context"
	"sync/atomic"
	"testing"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const subjectKnock = "door.knock"

// knock is a request that is no step of a saga.
type knock struct{}

func (knock) Validate() error { return nil }

// replica starts a replica of a service whose commands go to the one that writes.
func replica(t *testing.T, server *workertest.NATS, onKnock func() error) (*worker.Service, *nats.Conn) {
	t.Helper()
	cfg := server.Config(t)
	book := worker.NewGuardedBook("DOOR", "", blank{})
	s, err := worker.New(cfg, "door", book, book.Relay("door",
		worker.Act(subjectOpen, book, func(protocol.ChargePayment, int64) (empty, empty, *protocol.Failure) { return empty{}, empty{}, nil }),
		worker.Serve(subjectKnock, func(context.Context, knock) (empty, error) { return empty{}, onKnock() }),
	)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	return s, cfg.Conn
}

// A replica that cannot do something now still is the one that writes: nobody else
// takes over, and its refusal comes back as what it is.
func TestARefusalIsNoReasonToTakeOver(t *testing.T) {
	server := workertest.Server(t)
	var knocks, takenOver atomic.Int32
	writer, nc := replica(t, server, func() error {
		knocks.Add(1)
		return &protocol.Error{Code: protocol.CodeUnavailable, Message: "not now"}
	})
	if got := parse(t, ask(t, nc, open("s", "u1"))); got.Type != "ChargePayment_ok" {
		t.Fatalf("the first command: %+v", got)
	}
	replica(t, server, func() error { takenOver.Add(1); return nil })
	const all = 50 // either of them gets some of these
	for range all {
		answer, err := nc.Request(subjectKnock, []byte("{}"), patience)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Header.Get(micro.ErrorCodeHeader) == "" || answer.Header.Get(protocol.HeaderStopping) != "" {
			t.Fatalf("got %s with %v", answer.Data, answer.Header)
		}
	}
	if knocks.Load() != all || takenOver.Load() != 0 {
		t.Errorf("the writer decided %d, the other %d", knocks.Load(), takenOver.Load())
	}
	workertest.Halt(t, writer)
	if answer, err := nc.Request(subjectKnock, []byte("{}"), patience); err != nil || answer.Header.Get(micro.ErrorCodeHeader) != "" {
		t.Errorf("when the writer is gone: %+v, %v", answer, err)
	}
}
