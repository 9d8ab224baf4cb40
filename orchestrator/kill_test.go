package orchestrator

import (
	"encoding/json"
	"errors"
	"testing"

	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats.go"
)

// killSaga ends a saga where it stands.
func (s *stage) killSaga(sagaID string) {
	s.Helper()
	status, code := s.act(protocol.SubjectCancel, `{"saga_id":"`+sagaID+`","kill":true,"reason":"test","by":"me"}`)
	if status != protocol.StatusKilled {
		s.Fatalf("killed %s: %s %s", sagaID, status, code)
	}
}

// nothing is sent any more for a saga that was killed, also when its owner
// has it in memory and was about to offer a command.
func TestAKilledSagaSendsNothing(t *testing.T) {
	s := newStage(t)
	o := s.orchestrator("one")
	s.prices(o)
	s.waiting("c1") // nobody listens for its charge
	nudges, err := s.client.SubscribeSync(protocol.SubjectNudges)
	s.must(err)
	s.killSaga("c1")
	s.killSaga("c1") // 11.4: told again to whoever asks again
	if _, err := nudges.NextMsg(patience); err != nil {
		t.Fatalf("its owner is not told: %v", err)
	}
	s.eventually("its owner has let it go", func() bool { return len(o.living()) == 0 })
	s.listen(protocol.SubjectCharge)
	s.start("c2", 15000) // a whole checkout later, whatever was to be sent is sent
	if s.has("c1.2.do") {
		t.Error("the killed saga has asked for money")
	}
}

// A client that waits for a saga which nobody has in memory hears at once that it
// was killed, and the timer of the saga is dropped.
func TestAKillIsToldToWhoWaits(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	inbox := s.client.NewRespInbox()
	answers, err := s.client.SubscribeSync(inbox)
	s.must(err)
	body := `{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St","wait_ms":60000}`
	s.must(s.client.PublishMsg(&nats.Msg{Subject: protocol.SubjectStart, Reply: inbox, Data: []byte(body)}))
	s.eventually("the saga is there", func() bool { return s.status("c1").Status == protocol.StatusPending })
	s.waits("c1")
	s.eventually("the saga has left the memory", func() bool { return len(o.living()) == 0 })
	s.killSaga("c1")
	m, err := answers.NextMsg(patience)
	s.must(err)
	var out protocol.Outcome
	s.must(json.Unmarshal(m.Data, &out))
	if out.Status != protocol.StatusKilled || out.Type != protocol.TypeCheckoutFailed {
		t.Errorf("the client is told %+v", out)
	}
	s.eventually("its timer is dropped", func() bool { return !s.hasTimer("c1") })
}

// hasTimer reports whether a saga will be woken.
func (s *stage) hasTimer(sagaID string) bool {
	s.Helper()
	id, err := protocol.ParseSagaID(sagaID)
	s.must(err)
	timer, err := store.LastOn(s.Context(), s.client, protocol.StreamTimers, protocol.SubjectTimer(id))
	if !errors.Is(err, store.ErrNotFound) {
		s.must(err)
	}
	return timer.Header.Get("Nats-Schedule") != ""
}

// A saga that has ended waits for nothing (11.2).
func TestAKilledSagaWaitsForNothing(t *testing.T) {
	s := newStage(t)
	s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	s.killSaga("c1")
	st := s.status("c1")
	if st.WaitingFor != "" || st.NextAttemptAt != "" || st.CurrentStep != 0 || st.Steps[1].NextAttemptAt != "" {
		t.Errorf("status %+v", st)
	}
}
