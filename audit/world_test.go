package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"amends/audit"
	"amends/saga"
)

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
			Name: name, Service: name, Kind: saga.Compensatable,
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
	e.At = saga.Instant(1_700_000_000_000_000 + len(w.events))
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
	undo, step := w.state.Phase == saga.Compensating, w.state.Cursor
	if f == decline && w.decided(undo, step) {
		f = accept // a participant does not change its mind
	}
	e := saga.Event{Step: step, Attempt: w.state.Attempt}
	if f == accept || f == lost {
		w.work(undo, step)
	}
	switch f {
	case accept:
		e.Type = saga.AnswerType(saga.Accepted, undo)
		if !undo {
			e.Fields = w.answer(step)
		}
	case decline:
		e.Type, e.Code = saga.AnswerType(saga.Declined, undo), "no"
	default:
		e.Type = saga.AnswerType(saga.TimedOut, undo)
	}
	w.put(e)
}

// decided tells whether a participant has done what is asked, or has nothing to
// undo.
func (w *world) decided(undo bool, step int) bool {
	effect := w.effectAt(step)
	if !undo {
		return effect != nil
	}
	return effect == nil || effect["status"] != [...]string{"active", "captured", "created"}[step-1]
}

// key is where the participant of a step stores.
func (w *world) key(step int) string {
	return [...]string{"INVENTORY reservation.", "PAYMENTS ", "SHIPMENTS "}[step-1] + fmt.Sprintf("%s.%d", w.id, step)
}

// work is what the participant of a step stores for a command.
func (w *world) work(undo bool, step int) {
	row := w.rows[w.key(step)]
	if row == nil {
		row = doc{"saga_id": w.id, "step": step}
		w.rows[w.key(step)] = row
	}
	effect, done := row["effect"].(doc)
	switch {
	case !undo && !done:
		row["effect"] = w.effect(step)
	case undo && done:
		effect["status"] = [...]string{"released", "refunded", "cancelled"}[step-1]
		if step == 2 {
			effect["refund"] = doc{"refund_id": "rf", "amount": json.Number("249.99"), "refunded_at": 2}
		}
	}
}

func (w *world) effect(step int) doc {
	switch step {
	case 1:
		return doc{"status": "active", "reserved_at": 1, "lines": []doc{
			{"sku": "abc123", "quantity": 2, "reservation_id": "r1" + w.id},
			{"sku": "xyz789", "quantity": 1, "reservation_id": "r2" + w.id},
		}}
	case 2:
		return doc{
			"status": "captured", "payment_id": "p-" + w.id, "transaction_id": "t-" + w.id, "user_id": "u42",
			"amount": json.Number("249.99"), "currency": "USD", "captured_at": 1,
		}
	default:
		return doc{
			"status": "created", "shipment_id": "s-" + w.id, "tracking_number": "1Z" + w.id, "address": "123 Main St",
			"items": []doc{{"sku": "abc123", "quantity": 2}, {"sku": "xyz789", "quantity": 1}}, "created_at": 1,
		}
	}
}

// answer is what the journal keeps of an acceptance.
func (w *world) answer(step int) map[string]json.RawMessage {
	text := func(s string) json.RawMessage { return json.RawMessage(`"` + s + w.id + `"`) }
	switch step {
	case 1:
		return map[string]json.RawMessage{"reservations": json.RawMessage(
			`[{"sku":"abc123","reservation_id":` + string(text("r1")) + `},{"sku":"xyz789","reservation_id":` + string(text("r2")) + `}]`)}
	case 2:
		return map[string]json.RawMessage{"payment_id": text("p-"), "transaction_id": text("t-")}
	default:
		return map[string]json.RawMessage{"shipment_id": text("s-"), "tracking_number": text("1Z")}
	}
}

// effectAt is the business row of a step; nil if there is none.
func (w *world) effectAt(step int) doc {
	effect, _ := w.rows[w.key(step)]["effect"].(doc)
	return effect
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
		if _, e := audit.ReadEffect(bucket, key, encode(w.rows[place])); e != nil {
			effects = append(effects, e)
		}
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
	s, fault := audit.ReadRecord(w.id, w.record(), w.state.Phase, find)
	if fault != nil {
		return []audit.Finding{*fault}
	}
	return append(audit.Check(s, w.stored()), audit.CheckQueued(s, true)...)
}

// reserved sums up what active reservations hold, as I3 wants it.
func reserved(worlds ...*world) map[string]*audit.Stock {
	stock := map[string]*audit.Stock{}
	for _, w := range worlds {
		for _, e := range w.stored() {
			r, ok := e.(*audit.Reservation)
			if !ok || r.State != audit.Live {
				continue
			}
			for sku, n := range r.Goods.Lines() {
				if stock[sku] == nil {
					stock[sku] = &audit.Stock{SKU: sku, Known: true}
				}
				stock[sku].Reserved += n
				stock[sku].Holders++
			}
		}
	}
	return stock
}

// line is one line of a row.
func line(effect doc, list string, n int) doc { return effect[list].([]doc)[n] }

// indexOf finds an event in a record. Each occurs once, since it is numbered.
func indexOf(record, event []byte) int {
	at := bytes.Index(record, event)
	if at < 0 {
		panic("the record does not hold the event as it was sealed")
	}
	return at
}
