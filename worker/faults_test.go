package worker_test

import (
	"errors"
	"strings"
	"testing"

	"amends/faults"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// unlucky is a door whose actions fail with a probability.
func unlucky(t *testing.T, probability float64, allow bool) *nats.Conn {
	t.Helper()
	cfg := workertest.Server(t).Config(t)
	cfg.Faults, cfg.AllowFaults = faults.NewInjector(faults.Config{}), allow
	if err := cfg.Faults.SetFailure("door", probability); err != nil {
		t.Fatal(err)
	}
	book := worker.NewBook[empty]("DOOR")
	s, err := worker.New(cfg, "door", book, worker.Act(subjectOpen, book, func(protocol.ChargePayment, int64) (empty, empty, *protocol.Failure) {
		return empty{}, empty{}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	return cfg.Conn
}

func tell(t *testing.T, nc *nats.Conn, subject, body string) string {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), patience)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// S2-08: a chance of 1 fails every action, for good; one of 0 fails none. It is
// changed while the service runs.
func TestChances(t *testing.T) {
	nc := unlucky(t, 1, true)
	if got := parse(t, try(t, nc, "u1", 1, patience)); got.Error != "door_service_error" || got.Retryable {
		t.Errorf("got %+v", got)
	}
	subject := protocol.SubjectFaults("door")
	for body, want := range map[string]string{
		`{}`:                            `{"type":"faults","service":"door","failure_probability":1}`,
		`{"failure_probability":1.5}`:   `"code":"invalid_field"`,
		`{"failure_probability":-0.1}`:  `"code":"invalid_field"`,
		`{"failure_probability":"all"}`: `"code":"invalid_field"`,
	} {
		if got := tell(t, nc, subject, body); !strings.Contains(got, want) {
			t.Errorf("%s is answered %s", body, got)
		}
	}
	if got := tell(t, nc, subject, `{"failure_probability":0.0}`); got != `{"type":"faults","service":"door","failure_probability":0}` {
		t.Errorf("answered %s", got)
	}
	if got := parse(t, try(t, nc, "u1", 2, patience)); got.Type != "ChargePayment_ok" {
		t.Errorf("got %+v", got)
	}
}

// Nobody makes a service fail that was not started so.
func TestFaultsAreClosedUnlessAllowed(t *testing.T) {
	nc := unlucky(t, 0, false)
	if _, err := nc.Request(protocol.SubjectFaults("door"), []byte(`{"failure_probability":1}`), patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("answered with %v", err)
	}
}
