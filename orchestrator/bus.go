package orchestrator

import (
	"strconv"
	"strings"
	"sync"

	"amends/faults"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// bus sends commands and brings back the answers. One wildcard subscription
// takes all answers: a command costs neither a goroutine nor an entry in a
// table, since its reply subject says where the answer belongs,
// <inbox>.<saga_id>.<token>.
type bus struct {
	nc      *nats.Conn
	inbox   string // ends in a dot
	sub     *nats.Subscription
	deliver func(sagaID string, a answered)

	faults *faults.Injector // nil if nothing goes wrong on purpose
	struck sync.Map         // by reply subject: the mishap that its answer meets
}

// answered is an answer to the operation that the token names. A command that
// nobody listens for is answered by the server itself, with absent set.
type answered struct {
	token  uint64
	body   []byte
	header nats.Header
	absent bool
	unsent bool // the connection was down: the command never left
}

func newBus(nc *nats.Conn, injector *faults.Injector, deliver func(string, answered)) (*bus, error) {
	b := &bus{nc: nc, inbox: nc.NewInbox() + ".", deliver: deliver, faults: injector}
	sub, err := nc.Subscribe(b.inbox+"*.*", b.onAnswer)
	if err != nil {
		return nil, err
	}
	// Bounded by the cap on live sagas: each has one command per step in flight.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err
	}
	b.sub = sub
	return b, nil
}

// command is one attempt of one operation.
type command struct {
	subject  string
	id       protocol.SagaID
	key      string // "" for a question
	attempt  int
	token    uint64
	body     []byte
	callback string // where the result may come later; "" if it may not
	occasion faults.Occasion
}

// send puts a command on the bus, or what a fault makes of it.
func (b *bus) send(c command) {
	m := b.message(c)
	if rule := b.faults.Strike(faults.OnBus, c.occasion); rule != nil {
		b.disturb(mishap{rule, c.occasion}, c, m)
		return
	}
	b.publish(c, m)
}

func (b *bus) message(c command) *nats.Msg {
	m := &nats.Msg{
		Subject: c.subject,
		Reply:   b.inbox + c.id.String() + "." + strconv.FormatUint(c.token, 36),
		Data:    c.body,
		Header:  nats.Header{protocol.HeaderAttempt: {strconv.Itoa(c.attempt)}},
	}
	if c.key != "" {
		m.Header[protocol.HeaderKey] = []string{c.key}
	}
	if c.callback != "" {
		m.Header[protocol.HeaderCallback] = []string{c.callback}
	}
	return m
}

func (b *bus) publish(c command, m *nats.Msg) {
	if err := b.nc.PublishMsg(m); err != nil {
		b.deliver(c.id.String(), answered{token: c.token, unsent: true})
	}
}

func (b *bus) onAnswer(m *nats.Msg) {
	sagaID, token, _ := strings.Cut(strings.TrimPrefix(m.Subject, b.inbox), ".")
	token, ofCopy := strings.CutSuffix(token, copyMark)
	number, err := strconv.ParseUint(token, 36, 64)
	absent := len(m.Data) == 0 && m.Header.Get("Status") == "503"
	if err != nil || ofCopy && absent {
		return
	}
	a := answered{token: number, body: m.Data, header: m.Header, absent: absent}
	if hit, struck := b.struck.Load(m.Subject); struck && !absent {
		b.disturbAnswer(hit.(mishap), sagaID, a)
		return
	}
	b.deliver(sagaID, a)
}

func (b *bus) stop() error { return b.sub.Unsubscribe() }
