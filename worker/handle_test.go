package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	subjectGreet = "tally.greet"
	subjectWait  = "tally.wait"
)

// greeting asks for a person by name.
type greeting struct {
	Name string `json:"name"`
}

func (g greeting) Validate() error { return protocol.CheckID("name", g.Name) }

type greeted struct {
	Hello string `json:"hello"`
}

func greet(_ context.Context, g greeting) (greeted, error) {
	switch g.Name {
	case "nobody":
		return greeted{}, &protocol.Error{Code: protocol.CodeNotFound, Message: "is not here"}
	case "fault":
		return greeted{}, errors.New("a secret")
	}
	return greeted{Hello: g.Name}, nil
}

func TestHandleAnswersOrSaysWhatIsWrong(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	openRows(t, cfg, tallies, worker.Serve(subjectGreet, greet))
	for say, hear := range map[string]string{
		`{"name":"ann"}`:    `{"hello":"ann"}`,
		`{"name":"nobody"}`: `{"type":"error","code":"not_found","message":"is not here"}`,
		`{"name":"a.b"}`:    `{"type":"error","code":"invalid_id","message":"may hold only letters, digits, _ and -","field":"name"}`,
		`{}`:                `{"type":"error","code":"missing_field","message":"is required","field":"name"}`,
		`{"name":"fault"}`:  `{"type":"error","code":"internal","message":"internal error; the log of the service has the cause"}`,
	} {
		m, err := cfg.Conn.Request(subjectGreet, []byte(say), patience)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data) != hear {
			t.Errorf("%s\ngot  %s\nwant %s", say, m.Data, hear)
		}
	}
}

// TestPatientEndpointsWaitApart: those who wait are bounded by themselves, keep
// nobody else from being answered, and let go when the service stops.
func TestPatientEndpointsWaitApart(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	cfg.Concurrency = 1
	entered := make(chan struct{}, 10)
	wait := func(ctx context.Context, g greeting) (greeted, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return greeted{Hello: "late"}, nil
	}
	s, err := worker.New(cfg, "tally", worker.NewRows(tallies),
		worker.Serve(subjectGreet, greet), worker.Serve(subjectWait, wait).Patient(2, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	request := func(subject string) string {
		m, err := cfg.Conn.Request(subject, []byte(`{"name":"ann"}`), patience)
		if err != nil {
			return err.Error()
		}
		return string(m.Data)
	}
	answers := make(chan string, 2)
	for range 2 {
		go func() { answers <- request(subjectWait) }()
		<-entered
	}
	if got := request(subjectWait); !strings.Contains(got, "overloaded") {
		t.Errorf("a third one: got %s", got)
	}
	if got := request(subjectGreet); got != `{"hello":"ann"}` {
		t.Errorf("beside those who wait: got %s", got)
	}
	workertest.Halt(t, s)
	for range 2 {
		if got := <-answers; got != `{"hello":"late"}` {
			t.Errorf("when the service stopped: got %s", got)
		}
	}
}

// TestAnswersGoToClientsOnly: whoever asks says where the answer goes. With the
// rights of the service, it must not become a row of a bucket.
func TestAnswersGoToClientsOnly(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	s, err := worker.New(cfg, "tally", worker.NewRows(tallies), worker.Serve(subjectGreet, greet))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	stolen := protocol.BucketSubject("TALLIES", "stolen")
	if err := cfg.Conn.PublishRequest(subjectGreet, stolen, []byte(`{"name":"thief"}`)); err != nil {
		t.Fatal(err)
	}
	// Requests of one connection are taken in order, and a service stops when those
	// it took are answered.
	if _, err := cfg.Conn.Request(subjectGreet, []byte(`{"name":"ann"}`), patience); err != nil {
		t.Fatal(err)
	}
	workertest.Halt(t, s)
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(soon(t), "TALLIES")
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := kv.Get(soon(t), "stolen"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("an answer became a row: %v", entry)
	}
}

// asked is the reply to a command, as far as these tests look at it.
type asked struct {
	protocol.Reply
	protocol.Trouble
}

func parse(t testing.TB, body string) asked {
	t.Helper()
	var a asked
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("decoding %s: %v", body, err)
	}
	return a
}
