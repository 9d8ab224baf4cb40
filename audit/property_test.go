package audit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"amends/audit"
	"amends/saga"

	"pgregory.net/rapid"
)

// randomWorld plays one saga to wherever its fates lead.
func randomWorld(t *rapid.T, id string) *world {
	w := begin(id)
	fates := rapid.SliceOfN(rapid.SampledFrom([]fate{accept, accept, accept, lost, silent, decline}), 0, 12).Draw(t, "fates of "+id)
	for _, f := range fates {
		if w.state.Phase.Live() {
			w.command(f)
		}
	}
	if w.state.Phase.Live() && rapid.Bool().Draw(t, "ahead") {
		w.work(w.state.Phase == saga.Compensating, w.state.Active()[0]) // done, and not journalled yet
	}
	return w
}

// TestCleanHistories: whatever happens to a saga whose participants obey the
// rules, there is nothing to find, at any moment.
func TestCleanHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worlds := make([]*world, rapid.IntRange(1, 4).Draw(t, "sagas"))
		for i := range worlds {
			worlds[i] = randomWorld(t, fmt.Sprintf("s%d", i))
			if found := worlds[i].audit(); len(found) != 0 {
				t.Fatalf("%s: %+v", worlds[i].state.Phase, found)
			}
		}
		for _, stock := range reserved(worlds...) {
			stock.OnHand = stock.Reserved
			if found := audit.CheckStock(*stock); len(found) != 0 {
				t.Fatalf("%+v", found)
			}
		}
	})
}

// mutation changes one thing of the effect of a step.
type mutation struct {
	name   string
	step   int
	change func(w *world, effect doc)
	// proof says what must be known for the change to be visible.
	proof func(w *world, step int) bool
}

// always: the journal has what was asked for, whatever became of it.
func always(*world, int) bool { return true }

// answered: the journal has what the participant said.
func answered(w *world, step int) bool { return w.state.Steps[step-1].Kept != nil }

// settled: the step is not in progress, so only one state is right.
func settled(w *world, step int) bool {
	switch w.state.Steps[step-1].Status {
	case saga.StepCompleted, saga.StepCompensated:
		return true
	}
	return false
}

func mutations() []mutation {
	set := func(step int, field string, value any, proof func(*world, int) bool) mutation {
		return mutation{field, step, func(_ *world, effect doc) { effect[field] = value }, proof}
	}
	inLine := func(step int, list, field string, value any, proof func(*world, int) bool) mutation {
		return mutation{list + "." + field, step, func(_ *world, effect doc) { line(effect, list, 1)[field] = value }, proof}
	}
	turn := func(step int, live, undone string) mutation {
		return mutation{"turn", step, func(_ *world, effect doc) {
			if effect["status"] == live {
				effect["status"] = undone
				return
			}
			effect["status"] = live
		}, settled}
	}
	return []mutation{
		set(2, "amount", json.Number("249.98"), always), set(2, "currency", "EUR", always), set(2, "user_id", "u1", always),
		set(2, "refund", doc{"amount": json.Number("0.01")}, always), set(2, "refund", doc{"amount": json.Number("500.00")}, always),
		set(2, "payment_id", "p", answered), set(2, "transaction_id", "t", answered),
		set(2, "status", "authorized", always), set(2, "amount", nil, always), set(2, "amount", "249.99", always),
		set(3, "address", "1 Elsewhere", always), set(3, "shipment_id", "s", answered), set(3, "tracking_number", "1Z", answered),
		inLine(3, "items", "quantity", 2, always), inLine(3, "items", "sku", "other", always),
		inLine(1, "lines", "quantity", 1001, always), inLine(1, "lines", "sku", "other", always),
		inLine(1, "lines", "quantity", -1, always), inLine(1, "lines", "reservation_id", "r", answered),
		turn(1, "active", "released"), turn(2, "captured", "refunded"), turn(3, "created", "cancelled"),
		{"drop", 1, func(w *world, _ doc) { drop(1)(w) }, answered},
		{"drop", 2, func(w *world, _ doc) { drop(2)(w) }, answered},
		{"drop", 3, func(w *world, _ doc) { drop(3)(w) }, answered},
		{"copy", 1, func(w *world, _ doc) { copyTo(1, 5)(w) }, always},
		{"copy", 2, func(w *world, _ doc) { copyTo(2, 3)(w) }, always},
		{"copy", 3, func(w *world, _ doc) { copyTo(3, 2)(w) }, always},
	}
}

// TestEveryMutationIsFound: whatever a saga has been through, one change of
// money, stock or label is seen.
func TestEveryMutationIsFound(t *testing.T) {
	all := mutations()
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, "s")
		m := all[rapid.IntRange(0, len(all)-1).Draw(t, "mutation")]
		effect := w.effectAt(m.step)
		if effect == nil || !m.proof(w, m.step) {
			t.Skip("nothing to change")
		}
		m.change(w, effect)
		if len(w.audit()) == 0 {
			t.Fatalf("%s of step %d in a saga that is %s is not seen: %v", m.name, m.step, w.state.Phase, w.rows)
		}
	})
}

// TestLessStockIsFound: one piece less than is held, and the SKU is named.
func TestLessStockIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for sku, stock := range reserved(randomWorld(t, "a"), randomWorld(t, "b")) {
			stock.OnHand = stock.Reserved - 1
			found := audit.CheckStock(*stock)
			if len(found) != 1 || found[0].SKU != sku || found[0].Invariant != audit.I1 {
				t.Fatalf("%+v", found)
			}
		}
	})
}

// TestEveryByteOfTheEventsCounts: no byte of a journal can change unseen.
func TestEveryByteOfTheEventsCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t, "s")
		event := rapid.IntRange(0, len(w.events)-1).Draw(t, "event")
		at := rapid.IntRange(0, len(w.events[event])-1).Draw(t, "byte")
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		clean := w.record()
		offset := indexOf(clean, w.events[event])
		damaged := append([]byte(nil), clean...)
		damaged[offset+at] ^= bit
		if _, fault := audit.ReadRecord("s", damaged, headerOf(w.state.Phase), terms); fault == nil {
			t.Fatalf("byte %d of event %d", at, event+1)
		}
	})
}
