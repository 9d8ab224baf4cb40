package shipping_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/protocol"
	"amends/shipping"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
)

// window is the cancel window of the modelled service.
const window = time.Hour

// model is all that one may know of one step, as simply as it can be said.
type model struct {
	saga          string
	created       string // the address of the command that was decided; "" if none
	cancelled     string // the content of the cancellation that was decided; "" if none
	createAnswer  string
	cancelAnswer  string
	status        shipping.Status // of the label; "" without one
	until         time.Time
	trackedNumber string
}

// create says what must be answered; "" is an acceptance of a new label.
func (m *model) create(address string) (want string) {
	name := `{"type":"CreateShipment_%s","saga_id":"` + m.saga + `","step":3,"error":"%s"`
	switch {
	case m.created == address:
		return m.createAnswer
	case m.created != "":
		return fmt.Sprintf(name, "error", "idempotency_conflict")
	case m.cancelled != "":
		return fmt.Sprintf(name, "failed", "compensated")
	case address == "undeliverable":
		m.created, m.createAnswer = address, fmt.Sprintf(name, "failed", "address_undeliverable")
		return m.createAnswer
	}
	return ""
}

func (m *model) cancel(named string, now time.Time) (want string) {
	name := `{"type":"CancelShipment_%s","saga_id":"` + m.saga + `","step":3`
	failed := fmt.Sprintf(name, "failed") + `,"error":"%s"`
	switch content := "cancel " + named; {
	case m.cancelled == content:
		return m.cancelAnswer
	case m.cancelled != "":
		return fmt.Sprintf(name, "error") + `,"error":"idempotency_conflict"`
	case m.status == "":
		m.cancelled, m.cancelAnswer = content, fmt.Sprintf(name, "ok")
	case named == "wrong":
		m.cancelled, m.cancelAnswer = content, fmt.Sprintf(failed, "shipment_mismatch")
	case m.status == shipping.HandedOver || !now.Before(m.until):
		m.cancelled, m.cancelAnswer = content, fmt.Sprintf(failed, "handed_over")
	default:
		m.cancelled, m.cancelAnswer, m.status = content, fmt.Sprintf(name, "ok"), shipping.Cancelled
	}
	return m.cancelAnswer
}

func (m *model) handOver() (want string) {
	if m.status == "" {
		return `{"type":"error","code":"not_found"`
	}
	if m.status == shipping.Cancelled {
		return `{"type":"error","code":"act_refused"`
	}
	m.status = shipping.HandedOver
	return m.shown()
}

func (m *model) shown() string {
	if m.status == "" {
		return `{"type":"error","code":"not_found"`
	}
	return `{"type":"shipment","saga_id":"` + m.saga + `","step":3,"shipment_id":"s-` + m.saga + `-3","tracking_number":"` + m.trackedNumber + `"`
}

// bench is a running service and its model.
type bench struct {
	nats    *workertest.NATS
	client  *nats.Conn
	service *worker.Service
	clock   atomic.Int64 // microseconds
	steps   []*model
}

func (b *bench) now() time.Time { return time.UnixMicro(b.clock.Load()) }

func (b *bench) restart(t testing.TB) {
	if b.service != nil {
		workertest.Halt(t, b.service)
	}
	cfg := b.nats.Config(t)
	cfg.Now = b.now
	service, err := shipping.NewWith(cfg, shipping.Options{CancelWindow: window})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	b.service = service
}

// say sends a message, as an attempt of any number, and returns the answer. A
// replica that is stopping asks to be asked again.
func (b *bench) say(t *rapid.T, subject string, message any) string {
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg(subject)
	m.Data = body
	if attempt := rapid.IntRange(0, 3).Draw(t, "attempt"); attempt > 0 {
		m.Header.Set(protocol.HeaderAttempt, strconv.Itoa(attempt))
	}
	for until := time.Now().Add(patience); ; {
		answer, err := b.client.RequestMsg(m, patience)
		if err != nil {
			t.Fatal(err)
		}
		stopping := strings.Contains(string(answer.Data), "this replica is stopping")
		if !stopping || time.Now().After(until) {
			return string(answer.Data)
		}
	}
}

func begins(t *rapid.T, got, want string) {
	if len(got) < len(want) || got[:len(want)] != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func (b *bench) step(t *rapid.T) *model { return rapid.SampledFrom(b.steps).Draw(t, "step") }

func (b *bench) create(t *rapid.T) {
	m, address := b.step(t), rapid.SampledFrom([]string{"1 Here St", "2 There St", "undeliverable"}).Draw(t, "address")
	want := m.create(address)
	got := b.say(t, protocol.SubjectCreateShipment, create(m.saga, address))
	if want != "" {
		begins(t, got, want)
		return
	}
	begins(t, got, `{"type":"CreateShipment_ok","saga_id":"`+m.saga+`","step":3,"shipment_id":"s-`+m.saga+`-3","tracking_number":"1Z`)
	var ok protocol.CreateShipmentOK
	if err := json.Unmarshal([]byte(got), &ok); err != nil {
		t.Fatal(err)
	}
	m.created, m.createAnswer, m.trackedNumber = address, got, ok.TrackingNumber
	m.status, m.until = shipping.Created, b.now().Add(window)
}

func (b *bench) cancel(t *rapid.T) {
	m, named := b.step(t), rapid.SampledFrom([]string{"", "right", "wrong"}).Draw(t, "named")
	cmd := cancel(m.saga)
	cmd.ShipmentID = map[string]string{"right": "s-" + m.saga + "-3", "wrong": "s-other-3"}[named]
	want := m.cancel(named, b.now())
	begins(t, b.say(t, protocol.SubjectCancelShipment, cmd), want)
}

// query names the shipment of a step in any way that is possible.
func query(t *rapid.T, m *model) shipping.Query {
	switch way := rapid.IntRange(0, 2).Draw(t, "way"); {
	case way == 0:
		return shipping.Query{SagaID: m.saga, Step: 3}
	case way == 1 || m.trackedNumber == "":
		return shipping.Query{ShipmentID: "s-" + m.saga + "-3"}
	}
	return shipping.Query{TrackingNumber: m.trackedNumber}
}

func (b *bench) handOver(t *rapid.T) {
	m := b.step(t)
	begins(t, b.say(t, protocol.SubjectHandOver, query(t, m)), m.handOver())
}

// check looks at a step: what people see is what the model knows.
func (b *bench) check(t *rapid.T) {
	m := b.step(t)
	got := b.say(t, protocol.SubjectShipment, query(t, m))
	begins(t, got, m.shown())
	var row shipping.Shipment
	if err := json.Unmarshal([]byte(got), &row); err != nil || row.Status != m.status {
		t.Fatalf("%s is %s, want %s (%v)", m.saga, row.Status, m.status, err)
	}
}

// TestAgainstAModel does anything in any order, over restarts, and compares each
// answer with that of the model (F1 to F5, D23).
func TestAgainstAModel(t *testing.T) {
	b := &bench{nats: workertest.Server(t)}
	b.client = b.nats.Connect(t)
	b.clock.Store(workertest.Now)
	b.restart(t)
	var checks atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		run := checks.Add(1) // also while a failure is made smaller
		b.steps = nil
		for i := range 3 {
			b.steps = append(b.steps, &model{saga: fmt.Sprintf("m%d-%d", run, i)})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create":   b.create,
			"cancel":   b.cancel,
			"handover": b.handOver,
			"time": func(rt *rapid.T) {
				passed := rapid.SampledFrom([]time.Duration{time.Microsecond, window / 2, window - time.Microsecond, window})
				b.clock.Add(passed.Draw(rt, "passed").Microseconds())
			},
			"restart": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "seldom") == 0 {
					b.restart(t)
				}
			},
			"": b.check,
		})
	})
	workertest.Halt(t, b.service)
}
