package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// The reference worker does all that PROTOCOL.md asks for, in memory, in as few
// lines as will do. With a bug it does all but one thing: bug is the clause that
// does not hold.

// command is a command of any kind that the reference worker takes.
type command interface {
	Validate() error
	Header() protocol.Command
}

// trade is what a reference worker deals in.
type trade struct {
	service, do, undo, query string // its name, and its subjects
	commands                 map[string]func() command
	deal                     func(c command, n int) (ok any, no *protocol.Failure) // the n-th decision
}

var payments = trade{
	service: protocol.ServicePayment, do: protocol.SubjectCharge, undo: protocol.SubjectRefund, query: protocol.SubjectPaymentQuery,
	commands: map[string]func() command{
		protocol.TypeChargePayment: func() command { return &protocol.ChargePayment{} },
		protocol.TypeRefundPayment: func() command { return &protocol.RefundPayment{} },
	},
	deal: func(c command, n int) (any, *protocol.Failure) { return pay(c.(*protocol.ChargePayment).UserID, n) },
}

var laterPayments = trade{
	service: protocol.ServicePayment, do: protocol.SubjectRequestPayment, undo: protocol.SubjectRefund, query: protocol.SubjectPaymentQuery,
	commands: map[string]func() command{
		protocol.TypeRequestPayment: func() command { return &protocol.RequestPayment{} },
		protocol.TypeRefundPayment:  func() command { return &protocol.RefundPayment{} },
	},
	deal: func(c command, n int) (any, *protocol.Failure) { return pay(c.(*protocol.RequestPayment).UserID, n) },
}

var goods = trade{
	service: protocol.ServiceInventory, do: protocol.SubjectReserve, undo: protocol.SubjectRelease, query: protocol.SubjectReserveQuery,
	commands: map[string]func() command{
		protocol.TypeReserveInventory:   func() command { return &protocol.ReserveInventory{} },
		protocol.TypeReleaseReservation: func() command { return &protocol.ReleaseReservation{} },
		protocol.TypeReleaseInventory:   func() command { return &protocol.ReleaseReservation{} },
	},
	deal: func(c command, n int) (any, *protocol.Failure) {
		var held []protocol.Reservation
		for _, line := range c.(*protocol.ReserveInventory).Items {
			if line.SKU == "conform-unknown" {
				return nil, &protocol.Failure{Error: "out_of_stock"}
			}
			held = append(held, protocol.Reservation{SKU: line.SKU, ReservationID: fmt.Sprint("r", n)})
		}
		return protocol.ReserveInventoryOK{Reservations: held}, nil
	},
}

func pay(user string, n int) (any, *protocol.Failure) {
	if user == "u999" {
		return nil, &protocol.Failure{Error: "insufficient_funds"}
	}
	return protocol.ChargePaymentOK{PaymentID: fmt.Sprint("p", n), TransactionID: fmt.Sprint("t", n)}, nil
}

// fence is what a worker remembers of one key.
type fence struct {
	content []byte
	reply   []byte
}

// tiny is a reference worker.
type tiny struct {
	trade
	t    *testing.T
	nc   *nats.Conn
	bug  string
	stop func()

	mu      sync.Mutex
	decided int
	fences  map[string]fence
	stands  map[string]bool // what was done and not undone, by step key
	rivals  chan struct{}   // for C20
}

func newTiny(t *testing.T, nc *nats.Conn, of trade, bug string) *tiny {
	t.Helper()
	w := &tiny{trade: of, t: t, nc: nc, bug: bug, fences: make(map[string]fence), stands: make(map[string]bool), rivals: make(chan struct{})}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start opens the endpoints.
func (w *tiny) start() {
	w.t.Helper()
	handlers := map[string]func(*nats.Msg){w.do: w.onCommand, w.undo: w.onCommand, w.query: w.onQuery}
	if w.bug == "C23" {
		var subs []*nats.Subscription
		for subject, handle := range handlers {
			sub, err := w.nc.QueueSubscribe(subject, w.service, handle)
			must(w.t, err)
			subs = append(subs, sub)
		}
		w.stop = func() {
			for _, sub := range subs {
				_ = sub.Unsubscribe()
			}
		}
		must(w.t, w.nc.Flush())
		return
	}
	service, err := micro.AddService(w.nc, micro.Config{
		Name: w.service, Version: "1.0.0", QueueGroup: w.service, QueueGroupDisabled: w.bug == "C1",
	})
	must(w.t, err)
	for subject, handle := range handlers {
		name := strings.ReplaceAll(subject, ".", "-")
		handler := micro.HandlerFunc(func(r micro.Request) {
			handle(&nats.Msg{Subject: r.Subject(), Reply: r.Reply(), Header: nats.Header(r.Headers()), Data: r.Data()})
		})
		must(w.t, service.AddEndpoint(name, handler, micro.WithEndpointSubject(subject)))
	}
	must(w.t, w.nc.Flush())
	w.stop = func() { _ = service.Stop() }
}

// restart is kill and start: what is not remembered is gone.
func (w *tiny) restart() {
	w.stop()
	w.mu.Lock()
	if w.bug == "C19" {
		w.fences = make(map[string]fence)
	}
	w.mu.Unlock()
	w.start()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// respond answers, and echoes the headers.
func (w *tiny) respond(m *nats.Msg, body []byte) {
	answer := &nats.Msg{Subject: m.Reply, Data: body, Header: nats.Header{}}
	for _, name := range []string{protocol.HeaderKey, protocol.HeaderAttempt} {
		if value := m.Header.Get(name); value != "" && w.bug != "C22" {
			answer.Header.Set(name, value)
		}
	}
	_ = w.nc.PublishMsg(answer)
}

func (w *tiny) refuse(m *nats.Msg, err error) {
	body, _ := json.Marshal(protocol.AsError(err))
	w.respond(m, body)
}

// read decodes a command; whole is how it has to be decoded, but for the bug.
func (w *tiny) read(m *nats.Msg) (command, error) {
	data := m.Data
	if w.bug == "C2" { // what comes after the first value is nobody's
		var first json.RawMessage
		if json.NewDecoder(bytes.NewReader(data)).Decode(&first) == nil {
			data = first
		}
	}
	var head struct {
		Type string `json:"type"`
	}
	_, err := protocol.Decode(data, &head)
	if err == nil {
		err = (&protocol.Error{Code: protocol.CodeUnknownType, Field: "type", Message: "is unknown"})
		if make := w.commands[head.Type]; make != nil && (m.Subject == w.do) == (head.Type == w.action()) {
			c := make()
			unknown, err := protocol.Decode(data, c)
			if err == nil {
				err = c.Validate()
			}
			if request, later := c.(*protocol.RequestPayment); err == nil && later && w.bug != "C29" {
				err = checkAddress(request)
			}
			if err == nil && w.bug == "C4" && len(unknown) > 0 {
				err = &protocol.Error{Code: protocol.CodeInvalidField, Field: unknown[0], Message: "is unknown"}
			}
			return c, err
		}
	}
	return nil, err
}

// checkAddress takes the address of the step of the command only.
func checkAddress(c *protocol.RequestPayment) error {
	id, err := protocol.ParseSagaID(c.SagaID)
	if err != nil {
		return err
	}
	token, own := strings.CutPrefix(c.Callback, protocol.SubjectCallback(id, c.Step, ""))
	if !own || protocol.CheckID("callback", token) != nil {
		return &protocol.Error{Code: protocol.CodeInvalidField, Field: "callback", Message: "is not the address of this step"}
	}
	return nil
}

// action is the type of the action.
func (w *tiny) action() string {
	for name, make := range w.commands {
		switch make().(type) {
		case *protocol.ChargePayment, *protocol.RequestPayment, *protocol.ReserveInventory:
			return name
		}
	}
	return ""
}

// bungled are the faults that a worker with the bug of a clause does not see, or
// calls by another name.
var bungled = map[string]protocol.Code{
	"C3": protocol.CodeDuplicateField, "C5": protocol.CodeInvalidID, "C6": protocol.CodeTooLarge, "C7": protocol.CodeUnknownType,
}

func (w *tiny) onCommand(m *nats.Msg) {
	c, err := w.read(m)
	if err != nil {
		e := *protocol.AsError(err)
		switch {
		case bungled[w.bug] == e.Code:
			e.Code = protocol.CodeInternal
		case w.bug == "C8" && e.Field == "compensating", w.bug == "C9" && e.Field == "amount", w.bug == "C29" && e.Field == "callback":
			w.respond(m, []byte(`{"type":"ConformBungled_ok"}`))
			return
		}
		w.refuse(m, &e)
		return
	}
	if w.bug == "C21" && m.Header.Get(protocol.HeaderKey) == "" {
		w.refuse(m, &protocol.Error{Code: protocol.CodeMissingField, Field: protocol.HeaderKey})
		return
	}
	if w.bug == "C20" {
		go w.decideUnguarded(m, c)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.respond(m, w.decide(c))
}

// decideUnguarded lets two attempts that come at once both look before either acts.
func (w *tiny) decideUnguarded(m *nats.Msg, c command) {
	w.mu.Lock()
	known := w.fences[keyOf(c.Header())].reply
	w.mu.Unlock()
	if known == nil && !c.Header().Compensating {
		select {
		case w.rivals <- struct{}{}:
		case <-w.rivals:
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known == nil {
		delete(w.fences, keyOf(c.Header()))
	}
	w.respond(m, w.decide(c))
}
