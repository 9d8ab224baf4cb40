package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

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

// A parcel on its way is the shipment of its saga (D23).
func TestAParcelOnItsWay(t *testing.T) {
	w := completed("s")
	set(3, "status", "handed_over")(w)
	wants(t, w.audit())
}

func TestRecordsThatCannotBeFollowed(t *testing.T) {
	w := completed("s")
	for name, c := range map[string]struct {
		key   string
		value []byte
		want  audit.Invariant
	}{
		"no JSON":              {"s", w.record()[1:], audit.I7},
		"of another key":       {"q", w.record(), audit.I7},
		"a key that is no id":  {"s.s", completed("s.s").record(), audit.I7},
		"of another head":      {"s", bytes.Replace(w.record(), []byte(`"definition":"checkout","epoch"`), []byte(`"definition":"other","epoch"`), 1), audit.I7},
		"a definition unknown": {"s", unknownDefinition(), audit.I7},
	} {
		t.Run(name, func(t *testing.T) {
			s, fault := audit.ReadRecord(c.key, c.value, headerOf(saga.Completed), terms)
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
	s, _ := audit.ReadRecord("s", completed("s").record(), headerOf(saga.Completed), terms)
	s.OrderID = ""
	wants(t, audit.Check(s, completed("s").stored()), audit.I3)
}

// TestHeadOfTheRecord: listings look at the header, people at the head; the
// events are the truth.
func TestHeadOfTheRecord(t *testing.T) {
	s, _ := audit.ReadRecord("s", aborted("s").record(), headerOf(saga.Completed), terms)
	wants(t, audit.Check(s, aborted("s").stored()), audit.I8)
	s.SetPhases(saga.Running, saga.Aborted)
	wants(t, audit.Check(s, aborted("s").stored()), audit.I8)
}

// settle has a person settle a step, as a STUCK saga allows.
func (w *world) settle(step int, as saga.Resolution) *world {
	w.put(saga.Event{Type: saga.StepResolved, Step: step, As: as, By: "ann", Reason: "r", Evidence: "e"})
	return w
}

// what a person has settled by hand, the stores do not show. The person
// answers for that step, and for no other.
func TestAStepSettledByHandIsNotJudged(t *testing.T) {
	for name, as := range map[string]saga.Resolution{"refunded by hand": saga.ByHand, "let be": saga.Skipped} {
		t.Run(name, func(t *testing.T) {
			w := stuck("s").settle(2, as)
			if w.state.Phase != saga.Aborted {
				t.Fatalf("the saga is %s", w.state.Phase)
			}
			wants(t, w.audit())
			set(2, "refund", doc{"amount": json.Number("300.00")})(w)
			wants(t, w.audit(), audit.I12) // nothing excuses this
		})
	}
	other := stuck("s").settle(2, saga.ByHand)
	copyTo(2, 9)(other)
	wants(t, other.audit(), audit.I2)
}

// I6: whoever is open is worked on, in time, or it is shown that a person is
// needed.
func TestOpenSagasAreWatched(t *testing.T) {
	now := time.UnixMicro(began)
	running, _ := audit.ReadRecord("s", begin("s").record(), headerOf(saga.Running), terms)
	halted, _ := audit.ReadRecord("s", stuck("s").record(), headerOf(saga.Stuck), terms)
	ended, _ := audit.ReadRecord("s", completed("s").record(), headerOf(saga.Completed), terms)
	for name, c := range map[string]struct {
		saga *audit.Saga
		seen audit.Watched
		want string
	}{
		"in the inbox":              {running, audit.Watched{Queued: true, Now: now}, ""},
		"neither inbox nor timer":   {running, audit.Watched{Now: now}, "it is forgotten"},
		"slow":                      {running, audit.Watched{Queued: true, Now: now.Add(2 * time.Minute)}, ""},
		"nothing happens":           {running, audit.Watched{Queued: true, Now: now.Add(3 * time.Minute)}, "but nothing has happened"},
		"slow, and it is shown":     {running, audit.Watched{Queued: true, Shown: true, Now: now.Add(time.Hour)}, ""},
		"stuck and shown":           {halted, audit.Watched{Shown: true, Now: now.Add(time.Hour)}, ""},
		"stuck, and shown any time": {halted, audit.Watched{Now: now.Add(time.Minute)}, ""},
		"stuck and not shown":       {halted, audit.Watched{Now: now.Add(3 * time.Minute)}, "no incident shows it"},
		"ended":                     {ended, audit.Watched{Now: now.Add(time.Hour)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := audit.CheckWatched(c.saga, c.seen)
			if c.want == "" {
				wants(t, found)
				return
			}
			wants(t, found, audit.I6)
			if len(found) == 1 && !strings.Contains(found[0].What, c.want) {
				t.Errorf("found %q, want %q", found[0].What, c.want)
			}
		})
	}
}

func TestOrphans(t *testing.T) {
	wants(t, audit.CheckOrphan("s", completed("s").stored()), audit.I5, audit.I5, audit.I5)
	wants(t, audit.CheckOrphan("s", begin("s").fates(decline).stored()))
	wants(t, audit.CheckOrphan(protocol.ConformancePrefix+"x", completed("s").stored()), audit.I5, audit.I5, audit.I5)
	wants(t, audit.CheckOrphan(protocol.ConformancePrefix+"x", aborted("s").stored()))
	wants(t, audit.CheckOrphan("s", aborted("s").stored()), audit.I5, audit.I5)
	w := aborted("s")
	refund("1000.00")(w)
	wants(t, audit.CheckAlone("s", w.stored()), audit.I12)
	wants(t, audit.CheckOrphan("s", w.stored()[1:]), audit.I12, audit.I5)
	set(2, "status", "paid")(w)
	wants(t, audit.CheckOrphan("s", w.stored()[1:]), audit.I5)
}

// TestStrayRefund: a charge that nobody asked for is held to D19 as well.
func TestStrayRefund(t *testing.T) {
	w := aborted("s")
	copyTo(2, 9)(w)
	w.rows["PAYMENTS s.9"]["effect"] = doc{
		"status": "refunded", "amount": json.Number("1.00"), "currency": "USD", "refund": doc{"amount": json.Number("2.00")},
	}
	wants(t, w.audit(), audit.I12, audit.I5)
}

func TestStock(t *testing.T) {
	for name, c := range map[string]struct {
		stock audit.Stock
		want  string // part of what is said; "" if there is nothing to say
	}{
		"enough":                                 {audit.Stock{SKU: "a", Known: true, OnHand: 3, Reserved: 3}, ""},
		"oversold":                               {audit.Stock{SKU: "a", Known: true, OnHand: 3, Reserved: 4}, "oversold: 4 reserved of 3 on hand"},
		"negative":                               {audit.Stock{SKU: "a", Known: true, OnHand: -1}, "stock is negative"},
		"never in stock":                         {audit.Stock{SKU: "a", Reserved: 1}, "1 reserved of an SKU that is not in stock"},
		"nothing of that":                        {audit.Stock{SKU: "a"}, ""},
		"pieces missing":                         {audit.Stock{SKU: "a", Known: true, OnHand: 1, Since: 1, Counted: 3}, "3 were counted"},
		"commits so old that they are forgotten": {audit.Stock{SKU: "a", Known: true, OnHand: 1, Since: 1, Counted: 3, Forgotten: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := audit.CheckStock(c.stock)
			if c.want == "" {
				wants(t, found)
				return
			}
			wants(t, found, audit.I1)
			if f := found[0]; f.SKU != "a" || !strings.Contains(f.What, c.want) || !strings.Contains(f.Evidence, "stock.a") {
				t.Errorf("found %+v, want %q", f, c.want)
			}
		})
	}
}

// TestOtherDefinitions audits a saga as far as its steps are of known types.
func TestOtherDefinitions(t *testing.T) {
	s := &audit.Saga{ID: "s", Phase: saga.Completed, OrderID: "o", Steps: []audit.Step{
		{Number: 1, Status: saga.StepCompleted},
		{Number: 2, Status: saga.StepCompleted, Asked: &audit.Charge{Origin: audit.Origin{Step: 2}, Amount: protocol.Money{Minor: 500, Currency: "JPY"}}},
	}}
	s.SetPhases(saga.Completed, saga.Completed)
	charge := &audit.Charge{Origin: audit.Origin{Step: 2, State: audit.Live}, Amount: protocol.Money{Minor: 500, Currency: "JPY"}}
	wants(t, audit.Check(s, []audit.Effect{charge, &audit.Shipment{Origin: audit.Origin{Step: 1, State: audit.Live}}}))
	wants(t, audit.Check(s, []audit.Effect{charge, &audit.Shipment{Origin: audit.Origin{Step: 2, State: audit.Live}}}), audit.I3)
	wants(t, audit.Check(s, nil), audit.I3)
	s.Steps[1].Vague = "no amount"
	wants(t, audit.Check(s, []audit.Effect{charge}), audit.I7)
}
