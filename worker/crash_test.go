package worker_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
)

// sendOnly sends a command whose answer nobody will get.
func (s *stage) sendOnly(subject string, body []byte) {
	s.Helper()
	if err := s.client.PublishRequest(subject, nats.NewInbox(), body); err != nil {
		s.Fatal(err)
	}
}

// TestKilledWhileTheOutsideIsAsked: the till dies before the outside has done
// anything, or after it; another one finishes what it began, and the outside does
// it once.
func TestKilledWhileTheOutsideIsAsked(t *testing.T) {
	for name, before := range map[string]bool{"before it did anything": true, "after it was done": false} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			killed := make(chan struct{})
			kill := func(call string) error {
				if call != "submit s.2.do" {
					return nil
				}
				s.vault.set(nil, nil)
				s.link.Close()
				close(killed)
				if before {
					return errAway
				}
				return nil
			}
			if before {
				s.vault.set(kill, nil)
			} else {
				s.vault.set(nil, kill)
			}
			s.sendOnly(tillCharge, encoded(t, chargeStep))
			<-killed
			if m := s.record("s.2"); m.Promise == nil || m.Action != nil {
				t.Fatalf("there is %+v", m)
			}
			s.open(nil)
			s.want(tillCharge, chargeStep, "ChargePayment_ok", "s.2.do")
			want := map[bool]int{true: 2, false: 1}[before]
			if n := s.vault.heard("submit"); n != want {
				t.Errorf("it was submitted %d times, want %d: %s", n, want, s.vault.said())
			}
		})
	}
}

// TestKilledBeforeItAnswers: the verdict is stored, and the till dies in the
// moment in which it would answer. Another one gives exactly that answer (D25).
func TestKilledBeforeItAnswers(t *testing.T) {
	s := newStage(t)
	if err := s.till.Stop(soon(s)); err != nil {
		t.Fatal(err)
	}
	var link atomic.Pointer[nats.Conn]
	killed := make(chan struct{})
	_, conn := s.open(func(cfg *worker.Config) {
		cfg.Now = func() time.Time {
			// The time of the answer is taken when everything else is done.
			if nc := link.Load(); nc != nil && s.record("s.2").Action != nil {
				link.Store(nil)
				nc.Close()
				close(killed)
			}
			return time.Now()
		}
	})
	link.Store(conn)
	s.sendOnly(tillCharge, encoded(t, chargeStep))
	<-killed
	stored := string(s.record("s.2").Action.Reply)
	s.open(nil)
	if got := s.want(tillCharge, chargeStep, "ChargePayment_ok", ""); got != stored {
		t.Errorf("got %s, stored is %s", got, stored)
	}
	if n := s.vault.heard("submit"); n != 1 {
		t.Errorf("it was submitted %d times", n)
	}
}

// TestKilledBetweenDecisionAndResult: the result was decided and not told; and it
// was told, and that was not noted. It comes again, the same.
func TestKilledBetweenDecisionAndResult(t *testing.T) {
	s := newStage(t)
	heard, answered := make(chan string, 10), make(chan struct{})
	if _, err := s.client.Subscribe(request.Callback, func(m *nats.Msg) {
		<-answered
		heard <- string(m.Data)
		if len(heard) == 1 {
			s.link.Close() // before it can be told that this was taken
		}
		_ = m.Respond([]byte(accepted)) // to nobody, the first time
	}); err != nil {
		t.Fatal(err)
	}
	s.want(tillRequest, request, "RequestPayment_pending", "")
	close(answered)
	s.eventually("the till is dead", s.link.IsClosed)
	if m := s.record("s.2"); m.Action == nil || m.Promise == nil {
		t.Fatalf("there is %+v", m)
	}
	s.open(nil)
	s.eventually("nothing is owed", func() bool { return s.owed() == 0 })
	first, again := <-heard, <-heard
	if first != again || !strings.Contains(first, "_ok") {
		t.Errorf("told %s, and then %s", first, again)
	}
	if told := s.query(2); string(told.Reply) != first || told.Outcome != protocol.OutcomeKnown {
		t.Errorf("asked, it tells %+v", told)
	}
}
