package chaos_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// maxWaitingKB is how much memory serve may take while a hundred thousand sagas
// wait for a result.
const maxWaitingKB = 300 * 1024

// TestManyWait: sagas that wait for a result cost disk, not memory; they outlive
// kill -9 of everything, and results that arrive all at once are worked off
// without loss, while it is killed again (S4-09, S4-11). AMENDS_CHAOS_WAITING is
// how many wait.
func TestManyWait(t *testing.T) {
	slow(t)
	sagas := 500
	if text := os.Getenv("AMENDS_CHAOS_WAITING"); text != "" {
		var err error
		if sagas, err = strconv.Atoi(text); err != nil {
			t.Fatalf("AMENDS_CHAOS_WAITING: %v", err)
		}
	}
	s := newSite(t, "interval")
	s.flags = []string{"--definitions", "testdata/definitions"}
	p := s.start(roleServe)
	b := newBank(t, s.connect())
	nc := s.connect()
	begin := time.Now()
	for n := range sagas {
		startTickets(t, nc, n)
	}
	b.await(t, sagas)
	eventually(t, "all sagas have left the memory", lastWait+time.Duration(sagas)*time.Millisecond, func() bool { return queued(t, nc) == 0 })
	t.Logf("%d sagas wait after %v, with %d MB resident", sagas, time.Since(begin).Round(time.Millisecond), residentKB(t, p)/1024)

	p.kill()
	p.launch()
	p.ready()
	kb := residentKB(t, p)
	if kb > maxWaitingKB {
		t.Errorf("%d waiting sagas take %d KB, more than %d", sagas, kb, maxWaitingKB)
	}
	t.Logf("%d MB resident after a restart", kb/1024)

	begin = time.Now()
	answered := b.tell(nc, min(sagas, 10_000))
	p.kill()
	p.launch()
	p.ready()
	<-answered
	told := time.Since(begin)
	eventually(t, "all whose result came have ended", lastWait+time.Duration(sagas)*time.Millisecond, func() bool { return queued(t, nc) == 0 })
	t.Logf("%d results taken in %v, with a kill in between, and worked off after %v", min(sagas, 10_000),
		told.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	for n := range min(sagas, 10_000) {
		if n%97 != 0 {
			continue
		}
		if a := status(t, nc, fmt.Sprintf("t%d", n)); a.Status != protocol.StatusCompleted {
			t.Errorf("t%d is %+v", n, a)
		}
	}
	audit(t, s, "bank")
}

func startTickets(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	body := fmt.Sprintf(`{"saga_id":"t%d","definition":"tickets","user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"x","wait_ms":0}`, n)
	if a := ask(t, nc, protocol.SubjectStart, body); a.Type != protocol.TypeCheckoutAccepted {
		t.Fatalf("t%d is answered %+v", n, a)
	}
}

// bank is a worker outside: it takes payments in, and tells their results when
// the test wants it.
type bank struct {
	mu        sync.Mutex
	addresses map[string]string // by saga
	grown     chan struct{}
}

func newBank(t *testing.T, nc *nats.Conn) *bank {
	t.Helper()
	b := &bank{addresses: make(map[string]string), grown: make(chan struct{}, 1)}
	for subject, handle := range map[string]nats.MsgHandler{"bank.request": b.take, "bank.refund": refundNothing} {
		if _, err := nc.QueueSubscribe(subject, "bank", handle); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bank) take(m *nats.Msg) {
	var c struct {
		SagaID   string `json:"saga_id"`
		Step     int    `json:"step"`
		Callback string `json:"callback"`
	}
	if json.Unmarshal(m.Data, &c) != nil {
		return
	}
	b.mu.Lock()
	b.addresses[c.SagaID] = c.Callback
	b.mu.Unlock()
	select {
	case b.grown <- struct{}{}:
	default:
	}
	_ = m.Respond(fmt.Appendf(nil, `{"type":"RequestPayment_pending","saga_id":"%s","step":%d}`, c.SagaID, c.Step))
}

// refundNothing undoes a payment: the bank of these tests has no money.
func refundNothing(m *nats.Msg) {
	var c protocol.Command
	if json.Unmarshal(m.Data, &c) == nil {
		_ = m.Respond(fmt.Appendf(nil, `{"type":"RefundPayment_ok","saga_id":"%s","step":%d}`, c.SagaID, c.Step))
	}
}

func (b *bank) await(t *testing.T, sagas int) {
	t.Helper()
	late := time.After(lastWait + time.Duration(sagas)*time.Millisecond)
	for {
		b.mu.Lock()
		n := len(b.addresses)
		b.mu.Unlock()
		if n == sagas {
			return
		}
		select {
		case <-b.grown:
		case <-late:
			t.Fatalf("only %d of %d sagas have asked for money", n, sagas)
		}
	}
}

// tell sends the results of so many sagas at once, each until it is answered; the
// channel is closed then.
func (b *bank) tell(nc *nats.Conn, sagas int) <-chan struct{} {
	done := make(chan struct{})
	var all sync.WaitGroup
	for n := range sagas {
		all.Go(func() { b.tellOne(nc, fmt.Sprintf("t%d", n)) })
	}
	go func() {
		all.Wait()
		close(done)
	}()
	return done
}

func (b *bank) tellOne(nc *nats.Conn, id string) {
	b.mu.Lock()
	to := b.addresses[id]
	b.mu.Unlock()
	body := fmt.Appendf(nil, `{"type":"RequestPayment_ok","saga_id":"%s","step":2,"payment_id":"b-%s"}`, id, id)
	insist(nc, to, body, func(a reply) bool { return a.Type == protocol.TypeCallbackAccepted })
}

// reply is any answer to a result or an act.
type reply struct{ Type, Status, Effect, Code string }

// insist asks until the answer is one that counts.
func insist(nc *nats.Conn, subject string, body []byte, counts func(reply) bool) reply {
	for {
		m, err := nc.Request(subject, body, 10*time.Second)
		var a reply
		if err == nil && json.Unmarshal(m.Data, &a) == nil && counts(a) {
			return a
		}
		<-time.After(relief)
	}
}
