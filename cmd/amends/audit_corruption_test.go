package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"
	"amends/saga"
)

// corruption is one thing that somebody, or a disk, has done to the streams of a
// sound system, and what `amends audit` must say of it.
type corruption struct {
	name    string
	corrupt func(*forger)

	invariant audit.Invariant
	culprit   string // the saga, or the SKU
	what      string // part of what is said
	evidence  string // part of the evidence
}

// The sagas of the sound system: "done" is COMPLETED, "gone" was ABORTED after
// its charge was refunded, "sold" is COMPLETED and has left the stock, "lost" was
// ABORTED when nobody knew of its charge, "halted" is STUCK, and "open" waits for
// its payment.
var corruptions = []corruption{
	{"more is reserved than there is", func(f *forger) {
		f.edit("INVENTORY", "stock.xyz789", func(row object) { row["on_hand"] = 1 })
	}, audit.I1, "xyz789", "oversold: ", "INVENTORY stock.xyz789: on_hand 1"},
	{"the stock is negative", func(f *forger) {
		f.edit("INVENTORY", "stock.product3", func(row object) { row["on_hand"] = -1 })
	}, audit.I1, "product3", "stock is negative", "INVENTORY stock.product3: on_hand -1"},

	{"a saga is charged twice", func(f *forger) {
		f.copy("PAYMENTS", "done.2", "done.7", func(row object) { row["step"] = 7 })
	}, audit.I2, "done", "did not ask for it; it is one of 2 that stand", "PAYMENTS done.7: charge of"},
	{"the amount of a charge is doubled", func(f *forger) {
		f.effect("PAYMENTS", "done.2", func(e object) { e["amount"] = json.Number("499.98") })
	}, audit.I2, "done", "499.98 USD instead of 249.99 USD", "PAYMENTS done.2"},
	{"a part of a charge went back", func(f *forger) {
		f.effect("PAYMENTS", "gone.2", func(e object) { e["refund"].(object)["amount"] = json.Number("1.00") })
	}, audit.I2, "gone", "is refunded, but only 1.00 USD was given back", "PAYMENTS gone.2"},

	{"a completed saga has no shipment", func(f *forger) {
		f.erase("SHIPMENTS", "done.3")
	}, audit.I3, "done", "step 3 is COMPLETED, but there is no shipment", "no effect under SHIPMENTS done.3"},
	{"a completed saga holds no goods", func(f *forger) {
		f.erase("INVENTORY", "reservation.done.1")
	}, audit.I3, "done", "step 1 is COMPLETED, but there is no reservation", "no effect under INVENTORY reservation.done.1"},
	{"a completed saga was refunded", func(f *forger) {
		f.effect("PAYMENTS", "done.2", func(e object) {
			e["status"], e["refund"] = "refunded", object{"refund_id": "rf-done-2", "amount": e["amount"], "refunded_at": 1}
		})
	}, audit.I3, "done", "was undone, but step 2 is COMPLETED", "PAYMENTS done.2"},
	{"goods that were sold are still held", func(f *forger) {
		f.effect("INVENTORY", "reservation.sold.1", func(e object) { e["status"] = "active" })
	}, audit.I3, "sold", "held, although their commit was reported done", "INVENTORY reservation.sold.1"},

	{"an aborted saga holds goods", func(f *forger) {
		f.effect("INVENTORY", "reservation.gone.1", func(e object) { e["status"] = "active" })
	}, audit.I4, "gone", "stands, but step 1 is COMPENSATED", "INVENTORY reservation.gone.1"},
	{"an aborted saga has a parcel", func(f *forger) {
		f.copy("SHIPMENTS", "done.3", "gone.3", func(row object) { row["saga_id"] = "gone" })
	}, audit.I4, "gone", "stands, but step 3 is FAILED", "SHIPMENTS gone.3"},

	{"the record of a saga is lost", func(f *forger) {
		f.erase("SAGAS", "done")
	}, audit.I5, "done", "but its saga has no record", "PAYMENTS done.2: charge of"},
	{"a charge of nobody", func(f *forger) {
		f.copy("PAYMENTS", "done.2", "ghost.2", func(row object) { row["saga_id"] = "ghost" })
	}, audit.I5, "ghost", "but its saga has no record", "PAYMENTS ghost.2: charge of"},
	{"a value of another saga", func(f *forger) {
		f.edit("PAYMENTS", "done.2", func(row object) { row["saga_id"] = "gone" })
	}, audit.I5, "done", `it is of step 2 of saga "gone"`, "PAYMENTS done.2"},

	{"an open saga is forgotten", func(f *forger) {
		f.purge("SAGA_INBOX", "saga.run.open")
		f.purge("SAGA_TIMERS", "timer.*.open")
	}, audit.I6, "open", "neither in the inbox nor has it a timer", "no message of open"},
	{"an open saga is long past its deadline", func(f *forger) {
		f.reseal("open", hoursAgo)
	}, audit.I6, "open", "was to go on at", "SAGAS open"},
	{"nobody is shown what is stuck", func(f *forger) {
		f.reseal("halted", hoursAgo)
		f.erase("INCIDENTS", "halted")
	}, audit.I6, "halted", "but no incident shows it", "no key halted in the bucket INCIDENTS"},

	{"one bit of a record is flipped", func(f *forger) {
		value, header := f.get("SAGAS", "done")
		value[bytes.Index(value, []byte(`"StepAccepted"`))+3] ^= 1
		f.put("SAGAS", "done", value, header)
	}, audit.I7, "done", "event ", "SAGAS done"},
	{"the end of a record is cut off", func(f *forger) {
		f.record("done", func(e []json.RawMessage) []json.RawMessage { return e[:3] })
	}, audit.I7, "done", "event 3 is not the tip of the chain", "SAGAS done"},
	{"a step follows that must not, in a chain that is whole", func(f *forger) {
		f.reseal("gone", func(e []saga.Event) []saga.Event { // the goods go back before the money
			n := len(e)
			e[n-1], e[n-2] = e[n-2], e[n-1]
			return e
		})
	}, audit.I7, "gone", "does not apply to the state before it", "SAGAS gone"},
	{"a saga ends twice", func(f *forger) {
		f.reseal("done", func(e []saga.Event) []saga.Event { return append(e, e[len(e)-1]) })
	}, audit.I7, "done", "the saga had ended COMPLETED", "SAGAS done"},
	{"nobody knows a definition", func(f *forger) {
		f.reseal("done", func(e []saga.Event) []saga.Event { e[0].Start.DefinitionHash = "0000"; return e })
	}, audit.I7, "done", `definition "checkout" with hash "0000" is not known`, "SAGAS done"},

	{"a list shows another end than the journal", func(f *forger) {
		value, header := f.get("SAGAS", "gone")
		header.Set(protocol.HeaderPhase, "COMPLETED")
		f.put("SAGAS", "gone", value, header)
	}, audit.I8, "gone", `the events lead to ABORTED, the record says "ABORTED" and its header "COMPLETED"`, "SAGAS gone"},
	{"a domain event is lost", func(f *forger) {
		f.untell("done", "PaymentCharged")
	}, audit.I8, "done", "PaymentCharged of event 3 is not told", "stream ORDERS"},
	{"the last domain event is lost", func(f *forger) {
		f.untell("done", "OrderCompleted")
	}, audit.I8, "done", "OrderCompleted of event 4 is not told", "stream ORDERS"},
	{"an order is told as complete that is not", func(f *forger) {
		f.tell("gone", "OrderCompleted", 7)
	}, audit.I8, "gone", "OrderCompleted is told of event 7", "stream ORDERS"},
	{"an order is told of that no saga has", func(f *forger) {
		f.tellAs("ghost", 3, "OrderPaidEvent", protocol.SubjectOrderEvent("o-ghost", "OrderPaidEvent"))
		f.tellAs("ghost", 4, "OrderCompleted", protocol.SubjectOrderEvent("o-ghost", "OrderCompleted"))
	}, audit.I8, "ghost", "OrderPaidEvent is told of event 3, but the saga has no record", "stream ORDERS, order.o-ghost.*"},
	{"the record of a saga without effects is lost", func(f *forger) {
		f.erase("SAGAS", "gone")
		f.erase("INVENTORY", "reservation.gone.1")
		f.erase("PAYMENTS", "gone.2")
		f.erase("SHIPMENTS", "gone.3")
	}, audit.I8, "gone", "is told of event 1, but the saga has no record", "stream ORDERS, order."},
	{"a domain event is told of another order", func(f *forger) {
		elsewhere := f.subject("gone", "PaymentCharged")
		f.untell("done", "PaymentCharged")
		f.tellAs("done", 3, "PaymentCharged", elsewhere)
	}, audit.I8, "done", "PaymentCharged of event 3 is not told", "stream ORDERS, order."},
	{"a domain event is told of another order as well", func(f *forger) {
		f.tellAs("done", 3, "PaymentCharged", f.subject("gone", "PaymentCharged"))
	}, audit.I8, "done", "it is told of under another order as well", "stream ORDERS, outside of order."},
	{"a domain event is told as another one", func(f *forger) {
		f.tellAs("done", 3, "PaymentCharged", f.subject("done", "OrderCompleted"))
	}, audit.I8, "done", "PaymentCharged of event 3 is told as another event", "ORDERS order."},
	{"nobody knows any more what is told", func(f *forger) {
		f.untell("done", "OrderCompleted")
		f.must(f.js.DeleteConsumer(f.Context(), protocol.BucketStream("SAGAS"), protocol.ConsumerOrders))
	}, audit.I8, "", "nobody tells of orders any more: the consumer is gone", "no consumer order of KV_SAGAS"},
	{"domain events are told in another order", func(f *forger) {
		f.untell("done", "PaymentCharged")
		f.tell("done", "PaymentCharged", 3)
	}, audit.I8, "done", "PaymentCharged of event 3 is told after what follows from it", "stream ORDERS"},

	{"two writers go on behind the same event", func(f *forger) {
		f.record("done", func(e []json.RawMessage) []json.RawMessage {
			return append(e, bytes.Replace(e[3], []byte(`"seq":4`), []byte(`"seq":5`), 1))
		})
	}, audit.I9, "done", "event 5 does not follow from the event before it", "SAGAS done"},
	{"a saga has two records", func(f *forger) {
		f.allow("KV_SAGAS", 2)
		value, header := f.get("SAGAS", "gone")
		f.put("SAGAS", "gone", value, header)
	}, audit.I9, "gone", "there are 2 messages of the saga", "stream KV_SAGAS, subject $KV.SAGAS.gone"},
	{"the record and its header name two owners", func(f *forger) {
		value, header := f.get("SAGAS", "done")
		header.Set(protocol.HeaderOwner, "somebody-else")
		f.put("SAGAS", "done", value, header)
	}, audit.I9, "done", `its header names "somebody-else"`, "SAGAS done"},

	{"a domain event is told twice", func(f *forger) {
		f.tell("done", "PaymentCharged", 3)
	}, audit.I10, "done", "PaymentCharged of event 3 is told twice", "stream ORDERS"},
	{"a participant remembers another answer", func(f *forger) {
		f.effect("PAYMENTS", "done.2", func(e object) { e["transaction_id"] = "t-other" })
	}, audit.I10, "done", "another transaction_id", "PAYMENTS done.2"},
	{"a parcel has another label", func(f *forger) {
		f.effect("SHIPMENTS", "done.3", func(e object) { e["tracking_number"] = "1Z0" })
	}, audit.I10, "done", "another tracking number", "SHIPMENTS done.3"},

	{"a charge comes after its refund", func(f *forger) {
		f.edit("PAYMENTS", "gone.2", func(row object) {
			undone, _ := row["compensation"].(object)["at"].(json.Number).Int64()
			row["action"].(object)["at"] = undone + 1
			effect := row["effect"].(object)
			effect["status"] = "captured"
			delete(effect, "refund")
		})
	}, audit.I11, "gone", "it was done after it had been undone", "PAYMENTS gone.2"},
	{"the tombstone of what was given up is lost", func(f *forger) {
		f.erase("PAYMENTS", "lost.2")
	}, audit.I11, "lost", "there is no tombstone: a late action would be carried out", "no effect under PAYMENTS lost.2"},

	{"more goes back than was taken", func(f *forger) {
		f.effect("PAYMENTS", "gone.2", func(e object) { e["refund"].(object)["amount"] = json.Number("300.00") })
	}, audit.I12, "gone", "gave back 300.00 USD, which is not a part of it", "PAYMENTS gone.2"},
	{"another payment is refunded", func(f *forger) {
		f.effect("PAYMENTS", "gone.2", func(e object) { e["payment_id"] = "p-done-2" })
	}, audit.I12, "gone", "another payment_id", "PAYMENTS gone.2"},
	{"a refund is dropped", func(f *forger) {
		f.effect("PAYMENTS", "gone.2", func(e object) { e["status"] = "captured"; delete(e, "refund") })
	}, audit.I12, "gone", "stands, but step 2 is COMPENSATED", "PAYMENTS gone.2"},
}

// hoursAgo lets all events have happened earlier.
func hoursAgo(events []saga.Event) []saga.Event {
	for i := range events {
		events[i].At -= saga.Instant(2 * time.Hour.Microseconds())
	}
	return events
}

// TestAuditFindsEveryCorruption is the specification of the audit: of a sound
// system it finds nothing and exits with 0; of the same system with one thing
// changed it exits with 10, and names the invariant, the culprit and the evidence.
func TestAuditFindsEveryCorruption(t *testing.T) {
	data := soundStore(t)
	for _, c := range corruptions {
		t.Run(string(c.invariant)+" "+c.name, func(t *testing.T) {
			f := newForger(t, data)
			(&audited{T: t}).isClean()
			c.corrupt(f)
			out, code := amends(t, "audit", "--json")
			var r audit.Report
			if err := json.Unmarshal([]byte(out), &r); err != nil || code != int(exitViolation) {
				t.Fatalf("exit code %d, %v: %s", code, err, out)
			}
			named := func(f audit.Finding) bool {
				return f.Invariant == c.invariant && f.SagaID+f.SKU == c.culprit &&
					strings.Contains(f.What, c.what) && strings.Contains(f.Evidence, c.evidence)
			}
			if !slices.ContainsFunc(r.Findings, named) {
				t.Errorf("want %s of %s: …%s… [%s]; found %+v", c.invariant, c.culprit, c.what, c.evidence, r.Findings)
			}
			text, code := amends(t, "audit")
			for _, part := range []string{string(c.invariant), c.culprit, c.what, c.evidence, "VIOLATED"} {
				if code != int(exitViolation) || !strings.Contains(text, part) {
					t.Errorf("exit code %d; %q is not told to people:\n%s", code, part, text)
				}
			}
		})
	}
}

// TestEveryInvariantCanBeViolated: none of the twelve is only a word.
func TestEveryInvariantCanBeViolated(t *testing.T) {
	for _, invariant := range audit.Invariants() {
		if !slices.ContainsFunc(corruptions, func(c corruption) bool { return c.invariant == invariant }) {
			t.Errorf("nothing violates %s", invariant)
		}
	}
}
