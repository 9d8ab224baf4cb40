package worker_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// cursed is a door whose users meet a fault, as their names say.
func cursed(t *testing.T) (client *nats.Conn, done *int) {
	t.Helper()
	cfg := workertest.Server(t).Config(t)
	done = new(int)
	book := worker.NewBook[empty]("DOOR")
	act := worker.Act(subjectOpen, book, func(protocol.ChargePayment, int64) (empty, empty, *protocol.Failure) {
		*done++
		return empty{}, empty{}, nil
	})
	plan := func(_ context.Context, cmd protocol.ChargePayment, attempt int) worker.Fault {
		switch cmd.UserID {
		case "busy":
			if attempt < 3 {
				return worker.Fault{Trouble: &protocol.Trouble{Error: "busy", Retryable: true, RetryAfterMS: 7}}
			}
		case "lost":
			return worker.Fault{Lost: attempt == 1}
		case "mute":
			return worker.Fault{Mute: attempt == 1}
		case "slow":
			return worker.Fault{Delay: time.Millisecond}
		}
		return worker.Fault{}
	}
	s, err := worker.New(cfg, "door", book, worker.WithFaults(act, plan))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	return cfg.Conn, done
}

// try sends one attempt; it returns "" if there is no answer.
func try(t testing.TB, nc *nats.Conn, user string, attempt int, wait time.Duration) string {
	t.Helper()
	m := nats.NewMsg(subjectOpen)
	m.Data = open(user, user)
	m.Header.Set(protocol.HeaderAttempt, strconv.Itoa(attempt))
	answer, err := nc.RequestMsg(m, wait)
	if errors.Is(err, nats.ErrTimeout) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.Data)
}

// silence is how long nothing must come.
const silence = 100 * time.Millisecond

func TestFaultsAreMetOnPurpose(t *testing.T) {
	client, done := cursed(t)
	for attempt := 1; attempt <= 2; attempt++ {
		if got := parse(t, try(t, client, "busy", attempt, patience)); got.Error != "busy" || !got.Retryable || got.RetryAfterMS != 7 || *done != 0 {
			t.Errorf("busy, attempt %d: got %+v, %d done", attempt, got, *done)
		}
	}
	if got := parse(t, try(t, client, "busy", 3, patience)); got.Type != "ChargePayment_ok" || *done != 1 {
		t.Errorf("busy, attempt 3: got %+v, %d done", got, *done)
	}
	if got := try(t, client, "lost", 1, silence); got != "" || *done != 1 {
		t.Errorf("lost: got %s, %d done", got, *done)
	}
	if got := parse(t, try(t, client, "lost", 2, patience)); got.Type != "ChargePayment_ok" || *done != 2 {
		t.Errorf("after it was lost: got %+v, %d done", got, *done)
	}
	if got := try(t, client, "mute", 1, silence); got != "" {
		t.Errorf("mute: got %s", got)
	}
	if got := parse(t, try(t, client, "mute", 2, patience)); got.Type != "ChargePayment_ok" || *done != 3 {
		t.Errorf("after it was mute: got %+v, %d done", got, *done)
	}
	for _, user := range []string{"slow", "u42"} {
		if got := parse(t, try(t, client, user, 1, patience)); got.Type != "ChargePayment_ok" {
			t.Errorf("%s: got %+v", user, got)
		}
	}
}
