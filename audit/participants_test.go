package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"

	"amends/audit"
)

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
	verdict := "action"
	if undo {
		verdict = "compensation"
	}
	w.clock++
	row[verdict] = doc{"hash": "h", "accepted": true, "at": w.clock, "reply": doc{}}
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
