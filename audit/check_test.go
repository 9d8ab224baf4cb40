package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"amends/audit"
	"amends/protocol"
	"amends/saga"
)

// Histories that the tables start from.
func completed(id string) *world { return begin(id).fates(accept, accept, accept) }
func aborted(id string) *world   { return begin(id).fates(accept, accept, decline, accept, accept) }
func stuck(id string) *world     { return begin(id).fates(accept, accept, decline, decline, accept) }

func TestCleanSagasHaveNoFindings(t *testing.T) {
	for name, w := range map[string]*world{
		"completed":                       completed("s"),
		"completed after lost answers":    begin("s").fates(lost, accept, silent, accept, lost, lost, accept),
		"declined at once":                begin("s").fates(decline),
		"aborted":                         aborted("s"),
		"aborted, refund answer lost":     begin("s").fates(accept, accept, decline, lost, accept, accept),
		"aborted, outcome unknown":        begin("s").fates(accept, lost, silent, silent, accept, accept),
		"aborted, nothing to undo":        begin("s").fates(accept, silent, silent, silent, accept, accept),
		"stuck, a refund was refused":     stuck("s"),
		"running, effect not journalled":  begin("s").fates(accept, lost),
		"running, nothing done yet":       begin("s"),
		"compensating, half of it undone": begin("s").fates(accept, accept, decline, lost),
	} {
		t.Run(name, func(t *testing.T) { wants(t, w.audit()) })
	}
}

// TestFindings corrupts the store by hand, one thing at a time.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		world   *world
		corrupt func(w *world)
		want    audit.Invariant
		what    string // part of it
		where   string // part of the evidence
	}{
		"completed without a charge": {completed("s"), drop(2), audit.I1, "there is no charge of 249.99 USD", "PAYMENTS s.2"},
		"completed with nothing held": {completed("s"), func(w *world) { w.effectAt(1)["status"] = "released" },
			audit.I1, "the reservation of abc123×2 xyz789×1 was undone, but step 1 is COMPLETED", "INVENTORY reservation.s.1"},
		"completed, too few pieces held": {completed("s"), func(w *world) { line(w.effectAt(1), "lines", 0)["quantity"] = 1 },
			audit.I1, "abc123×1 xyz789×1 instead of abc123×2 xyz789×1", "INVENTORY reservation.s.1"},
		"completed, other reservation ids": {completed("s"), func(w *world) { line(w.effectAt(1), "lines", 1)["reservation_id"] = "r9" },
			audit.I1, "other reservation ids", "INVENTORY reservation.s.1"},
		"completed, another amount": {completed("s"), func(w *world) { w.effectAt(2)["amount"] = json.Number("250.00") },
			audit.I1, "250.00 USD instead of 249.99 USD", "PAYMENTS s.2: charge of 250.00 USD"},
		"completed, another currency": {completed("s"), func(w *world) { w.effectAt(2)["currency"] = "EUR" },
			audit.I1, "249.99 EUR instead of 249.99 USD", "PAYMENTS s.2"},
		"completed, another user": {completed("s"), func(w *world) { w.effectAt(2)["user_id"] = "u43" }, audit.I1, "another user_id", "PAYMENTS s.2"},
		"completed, a part given back": {completed("s"), func(w *world) { w.effectAt(2)["refund"] = doc{"amount": json.Number("10.00")} },
			audit.I1, "stands although 10.00 USD was given back", "PAYMENTS s.2"},
		"completed, charged twice": {completed("s"), copyTo(2, 7), audit.I1, "one of 2 that stand", "PAYMENTS s.7"},
		"completed, two parcels":   {completed("s"), copyTo(3, 4), audit.I1, "one of 2 that stand", "SHIPMENTS s.4"},
		"completed, parcel cancelled": {completed("s"), func(w *world) { w.effectAt(3)["status"] = "cancelled" },
			audit.I1, "the shipment of abc123×2 xyz789×1 was undone", "SHIPMENTS s.3"},
		"completed, parcel to another address": {completed("s"), func(w *world) { w.effectAt(3)["address"] = "Elsewhere 1" },
			audit.I1, "another address", "SHIPMENTS s.3"},
		"completed, another label": {completed("s"), func(w *world) { w.effectAt(3)["tracking_number"] = "1Z0" },
			audit.I1, "another tracking number", "SHIPMENTS s.3"},

		"aborted, charge stands": {aborted("s"), func(w *world) { w.effectAt(2)["status"] = "captured"; delete(w.effectAt(2), "refund") },
			audit.I2, "the charge of 249.99 USD stands, but step 2 is COMPENSATED", "PAYMENTS s.2"},
		"aborted, refund too small": {aborted("s"), refund("249.98"), audit.I2, "only 249.98 USD was given back", "PAYMENTS s.2"},
		"aborted, refund too large": {aborted("s"), refund("250.00"), audit.I2, "gave back 250.00 USD", "PAYMENTS s.2"},
		"aborted, goods still held": {aborted("s"), func(w *world) { w.effectAt(1)["status"] = "active" },
			audit.I2, "stands, but step 1 is COMPENSATED", "INVENTORY reservation.s.1"},
		"aborted, a parcel is on its way": {aborted("s"), func(w *world) { w.work(false, 3) },
			audit.I2, "stands, but step 3 is FAILED", "SHIPMENTS s.3"},
		"aborted, refund of a charge that vanished": {aborted("s"), drop(2), audit.I4, "step 2 was done and is COMPENSATED", "PAYMENTS s.2"},

		"open, refunded too much":        {begin("s").fates(accept, accept, decline, lost), refund("999.00"), audit.I2, "gave back 999.00 USD", "PAYMENTS s.2"},
		"open, two steps ahead":          {begin("s").fates(accept), func(w *world) { w.work(false, 3) }, audit.I4, "but step 3 is PENDING", "SHIPMENTS s.3"},
		"open, undone by nobody":         {begin("s").fates(accept, lost), func(w *world) { w.work(true, 2) }, audit.I4, "was undone, but step 2 is RUNNING", "PAYMENTS s.2"},
		"open, done without an effect":   {begin("s").fates(accept, accept), drop(2), audit.I4, "there is no charge of 249.99 USD", "PAYMENTS s.2"},
		"stuck, declined and yet done":   {begin("s").fates(accept, accept, decline, decline, decline), func(w *world) { w.work(false, 3) }, audit.I4, "step 3 is FAILED", "SHIPMENTS s.3"},
		"a value that is of another key": {completed("s"), func(w *world) { w.rows["PAYMENTS s.2"]["saga_id"] = "q" }, audit.Row, `saga "q"`, "PAYMENTS s.2"},
		"a status that does not exist":   {completed("s"), func(w *world) { w.effectAt(2)["status"] = "paid" }, audit.Row, `"paid" is neither captured nor refunded`, "PAYMENTS s.2"},
		"negative pieces":                {completed("s"), func(w *world) { line(w.effectAt(1), "lines", 0)["quantity"] = -2 }, audit.Row, "holds -2 pieces of abc123", "INVENTORY reservation.s.1"},

		"an event after the end": {completed("s"), func(w *world) {
			w.seal(saga.Event{Type: saga.StepAccepted, At: 9, Step: 3, Attempt: 1})
		}, audit.I6, "event 5 (StepAccepted) does not apply", "SAGAS s"},
		"two ends": {completed("s"), func(w *world) { w.state.Phase = saga.Aborted },
			audit.I6, `the events lead to COMPLETED, the record says "ABORTED" and its header "ABORTED"`, "SAGAS s"},
		"a step skipped": {begin("s"), func(w *world) {
			w.seal(saga.Event{Type: saga.StepAccepted, At: 9, Step: 2, Attempt: 1})
		}, audit.History, "event 2 (StepAccepted) does not apply", "SAGAS s"},
		"a tail lost":        {completed("s"), func(w *world) { w.events = w.events[:3] }, audit.Chain, "event 3 is not the tip", "SAGAS s"},
		"an event replaced":  {completed("s"), func(w *world) { w.events[1] = flip(w.events[1]) }, audit.Chain, "event 3 does not follow", "SAGAS s"},
		"the record of none": {completed("s"), func(w *world) { w.events, w.tip = nil, "" }, audit.Chain, "event 1 is not the start", "SAGAS s"},
	} {
		t.Run(name, func(t *testing.T) {
			c.corrupt(c.world)
			found := c.world.audit()
			wants(t, found, c.want)
			if len(found) == 0 {
				return
			}
			if f := found[0]; f.SagaID != "s" || !strings.Contains(f.What, c.what) || !strings.Contains(f.Evidence, c.where) {
				t.Errorf("found %+v, want %q with evidence %q", f, c.what, c.where)
			}
		})
	}
}

// wants compares the invariants of findings.
func wants(t *testing.T, found []audit.Finding, want ...audit.Invariant) {
	t.Helper()
	same := len(found) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = found[i].Invariant == want[i]
	}
	if !same {
		t.Errorf("found %+v, want %v", found, want)
	}
}

func drop(step int) func(*world) { return func(w *world) { delete(w.rows, w.key(step)) } }

func refund(amount string) func(*world) {
	return func(w *world) { w.effectAt(2)["refund"] = doc{"amount": json.Number(amount)} }
}

// copyTo repeats the effect of a step under another step.
func copyTo(from, to int) func(*world) {
	return func(w *world) {
		key := strings.TrimSuffix(w.key(from), "1")
		key = key[:strings.LastIndexByte(key, '.')+1] + string(rune('0'+to))
		w.rows[key] = doc{"saga_id": w.id, "step": to, "effect": w.effectAt(from)}
	}
}

// flip changes one bit of an event and keeps it JSON.
func flip(raw []byte) []byte { return bytes.Replace(raw, []byte("abc"), []byte("abb"), 1) }

func TestRecordsThatCannotBeFollowed(t *testing.T) {
	w := completed("s")
	for name, c := range map[string]struct {
		key   string
		value []byte
		want  audit.Invariant
	}{
		"no JSON":              {"s", w.record()[1:], audit.Record},
		"of another key":       {"q", w.record(), audit.Record},
		"a key that is no id":  {"s.s", w.record(), audit.Record},
		"of another head":      {"s", bytes.Replace(w.record(), []byte(`"definition":"checkout","epoch"`), []byte(`"definition":"other","epoch"`), 1), audit.Record},
		"a definition unknown": {"s", unknownDefinition(), audit.Definition},
	} {
		t.Run(name, func(t *testing.T) {
			s, fault := audit.ReadRecord(c.key, c.value, saga.Completed, find)
			if s != nil || fault == nil || fault.Invariant != c.want || fault.SagaID != c.key {
				t.Errorf("saga %+v, finding %+v, want %s", s, fault, c.want)
			}
		})
	}
}

func unknownDefinition() []byte {
	w := &world{id: "s"}
	w.seal(saga.Event{Type: saga.Started, Start: &saga.Start{SagaID: "s", Definition: "checkout", DefinitionHash: "older"}})
	return w.record()
}

func TestCompletedWithoutOrder(t *testing.T) {
	s, _ := audit.ReadRecord("s", completed("s").record(), saga.Completed, find)
	s.OrderID = ""
	wants(t, audit.Check(s, completed("s").stored()), audit.I1)
}

func TestForgotten(t *testing.T) {
	s, _ := audit.ReadRecord("s", begin("s").record(), saga.Running, find)
	wants(t, audit.CheckQueued(s, true))
	found := audit.CheckQueued(s, false)
	wants(t, found, audit.I5)
	if !strings.Contains(found[0].Evidence, "saga.start.s in stream SAGA_INBOX") {
		t.Error(found[0].Evidence)
	}
	ended, _ := audit.ReadRecord("s", stuck("s").record(), saga.Stuck, find)
	wants(t, audit.CheckQueued(ended, false))
}

func TestOrphans(t *testing.T) {
	wants(t, audit.CheckOrphan("s", completed("s").stored()), audit.I4, audit.I4, audit.I4)
	wants(t, audit.CheckOrphan("s", begin("s").fates(decline).stored()))
	w := aborted("s")
	refund("1000.00")(w)
	wants(t, audit.CheckAlone("s", w.stored()), audit.I2)
}

func TestStock(t *testing.T) {
	for name, c := range map[string]struct {
		stock audit.Stock
		want  []audit.Invariant
	}{
		"enough":          {audit.Stock{SKU: "a", Known: true, OnHand: 3, Reserved: 3}, nil},
		"oversold":        {audit.Stock{SKU: "a", Known: true, OnHand: 3, Reserved: 4}, []audit.Invariant{audit.I3}},
		"negative":        {audit.Stock{SKU: "a", Known: true, OnHand: -1}, []audit.Invariant{audit.I3}},
		"never in stock":  {audit.Stock{SKU: "a", Reserved: 1}, []audit.Invariant{audit.I3}},
		"nothing of that": {audit.Stock{SKU: "a"}, nil},
	} {
		t.Run(name, func(t *testing.T) { wants(t, audit.CheckStock(c.stock), c.want...) })
	}
}

// TestOtherDefinitions audits a saga as far as its steps are of known types.
func TestOtherDefinitions(t *testing.T) {
	s := &audit.Saga{ID: "s", Phase: saga.Completed, Head: saga.Completed, Header: saga.Completed, OrderID: "o", Steps: []audit.Step{
		{Number: 1, Status: saga.StepCompleted},
		{Number: 2, Status: saga.StepCompleted, Asked: &audit.Charge{Step: 2, Amount: protocol.Money{Minor: 500, Currency: "JPY"}}},
	}}
	charge := &audit.Charge{Step: 2, State: audit.Live, Amount: protocol.Money{Minor: 500, Currency: "JPY"}}
	wants(t, audit.Check(s, []audit.Effect{charge, &audit.Shipment{Step: 1, State: audit.Live}}))
	wants(t, audit.Check(s, []audit.Effect{charge, &audit.Shipment{Step: 2, State: audit.Live}}), audit.I1)
	wants(t, audit.Check(s, nil), audit.I1)
	s.Steps[1].Vague = "no amount"
	wants(t, audit.Check(s, []audit.Effect{charge}), audit.Record)
}
