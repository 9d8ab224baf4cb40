package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// said is one thing that the impostor says, and when.
type said struct {
	after time.Duration
	body  string // in which ID stands for the saga
}

// What the impostor says to a charge.
const (
	paid     = `{"type":"ChargePayment_ok","saga_id":"ID","step":2,"payment_id":"p1","transaction_id":"t1"}`
	declined = `{"type":"ChargePayment_failed","saga_id":"ID","step":2,"error":"insufficient_funds","decline_code":"DECLINED"}`
	refunded = `{"type":"RefundPayment_ok","saga_id":"ID","step":2}`
	notNow   = `{"type":"ChargePayment_error","saga_id":"ID","step":2,"error":"gateway_busy","retryable":true,"retry_after_ms":6000}`
	// commandTimeout is that of the step in definitions/checkout.yaml.
	commandTimeout = 2 * time.Second
)

// falseAnswers are no answer to a charge: the command is repeated, and when that
// leads nowhere its outcome is unknown. It is undone with all that came before
// it, and never taken for a yes (I11).
var falseAnswers = map[string]string{
	"of-another-type":    `{"type":"ReserveInventory_ok","saga_id":"ID","step":2,"payment_id":"p1","transaction_id":"t1"}`,
	"of-no-type":         `{"saga_id":"ID","step":2,"payment_id":"p1","transaction_id":"t1"}`,
	"of-another-saga":    `{"type":"ChargePayment_ok","saga_id":"other","step":2,"payment_id":"p1","transaction_id":"t1"}`,
	"of-no-saga":         `{"type":"ChargePayment_ok","step":2,"payment_id":"p1","transaction_id":"t1"}`,
	"of-another-step":    `{"type":"ChargePayment_ok","saga_id":"ID","step":1,"payment_id":"p1","transaction_id":"t1"}`,
	"with-a-new-suffix":  `{"type":"ChargePayment_perhaps","saga_id":"ID","step":2,"payment_id":"p1","transaction_id":"t1"}`,
	"of-the-refund":      refunded,
	"garbage":            `canary`,
	"empty":              ``,
	"a-list":             `["canary"]`,
	"behind-garbage":     paid + `canary`,
	"twice-in-one":       strings.Replace(paid, `"type"`, `"TYPE":"canary","type"`, 1),
	"without-payment_id": `{"type":"ChargePayment_ok","saga_id":"ID","step":2,"transaction_id":"t1"}`,
	"with-null-payment":  `{"type":"ChargePayment_ok","saga_id":"ID","step":2,"payment_id":null,"transaction_id":"t1"}`,
	"declined-for-no":    `{"type":"ChargePayment_failed","saga_id":"ID","step":2}`,
	"over-64-KiB":        strings.Replace(paid, `{`, `{"x":"`+strings.Repeat("c", protocol.MaxRequestBytes)+`",`, 1),
	"too-deep":           strings.Replace(paid, `{`, `{"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`,`, 1),
	"final-error":        `{"type":"ChargePayment_error","saga_id":"ID","step":2,"error":"canary","retryable":false}`,
	"refused-as-bad":     `{"type":"error","code":"malformed_request","message":"canary"}`,
}

// lateAnswers come at the wrong time or too often; the saga is not led astray.
var lateAnswers = map[string]struct {
	say func(attempt int) []said
	end string
}{
	"late":               {firstThen(commandTimeout+200*time.Millisecond, paid, 0, paid), protocol.StatusCompleted},
	"late-and-slow":      {firstThen(commandTimeout+300*time.Millisecond, paid, 600*time.Millisecond, paid), protocol.StatusCompleted},
	"late-other-verdict": {firstThen(commandTimeout+300*time.Millisecond, declined, 600*time.Millisecond, paid), protocol.StatusCompleted},
	"garbage-first":      {firstThen(0, canary, 0, paid), protocol.StatusCompleted},
	"twice":              {always(said{0, paid}, said{0, paid}, said{time.Second, paid}), protocol.StatusCompleted},
	"yes-then-no":        {always(said{0, paid}, said{0, declined}, said{time.Second, declined}), protocol.StatusCompleted},
	"patient-waiter":     {firstThen(0, notNow, 0, paid), protocol.StatusCompleted},
	"no-then-yes":        {always(said{0, declined}, said{0, paid}, said{time.Second, paid}), protocol.StatusAborted},
}

func always(all ...said) func(int) []said { return func(int) []said { return all } }

// firstThen says one thing to the first attempt and another to all later ones.
func firstThen(after time.Duration, body string, later time.Duration, laterBody string) func(int) []said {
	return func(attempt int) []said {
		if attempt == 1 {
			return []said{{after, body}}
		}
		return []said{{later, laterBody}}
	}
}

// impostor stands in for the payment service. The id of a saga says how it is to
// answer.
type impostor struct {
	nc *nats.Conn

	mu      sync.Mutex
	charges map[string]int // commands, by saga
	refunds map[string]int
}

// TestBadReplies: a worker that answers wrongly, late, twice or not to the
// question can hold a saga up or make it fail; it cannot make it a success, nor
// harm the orchestrator (D26, I11).
func TestBadReplies(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	parts := s.startAll(roleNATS, roleOrchestrator, roleInventory, roleShipping)
	orchestrator := parts[1]
	nc := s.connect()
	i := newImpostor(t, s.connect())
	for id := range falseAnswers {
		ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`))
	}
	for id := range lateAnswers {
		ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`))
	}
	for id := range falseAnswers {
		i.checkFalse(t, awaitEnd(t, nc, id))
	}
	for id, row := range lateAnswers {
		i.checkLate(t, awaitEnd(t, nc, id), row.end)
	}
	if a := ask(t, nc, protocol.SubjectStart, checkout("honest", "")); a.Status != protocol.StatusCompleted {
		t.Errorf("an honest answer leads to %+v", a)
	}
	for _, trouble := range []string{"panicked", "lost NATS", canary} {
		if lines := orchestrator.log.count(0, trouble); lines > 0 {
			t.Errorf("the orchestrator logs %q %d times", trouble, lines)
		}
	}
}

// awaitEnd waits for the end of a saga: a few seconds of attempts.
func awaitEnd(t *testing.T, nc *nats.Conn, id string) answer {
	t.Helper()
	var a answer
	eventually(t, "saga "+id+" ends", 60*time.Second, func() bool {
		a = status(t, nc, id)
		return isEnd(a.Status) || a.Status == protocol.StatusStuck
	})
	return a
}

// checkFalse: never a success; what may have happened is undone.
func (i *impostor) checkFalse(t *testing.T, a answer) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if a.Status != protocol.StatusAborted || a.Reason == "" {
		t.Errorf("the answer %s leads to %s, reason %q", a.SagaID, a.Status, a.Reason)
	}
	if n := i.charges[a.SagaID]; n < 1 || n > 6 {
		t.Errorf("the answer %s makes %d attempts", a.SagaID, n)
	}
	if i.refunds[a.SagaID] == 0 {
		t.Errorf("after the answer %s nothing is refunded, though it may have been charged", a.SagaID)
	}
}

// checkLate: the first verdict in time is the one that counts.
func (i *impostor) checkLate(t *testing.T, a answer, end string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if a.Status != end {
		t.Errorf("answering %s leads to %s (%s), not %s", a.SagaID, a.Status, a.Reason, end)
	}
	if n := i.refunds[a.SagaID]; n > 0 {
		t.Errorf("answering %s makes %d refunds", a.SagaID, n)
	}
}

func newImpostor(t *testing.T, nc *nats.Conn) *impostor {
	t.Helper()
	i := &impostor{nc: nc, charges: map[string]int{}, refunds: map[string]int{}}
	for subject, take := range map[string]nats.MsgHandler{protocol.SubjectCharge: i.onCharge, protocol.SubjectRefund: i.onRefund} {
		if _, err := i.nc.QueueSubscribe(subject, protocol.ServicePayment, take); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return i
}

// onCharge answers as the saga's id wants it, and also sends to where nobody has
// asked: other sagas, other tokens, no tokens.
func (i *impostor) onCharge(m *nats.Msg) {
	id := sagaOf(m)
	i.mu.Lock()
	i.charges[id]++
	attempt := i.charges[id]
	i.mu.Unlock()
	inbox := m.Reply[:strings.LastIndexByte(m.Reply, '.')]
	inbox = inbox[:strings.LastIndexByte(inbox, '.')]
	for _, stray := range []string{".nosuch.1", "." + id + ".zzzz", "." + id + ".!", "." + id + "." + strings.Repeat("z", 99)} {
		i.say(inbox+stray, id, said{0, paid})
	}
	for _, s := range answersTo(id, attempt) {
		i.say(m.Reply, id, s)
	}
}

func answersTo(id string, attempt int) []said {
	if body, ok := falseAnswers[id]; ok {
		return []said{{0, body}}
	}
	if row, ok := lateAnswers[id]; ok {
		return row.say(attempt)
	}
	return []said{{0, paid}}
}

func (i *impostor) onRefund(m *nats.Msg) {
	id := sagaOf(m)
	i.mu.Lock()
	i.refunds[id]++
	i.mu.Unlock()
	i.say(m.Reply, id, said{0, refunded})
}

func (i *impostor) say(to, id string, s said) {
	body := []byte(strings.ReplaceAll(s.body, `"ID"`, fmt.Sprintf("%q", id)))
	// The test may be over when it is said; nobody minds.
	say := func() { _ = i.nc.Publish(to, body) }
	if s.after == 0 {
		say()
		return
	}
	time.AfterFunc(s.after, say)
}

func sagaOf(m *nats.Msg) string {
	var command protocol.Command
	if err := json.Unmarshal(m.Data, &command); err != nil {
		return "no JSON"
	}
	return command.SagaID
}
