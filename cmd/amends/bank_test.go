package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// mood is how a bank treats whoever wants money back.
type mood int

const (
	open mood = iota
	closed
	silent
)

// bank is a worker that takes payments in, tells their results when a test wants
// it, and gives money back as its mood is.
type bank struct {
	*testing.T
	nc *nats.Conn

	mu        sync.Mutex
	mood      mood
	addresses map[string]string // of results, by saga
}

func newBank(t *testing.T, url string) *bank {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b := &bank{T: t, nc: nc, addresses: make(map[string]string)}
	if _, err := nc.QueueSubscribe("bank.*", "bank", b.answer); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bank) answer(m *nats.Msg) {
	var c struct {
		Type, Callback string
		SagaID         string `json:"saga_id"`
		Step           int
	}
	if err := json.Unmarshal(m.Data, &c); err != nil {
		b.Errorf("a command that is no JSON: %s", m.Data)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := `_ok"`
	switch {
	case c.Type == "TakeMoney":
		b.addresses[c.SagaID] = c.Callback
		rest = fmt.Sprintf(`_pending","request_id":"q-%s"`, c.SagaID)
	case b.mood == closed:
		rest = `_error","error":"bank_closed","retryable":true`
	case b.mood == silent:
		return
	}
	_ = m.Respond(fmt.Appendf(nil, `{"saga_id":"%s","step":%d,"type":"%s%s}`, c.SagaID, c.Step, c.Type, rest))
}

func (b *bank) is(m mood) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mood = m
}

// pays tells that the money of a checkout was taken.
func (b *bank) pays(sagaID string) {
	b.Helper()
	b.mu.Lock()
	to := b.addresses[sagaID]
	b.mu.Unlock()
	m, err := b.nc.Request(to, fmt.Appendf(nil, `{"type":"TakeMoney_ok","saga_id":"%s","step":2,"receipt":"r1"}`, sagaID), patience)
	if err != nil {
		b.Fatal(err)
	}
	var accepted protocol.CallbackAccepted
	if err := json.Unmarshal(m.Data, &accepted); err != nil || accepted.Effect != protocol.CallbackTaken {
		b.Fatalf("the result is answered %s, %v", m.Data, err)
	}
}

// waits waits until a checkout waits for the bank.
func (b *bank) waits(sagaID string) {
	b.Helper()
	b.until(sagaID, func(s *protocol.Status) bool {
		return len(s.Steps) > 1 && s.Steps[1].Status == protocol.StepWaiting
	})
}

// until waits for a checkout to stand as it is wanted to.
func (b *bank) until(sagaID string, stands func(*protocol.Status) bool) {
	b.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var status protocol.Status
	for {
		m, err := b.nc.Request(protocol.SubjectStatus, fmt.Appendf(nil, `{"saga_id":"%s"}`, sagaID), patience)
		if err == nil && json.Unmarshal(m.Data, &status) == nil && stands(&status) {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			b.Fatalf("%s does not get there: %+v, %v", sagaID, status, err)
		}
	}
}
