package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"amends/audit"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

var services = map[string]string{"reserve": protocol.ServiceInventory, "charge": protocol.ServicePayment, "ship": protocol.ServiceShipping}

// checkout is the saga of document 000, by its types.
func checkout() *saga.Definition {
	step := func(name, action, compensation string, send, keep []string) saga.Step {
		operation := func(typ string, fields []string, keep []string) saga.Operation {
			op := saga.Operation{
				Type: typ, Subject: "s." + typ, Keep: keep, Timeout: 1000 * saga.Millisecond,
				Retry: saga.Retry{Attempts: 3, Initial: saga.Millisecond, Max: saga.Millisecond},
			}
			for _, field := range fields {
				name, from, _ := strings.Cut(field, "=")
				op.Send = append(op.Send, saga.Field{Name: name, From: from})
			}
			return op
		}
		return saga.Step{
			Name: name, Service: services[name], Kind: saga.Compensatable,
			Action: operation(action, send, keep), Compensation: operation(compensation, nil, nil),
		}
	}
	return &saga.Definition{Name: "checkout", Steps: []saga.Step{
		step("reserve", "ReserveInventory", "ReleaseReservation", []string{"items=request.items"}, []string{"reservations"}),
		step("charge", "ChargePayment", "RefundPayment",
			[]string{"user_id=request.user_id", "amount=request.amount", "currency=request.currency"},
			[]string{"payment_id", "transaction_id"}),
		step("ship", "CreateShipment", "CancelShipment",
			[]string{"items=request.items", "address=request.shipping_address"}, []string{"shipment_id", "tracking_number"}),
	}}
}

var def = checkout()

func find(name, hash string) (*saga.Definition, error) {
	if name == def.Name && hash == def.Hash() {
		return def, nil
	}
	return nil, errors.New("not loaded")
}

// terms are those of most audits here: nothing is elsewhere.
var terms = audit.Terms{Find: find}

// began is when all sagas begin.
var began = time.Now().UnixMicro()

// headerOf is the header of a record in a phase.
func headerOf(phase saga.Phase) nats.Header {
	return nats.Header{protocol.HeaderPhase: {string(phase)}}
}

// doc is a stored JSON object that a test may change.
type doc = map[string]any

// world is one saga and all that is stored of it. It is written down here anew,
// from the documented formats: a slip of the code that stores must not find its
// like in the test.
type world struct {
	id     string
	state  saga.State
	events []json.RawMessage
	tip    string
	rows   map[string]doc // by bucket and key
	clock  int            // of the participants
}

// begin starts a saga of two lines, for 249.99 USD.
func begin(id string) *world {
	w := &world{id: id, rows: map[string]doc{}}
	request := map[string]json.RawMessage{
		"user_id": json.RawMessage(`"u42"`), "shipping_address": json.RawMessage(`"123 Main St"`),
		"amount": json.RawMessage(`249.99`), "currency": json.RawMessage(`"USD"`),
		"items": json.RawMessage(`[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]`),
	}
	w.put(saga.Event{Type: saga.Started, Start: &saga.Start{
		SagaID: id, OrderID: "o-" + id, Definition: def.Name, DefinitionHash: def.Hash(), Request: request, RequestHash: "r",
	}})
	return w
}

// put journals an event.
func (w *world) put(e saga.Event) {
	e.At = saga.Instant(began + int64(len(w.events)))
	next, _ := saga.Next(def, w.state, e)
	if next.Seq == w.state.Seq {
		panic(fmt.Sprintf("event %s does not apply in %s", e.Type, w.state.Phase))
	}
	w.state = next
	w.seal(e)
}

// seal chains an event, whether it applies or not.
func (w *world) seal(e saga.Event) {
	raw, tip, err := saga.Seal(len(w.events)+1, w.tip, &e)
	if err != nil {
		panic(err)
	}
	w.events, w.tip = append(w.events, raw), tip
}

// fate is what happens to one command.
type fate string

const (
	accept  fate = "accept"  // done and answered
	lost    fate = "lost"    // done, the answer is lost
	silent  fate = "silent"  // nothing done, no answer
	decline fate = "decline" // a final no
)

// fates plays commands until the saga ends or the fates do.
func (w *world) fates(fates ...fate) *world {
	for _, f := range fates {
		if !w.state.Phase.Live() {
			panic("the saga has ended before its fates")
		}
		w.command(f)
	}
	return w
}

// command plays the command in progress.
func (w *world) command(f fate) {
	step := w.state.Active()[0]
	mode := w.state.Mode(step)
	undo := mode == saga.Compensate
	if f == decline && w.decided(undo, step) {
		f = accept // a participant does not change its mind
	}
	e := saga.Event{Step: step, Attempt: w.state.Steps[step-1].Attempt}
	if f == accept || f == lost {
		w.work(undo, step)
	}
	switch f {
	case accept:
		e.Type = saga.AnswerType(saga.Accepted, mode)
		if !undo {
			e.Fields = w.answer(step)
		}
	case decline:
		e.Type, e.Code = saga.AnswerType(saga.Declined, mode), "no"
	default:
		e.Type = saga.AnswerType(saga.TimedOut, mode)
	}
	w.put(e)
}

// record is the value of the saga in bucket SAGAS.
func (w *world) record() []byte {
	value, err := json.Marshal(doc{
		"saga_id": w.id, "definition": def.Name, "phase": w.state.Phase, "owner": "me", "epoch": 1, "claims": 0,
		"tip": w.tip, "persisted": []int{1}, "events": w.events,
	})
	if err != nil {
		panic(err)
	}
	return value
}

// stored reads all rows as the auditor does.
func (w *world) stored() []audit.Effect {
	var effects []audit.Effect
	for _, place := range slices.Sorted(maps.Keys(w.rows)) {
		bucket, key, _ := strings.Cut(place, " ")
		_, read := audit.ReadEffects(bucket, key, encode(w.rows[place]))
		effects = append(effects, read...)
	}
	return effects
}

func encode(row doc) []byte {
	value, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return value
}

// audit is the whole pure audit of one saga.
func (w *world) audit() []audit.Finding {
	s, fault := audit.ReadRecord(w.id, w.record(), headerOf(w.state.Phase), terms)
	if fault != nil {
		return []audit.Finding{*fault}
	}
	return append(audit.Check(s, w.stored()), audit.CheckWatched(s, audit.Watched{Queued: true, Shown: true, Now: time.Now()})...)
}
