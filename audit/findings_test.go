package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"amends/audit"
	"amends/saga"
)

// damage is one thing that is wrong with a saga, and how it is reported.
type damage struct {
	world   *world
	corrupt func(w *world)
	want    audit.Invariant
	what    string // part of what is said
	where   string // part of the evidence
}

// set changes a field of the effect of a step.
func set(step int, field string, value any) func(*world) {
	return func(w *world) { w.effectAt(step)[field] = value }
}

// setLine changes a field of the first line of an effect.
func setLine(step int, list, field string, value any) func(*world) {
	return func(w *world) { line(w.effectAt(step), list, 0)[field] = value }
}

// do and undo have a participant work that was not asked.
func do(step int) func(*world)   { return func(w *world) { w.work(false, step) } }
func undo(step int) func(*world) { return func(w *world) { w.work(true, step) } }

func drop(step int) func(*world) { return func(w *world) { delete(w.rows, w.key(step)) } }

func refund(amount string) func(*world) { return set(2, "refund", doc{"amount": json.Number(amount)}) }

// charged turns a refund back.
func charged(w *world) {
	w.effectAt(2)["status"] = "captured"
	delete(w.effectAt(2), "refund")
}

// copyTo repeats the effect of a step under another step.
func copyTo(from, to int) func(*world) {
	return func(w *world) {
		key := w.key(from)
		key = key[:strings.LastIndexByte(key, '.')+1] + string(rune('0'+to))
		w.rows[key] = doc{"saga_id": w.id, "step": to, "effect": w.effectAt(from)}
	}
}

// journal adds an event that does not apply.
func journal(step int) func(*world) {
	return func(w *world) { w.seal(saga.Event{Type: saga.StepAccepted, At: 9, Step: step, Attempt: 1}) }
}

// I3, and I2 and I10 where they say more: a COMPLETED saga has one charge of the
// amount, one shipment, and its goods, and they are those that the journal knows.
func TestCompletedSagas(t *testing.T) {
	findAll(t, map[string]damage{
		"no charge":     {completed("s"), drop(2), audit.I3, "there is no charge of 249.99 USD", "PAYMENTS s.2"},
		"nothing held":  {completed("s"), undo(1), audit.I3, "was undone, but step 1 is COMPLETED", "INVENTORY reservation.s.1"},
		"too few held":  {completed("s"), setLine(1, "lines", "quantity", 1), audit.I3, "abc123×1 xyz789×1 instead of abc123×2", "INVENTORY reservation.s.1"},
		"other goods":   {completed("s"), setLine(1, "lines", "sku", "b"), audit.I3, "b×2 xyz789×1 instead of abc123×2", "INVENTORY reservation.s.1"},
		"other holds":   {completed("s"), setLine(1, "lines", "reservation_id", "r9"), audit.I10, "other reservation ids", "INVENTORY reservation.s.1"},
		"amount":        {completed("s"), set(2, "amount", json.Number("250.00")), audit.I2, "250.00 USD instead of 249.99 USD", "PAYMENTS s.2"},
		"currency":      {completed("s"), set(2, "currency", "EUR"), audit.I2, "249.99 EUR instead of 249.99 USD", "PAYMENTS s.2"},
		"payer":         {completed("s"), set(2, "user_id", "u43"), audit.I2, "another user_id", "PAYMENTS s.2"},
		"payment":       {completed("s"), set(2, "payment_id", "p0"), audit.I10, "another payment_id", "PAYMENTS s.2"},
		"transaction":   {completed("s"), set(2, "transaction_id", "t0"), audit.I10, "another transaction_id", "PAYMENTS s.2"},
		"refunded":      {completed("s"), undo(2), audit.I3, "was undone, but step 2 is COMPLETED", "PAYMENTS s.2"},
		"partly back":   {completed("s"), refund("10.00"), audit.I2, "stands although 10.00 USD was given back", "PAYMENTS s.2"},
		"charged twice": {completed("s"), copyTo(2, 7), audit.I2, "one of 2 that stand", "PAYMENTS s.7"},
		"two parcels":   {completed("s"), copyTo(3, 1), audit.I3, "one of 2 that stand", "SHIPMENTS s.1"},
		"no parcel":     {completed("s"), drop(3), audit.I3, "there is no shipment of abc123×2 xyz789×1", "SHIPMENTS s.3"},
		"cancelled":     {completed("s"), undo(3), audit.I3, "was undone, but step 3 is COMPLETED", "SHIPMENTS s.3"},
		"other parcel":  {completed("s"), setLine(3, "items", "quantity", 3), audit.I3, "abc123×3 xyz789×1 instead of abc123×2", "SHIPMENTS s.3"},
		"address":       {completed("s"), set(3, "address", "Elsewhere 1"), audit.I3, "another address", "SHIPMENTS s.3"},
		"shipment":      {completed("s"), set(3, "shipment_id", "s0"), audit.I10, "another shipment_id", "SHIPMENTS s.3"},
		"label":         {completed("s"), set(3, "tracking_number", "1Z0"), audit.I10, "another tracking number", "SHIPMENTS s.3"},
	})
}

// I4, and I2 and I12 of money: an ABORTED saga has left nothing behind.
func TestAbortedSagas(t *testing.T) {
	findAll(t, map[string]damage{
		"charge stands":    {aborted("s"), charged, audit.I12, "stands, but step 2 is COMPENSATED", "PAYMENTS s.2"},
		"refund too small": {aborted("s"), refund("249.98"), audit.I2, "only 249.98 USD was given back", "PAYMENTS s.2"},
		"refund too large": {aborted("s"), refund("250.00"), audit.I12, "gave back 250.00 USD", "PAYMENTS s.2"},
		"goods held":       {aborted("s"), set(1, "status", "active"), audit.I4, "stands, but step 1 is COMPENSATED", "INVENTORY reservation.s.1"},
		"parcel sent":      {aborted("s"), do(3), audit.I4, "stands, but step 3 is FAILED", "SHIPMENTS s.3"},
		"parcel gone":      {aborted("s"), sent, audit.I4, "stands, but step 3 is FAILED", "SHIPMENTS s.3"},
		"second charge":    {begin("s").fates(decline), copyOfCharge, audit.I4, "the journal did not ask for it", "PAYMENTS s.7"},
	})
}

// sent makes a label that the carrier took along.
func sent(w *world) {
	do(3)(w)
	set(3, "status", "handed_over")(w)
}

func copyOfCharge(w *world) {
	w.rows["PAYMENTS s.7"] = doc{"saga_id": "s", "step": 7, "effect": w.effect(2)}
}

// I5: no effect without a journal entry, and no entry "done" without an effect;
// also while a saga is open.
func TestOpenSagas(t *testing.T) {
	refunding := begin("s").fates(accept, accept, decline, lost)
	findAll(t, map[string]damage{
		"refunded too much": {refunding, refund("999.00"), audit.I12, "gave back 999.00 USD", "PAYMENTS s.2"},
		"two steps ahead":   {begin("s").fates(accept), do(3), audit.I5, "but step 3 is PENDING", "SHIPMENTS s.3"},
		"undone by nobody":  {begin("s").fates(accept, lost), undo(2), audit.I5, "was undone, but step 2 is RUNNING", "PAYMENTS s.2"},
		"done, no effect":   {begin("s").fates(accept, accept), drop(2), audit.I5, "there is no charge of 249.99 USD", "PAYMENTS s.2"},
		"another amount":    {begin("s").fates(accept, lost), set(2, "amount", json.Number("1")), audit.I2, "1.00 USD instead", "PAYMENTS s.2"},
		"stuck, done after a no": {
			begin("s").fates(accept, accept, decline, decline, decline), do(3), audit.I5, "step 3 is FAILED", "SHIPMENTS s.3",
		},
		"aborted, the refunded charge vanished": {aborted("s"), drop(2), audit.I5, "step 2 was done and is COMPENSATED", "PAYMENTS s.2"},
		"aborted, content of what was undone":   {aborted("s"), set(2, "user_id", "u1"), audit.I2, "another user_id", "PAYMENTS s.2"},
	})
}

// A participant's value that is not what its key says.
func TestRowsThatMakeNoSense(t *testing.T) {
	ofAnother := func(w *world) { w.rows["PAYMENTS s.2"]["saga_id"] = "q" }
	findAll(t, map[string]damage{
		"of another saga":  {completed("s"), ofAnother, audit.I5, `saga "q"`, "PAYMENTS s.2"},
		"unknown status":   {completed("s"), set(2, "status", "paid"), audit.I5, `"paid" is neither captured nor refunded`, "PAYMENTS s.2"},
		"negative pieces":  {completed("s"), setLine(1, "lines", "quantity", -2), audit.I5, "holds -2 pieces of abc123", "INVENTORY reservation.s.1"},
		"a broken sku":     {completed("s"), setLine(1, "lines", "sku", "a b"), audit.I5, "line 1", "INVENTORY reservation.s.1"},
		"amount in quotes": {completed("s"), set(2, "amount", "249.99"), audit.I5, "number without quotes", "PAYMENTS s.2"},
		"half a cent":      {completed("s"), refund("0.005"), audit.I5, "at most 2 digits", "PAYMENTS s.2"},
	})
}

// I7, and what people are told of it (I8): the journal is whole, legal, and ends
// once.
func TestJournals(t *testing.T) {
	twoEnds := func(w *world) { w.state.Phase = saga.Aborted }
	cut := func(w *world) { w.events = w.events[:3] }
	replaced := func(w *world) { w.events[1] = bytes.Replace(w.events[1], []byte("abc"), []byte("abb"), 1) }
	emptied := func(w *world) { w.events, w.tip = nil, "" }
	findAll(t, map[string]damage{
		"an event after the end": {completed("s"), journal(3), audit.I7, "event 5 (StepAccepted) does not apply", "SAGAS s"},
		"two ends":               {completed("s"), twoEnds, audit.I8, `lead to COMPLETED, the record says "ABORTED"`, "SAGAS s"},
		"a step skipped":         {begin("s"), journal(2), audit.I7, "event 2 (StepAccepted) does not apply", "SAGAS s"},
		"a tail lost":            {completed("s"), cut, audit.I7, "event 3 is not the tip", "SAGAS s"},
		"an event replaced":      {completed("s"), replaced, audit.I7, "event 3 does not follow", "SAGAS s"},
		"no events":              {completed("s"), emptied, audit.I7, "event 1 is not the start", "SAGAS s"},
	})
}

// findAll expects each damage to be found, once, with the saga and the evidence.
func findAll(t *testing.T, damages map[string]damage) {
	t.Helper()
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			d.corrupt(d.world)
			found := d.world.audit()
			wants(t, found, d.want)
			if len(found) == 0 {
				return
			}
			if f := found[0]; f.SagaID != "s" || !strings.Contains(f.What, d.what) || !strings.Contains(f.Evidence, d.where) {
				t.Errorf("found %+v, want %q with evidence %q", f, d.what, d.where)
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
