package shipping_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"
	"amends/shipping"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

var participant = workertest.Participant{
	New: shipping.New, Bucket: protocol.BucketShipments,
	Action: protocol.SubjectCreateShipment, Compensation: protocol.SubjectCancelShipment, Query: protocol.SubjectShipmentQuery,
	Accept:  func(saga string) worker.Command { return create(saga, "123 Main St") },
	Differ:  func(saga string) worker.Command { return create(saga, "124 Main St") },
	Decline: func(saga string) worker.Command { return create(saga, "1 Undeliverable Rd") },
	Undo:    func(saga string) worker.Command { return cancel(saga) },
	Wrong: []workertest.Wrong{
		{Name: "no address", Change: with("address", " "), Code: protocol.CodeMissingField, Field: "address"},
		{Name: "address with line break", Change: with("address", "a\nb"), Code: protocol.CodeInvalidField, Field: "address"},
		{Name: "address with a card", Change: with("address", "4111 1111 1111 1111"), Code: protocol.CodeInvalidField, Field: "address"},
		{Name: "address of 513 bytes", Change: with("address", strings.Repeat("x", protocol.MaxAddressBytes+1)), Code: protocol.CodeTooLarge, Field: "address"},
		{Name: "address is a list", Change: with("address", []any{"a"}), Code: protocol.CodeInvalidField, Field: "address"},
		{Name: "no items", Change: with("items", []any{}), Code: protocol.CodeMissingField, Field: "items"},
		{Name: "101 items", Change: with("items", lines(protocol.MaxLines+1)), Code: protocol.CodeTooLarge, Field: "items"},
		{Name: "no pieces", Change: with("items", []any{map[string]any{"sku": "a", "quantity": 0}}), Code: protocol.CodeInvalidField, Field: "items[0].quantity"},
	},
}

func create(saga, address string) protocol.CreateShipment {
	return protocol.CreateShipment{
		Command: protocol.Command{Type: protocol.TypeCreateShipment, SagaID: saga, Step: 3},
		Items:   []protocol.Line{{SKU: "abc123", Quantity: 2}}, Address: address,
	}
}

func cancel(saga string) protocol.CancelShipment {
	return protocol.CancelShipment{
		Command: protocol.Command{Type: protocol.TypeCancelShipment, SagaID: saga, Step: 3, Compensating: true},
	}
}

// with changes one field of a command.
func with(field string, value any) func(map[string]any) {
	return func(command map[string]any) { command[field] = value }
}

func lines(n int) []protocol.Line {
	all := make([]protocol.Line, n)
	for i := range all {
		all[i] = protocol.Line{SKU: fmt.Sprintf("sku%d", i), Quantity: 1}
	}
	return all
}

// start starts one replica with options, for the rest of the test.
func start(t testing.TB, cfg worker.Config, options shipping.Options) {
	t.Helper()
	p := participant
	p.New = func(cfg worker.Config) (*worker.Service, error) { return shipping.NewWith(cfg, options) }
	workertest.Start(t, p, cfg)
}

// ask sends a message and returns the answer.
func ask(t testing.TB, nc *nats.Conn, subject string, message any) string {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	m, err := nc.Request(subject, body, patience)
	if err != nil {
		t.Fatalf("%s %s: %v", subject, body, err)
	}
	return string(m.Data)
}

func TestExercise(t *testing.T) { workertest.Exercise(t, participant) }

// TestDocument000 holds the answers to the letter of S0-12, A9, S2-15 and S2-16.
func TestDocument000(t *testing.T) {
	const shown = `{"type":"shipment","saga_id":"checkout42","step":3,"shipment_id":"s-checkout42-3","tracking_number":"1ZTZ30FS0314004202",` +
		`"items":[{"sku":"abc123","quantity":2}],"address":"123 Main St","status":"cancelled",` +
		`"created_at":1700000000000000,"cancelled_at":1700000000000000}`
	workertest.Converse(t, participant,
		workertest.Exchange{
			Subject: protocol.SubjectCreateShipment,
			Say:     `{"type":"CreateShipment","saga_id":"checkout42","step":3,"items":[{"sku":"abc123","quantity":2}],"address":"123 Main St"}`,
			Hear:    `{"type":"CreateShipment_ok","saga_id":"checkout42","step":3,"shipment_id":"s-checkout42-3","tracking_number":"1ZTZ30FS0314004202"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCreateShipment,
			Say:     `{"type":"CreateShipment","saga_id":"checkout43","step":3,"items":[{"sku":"abc123","quantity":2}],"address":"undeliverable"}`,
			Hear:    `{"type":"CreateShipment_failed","saga_id":"checkout43","step":3,"error":"address_undeliverable"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectCancelShipment,
			Say:     `{"type":"CancelShipment","saga_id":"checkout42","step":3,"compensating":true,"shipment_id":"s-checkout42-3"}`,
			Hear:    `{"type":"CancelShipment_ok","saga_id":"checkout42","step":3}`,
		},
		workertest.Exchange{Subject: protocol.SubjectShipment, Say: `{"saga_id":"checkout42","step":3}`, Hear: shown},
		workertest.Exchange{Subject: protocol.SubjectShipment, Say: `{"shipment_id":"s-checkout42-3"}`, Hear: shown},
		workertest.Exchange{Subject: protocol.SubjectShipment, Say: `{"tracking_number":"1ZTZ30FS0314004202"}`, Hear: shown},
		workertest.Exchange{
			Subject: protocol.SubjectShipment, Say: `{"saga_id":"checkout43","step":3}`,
			Hear: `{"type":"error","code":"not_found","message":"Shipment not found"}`,
		},
		workertest.Exchange{
			Subject: protocol.SubjectHandOver, Say: `{"tracking_number":"1ZTZ30FS0314004202"}`,
			Hear: `{"type":"error","code":"act_refused","message":"its label was cancelled; do not hand the parcel over"}`,
		},
	)
}

// TestLookupsRefuseWhatNamesNoShipment, each with its reason (S2-15).
func TestLookupsRefuseWhatNamesNoShipment(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	start(t, cfg, shipping.Options{})
	for say, want := range map[string]string{
		`{}`:                                       `"code":"missing_field","message":"is required","field":"saga_id"`,
		`{"saga_id":"a"}`:                          `"code":"invalid_field","message":"must be from 1 to 64","field":"step"`,
		`{"step":3}`:                               `"code":"missing_field","message":"is required","field":"saga_id"`,
		`{"saga_id":"a.b","step":3}`:               `"code":"invalid_id"`,
		`{"saga_id":"a","step":65}`:                `"field":"step"`,
		`{"saga_id":"a","step":3}`:                 `"code":"not_found","message":"Shipment not found"`,
		`{"shipment_id":"s-a-3"}`:                  `"code":"not_found","message":"Shipment not found"`,
		`{"shipment_id":"parcel 7"}`:               `"code":"not_found","message":"Shipment not found"`,
		`{"shipment_id":">"}`:                      `"code":"not_found","message":"Shipment not found"`,
		`{"tracking_number":"1Z999AA10123456784"}`: `"code":"not_found","message":"Shipment not found"`,
		`{"tracking_number":"1Z999AA10123456785"}`: `"code":"invalid_field","message":"is mistyped: its check digit does not fit","field":"tracking_number"`,
		`{"tracking_number":"*"}`:                  `"field":"tracking_number"`,
		`{"shipment_id":"s-a-3","step":3}`:         `"message":"name the shipment in one way only`,
		`{"shipment_id":"` + strings.Repeat("x", protocol.MaxReferenceBytes+1) + `"}`: `"code":"too_large"`,
		`{"saga_id":"a","saga_id":"b","step":3}`:                                      `"code":"duplicate_field"`,
	} {
		for _, subject := range []string{protocol.SubjectShipment, protocol.SubjectHandOver} {
			m, err := cfg.Conn.Request(subject, []byte(say), patience)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(m.Data), want) {
				t.Errorf("%s %s\ngot  %s\nwant %s", subject, say, m.Data, want)
			}
		}
	}
}

// TestD23HandedOver: a parcel that the carrier has cannot be called back, and the
// refusal stands for ever.
func TestD23HandedOver(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	start(t, cfg, shipping.Options{})
	ask(t, cfg.Conn, protocol.SubjectCreateShipment, create("c1", "123 Main St"))
	for range 2 {
		if got := ask(t, cfg.Conn, protocol.SubjectHandOver, shipping.Query{ShipmentID: "s-c1-3"}); !strings.Contains(got, `"status":"handed_over"`) {
			t.Errorf("got %s", got)
		}
	}
	for range 2 {
		if got, want := ask(t, cfg.Conn, protocol.SubjectCancelShipment, cancel("c1")), `{"type":"CancelShipment_failed","saga_id":"c1","step":3,"error":"handed_over"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := ask(t, cfg.Conn, protocol.SubjectShipment, shipping.Query{SagaID: "c1", Step: 3}); !strings.Contains(got, `"status":"handed_over"`) {
		t.Errorf("got %s", got)
	}
}

// TestD23Window: after its window a label cannot be cancelled, although nobody
// said that the parcel is gone. It keeps the window that it was made with.
func TestD23Window(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	var clock sync.Mutex
	now := time.UnixMicro(workertest.Now)
	cfg.Now = func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		return now
	}
	pass := func(d time.Duration) {
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(d)
	}
	start(t, cfg, shipping.Options{CancelWindow: time.Hour})
	ask(t, cfg.Conn, protocol.SubjectCreateShipment, create("early", "123 Main St"))
	ask(t, cfg.Conn, protocol.SubjectCreateShipment, create("late", "123 Main St"))
	pass(time.Hour - time.Microsecond)
	if got := ask(t, cfg.Conn, protocol.SubjectCancelShipment, cancel("early")); !strings.Contains(got, "_ok") {
		t.Errorf("within the window: got %s", got)
	}
	pass(time.Microsecond)
	if got := ask(t, cfg.Conn, protocol.SubjectCancelShipment, cancel("late")); !strings.Contains(got, shipping.ReasonHandedOver) {
		t.Errorf("after the window: got %s", got)
	}
	if got := ask(t, cfg.Conn, protocol.SubjectShipment, shipping.Query{ShipmentID: "s-late-3"}); !strings.Contains(got, `"cancel_until":1700003600000000`) {
		t.Errorf("got %s", got)
	}
	if _, err := shipping.NewWith(cfg, shipping.Options{CancelWindow: -1}); err == nil {
		t.Error("took a negative window")
	}
}

// TestHandOverAgainstCancel: of a cancellation and a hand-over at the same moment,
// over two replicas, exactly one happens.
func TestHandOverAgainstCancel(t *testing.T) {
	n := workertest.Server(t)
	start(t, n.Config(t), shipping.Options{})
	start(t, n.Config(t), shipping.Options{})
	nc := n.Connect(t)
	for i := range 50 {
		saga := fmt.Sprintf("race%d", i)
		ask(t, nc, protocol.SubjectCreateShipment, create(saga, "123 Main St"))
		var cancelled, gone string
		var both sync.WaitGroup
		both.Go(func() { cancelled = ask(t, nc, protocol.SubjectCancelShipment, cancel(saga)) })
		both.Go(func() { gone = ask(t, nc, protocol.SubjectHandOver, shipping.Query{SagaID: saga, Step: 3}) })
		both.Wait()
		isCancelled, isGone := strings.Contains(cancelled, "CancelShipment_ok"), strings.Contains(gone, `"status":"handed_over"`)
		if isCancelled == isGone {
			t.Fatalf("got %s and %s", cancelled, gone)
		}
	}
}
