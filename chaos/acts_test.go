package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// revival is longer than it takes until a saga is found forgotten whose orchestrator
// was killed after it had written an act down, and before it woke the saga: whoever
// looks for such sagas does so every minute.
const revival = 150 * time.Second

// TestActsCount: a cancel, or a result, counts from the moment it is answered,
// whoever is killed then; and what two of them are told about one saga never
// contradicts its end (D21, R-4, I8).
func TestActsCount(t *testing.T) {
	slow(t)
	random := dice(t)
	s := newSite(t, "interval")
	s.flags = []string{"--definitions", "testdata/definitions"}
	s.startAll(roleNATS, roleInventory)
	owners := []*process{s.start(roleOrchestrator), s.start(roleOrchestrator)}
	b := newBank(t, s.connect())
	nc := s.connect()
	const sagas = 300
	for n := range sagas {
		startTickets(t, nc, n)
	}
	b.await(t, sagas)

	told := make([]verdicts, sagas)
	var all sync.WaitGroup
	for n := range sagas {
		delay, what := between(random, 0, 8*time.Second), random.IntN(3)
		all.Go(func() { told[n] = b.meddle(nc, fmt.Sprintf("t%d", n), delay, what) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	killed := killUntil(done, random, owners)
	for n := range sagas {
		id := fmt.Sprintf("t%d", n)
		want := told[n].end()
		eventually(t, id+" is "+want, revival, func() bool { return status(t, nc, id).Status == want })
	}
	t.Logf("%d orchestrators were killed", killed)
	audit(t, s, "bank")
}

// verdicts are the answers that count about one saga: to a result and to a cancel.
type verdicts struct{ result, cancel reply }

// end is how a saga must end after these answers.
func (v verdicts) end() string {
	switch {
	case v.cancel.Status == protocol.StatusAborted || v.cancel.Status == protocol.StatusCompensating || v.result.Effect == protocol.CallbackReversing:
		return protocol.StatusAborted
	}
	return protocol.StatusCompleted
}

// meddle sends the result of a saga, cancels it, or does both at once.
func (b *bank) meddle(nc *nats.Conn, id string, delay time.Duration, what int) (v verdicts) {
	pass(delay)
	var both sync.WaitGroup
	if what != 1 {
		both.Go(func() {
			b.mu.Lock()
			to := b.addresses[id]
			b.mu.Unlock()
			body := fmt.Appendf(nil, `{"type":"RequestPayment_ok","saga_id":"%s","step":2,"payment_id":"b-%s"}`, id, id)
			v.result = insist(nc, to, body, func(a reply) bool { return a.Type == protocol.TypeCallbackAccepted })
		})
	}
	if what != 0 {
		both.Go(func() {
			v.cancel = insist(nc, protocol.SubjectCancel, fmt.Appendf(nil, `{"saga_id":"%s","wait_ms":0}`, id), func(a reply) bool {
				return a.Status != "" || a.Code == string(protocol.CodeActRefused) || a.Code == string(protocol.CodeSagaEnded)
			})
		})
	}
	both.Wait()
	return v
}

// killUntil kills orchestrators at random moments, and starts them again, until
// done is closed.
func killUntil(done <-chan struct{}, random *rand.Rand, owners []*process) (killed int) {
	for {
		select {
		case <-done:
			return killed
		case <-time.After(between(random, 50*time.Millisecond, 700*time.Millisecond)):
		}
		victim := owners[random.IntN(len(owners))]
		victim.kill()
		victim.launch()
		victim.ready()
		killed++
	}
}
