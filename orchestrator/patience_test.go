package orchestrator

import (
	"fmt"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// D16: clients that wait, however many and however long, keep nobody else from
// being served: while a service is away, all of its customers ask again.
func TestWhoWaitsKeepsNobodyWaiting(t *testing.T) {
	s := newStage(t)
	s.prices(s.orchestrator("one"))
	s.waiting("c1")
	again := []byte(`{"saga_id":"c1","user_id":"u42","items":[{"sku":"abc123","quantity":2}],"shipping_address":"123 Main St","wait_ms":60000}`)
	inbox := s.client.NewRespInbox()
	answers, err := s.client.SubscribeSync(inbox)
	s.must(err)
	for range maxAside + 100 {
		s.must(s.client.PublishMsg(&nats.Msg{Subject: protocol.SubjectStart, Reply: inbox, Data: again}))
	}
	for n := range 10 { // these arrive after those
		if out := s.start(fmt.Sprintf("other%d", n), 0); out.Type != protocol.TypeCheckoutAccepted {
			t.Errorf("another start is answered %+v", out)
		}
		if status := s.status("c1"); status.Status != protocol.StatusPending {
			t.Errorf("the status is %+v", status)
		}
	}
	s.listen(protocol.SubjectCharge)
	for range maxAside + 100 {
		if _, err := answers.NextMsg(patience); err != nil {
			t.Fatalf("a client that waits is not answered: %v", err)
		}
	}
}
