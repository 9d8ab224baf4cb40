package order

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"amends/protocol"
	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// TestStories plays the files of testdata: the events of a journal, and byte by
// byte what is told of each. `go test ./order -run Stories -rewrite` writes down
// anew what is told; commit such a change only if you can explain it: subscribers
// read these bytes.
//
//	3 OrderPaidEvent {…}     a domain event that follows from event 3 of the journal
//	log: Order cancelled     a line of the log
//	nothing                  the event is in the journal, and nothing is told of it
//	ignored                  the event does not even get into the journal
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s *story
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "start" {
				s = begin(t, d)
			}
			return s.happen(t, s.event(t, d))
		})
	})
}

// story is a journal that is being written.
type story struct {
	def    *saga.Definition
	state  saga.State
	events []saga.Event
	facts  []Fact
	notes  []Note
}

// begin starts a saga: start DEFINITION.
func begin(t *testing.T, d *datadriven.TestData) *story {
	def := shapes()[d.CmdArgs[0].Key]
	if def == nil {
		d.Fatalf(t, "no such definition")
	}
	if faults := def.Check(); len(faults) > 0 {
		d.Fatalf(t, "%v", faults)
	}
	return &story{def: def}
}

// request is that of document 000.
const request = `{"user_id":"u42","items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],"shipping_address":"123 Main St","amount":249.99,"currency":"USD"}`

// replies are the answers of document 000, and some of the same kind.
var replies = map[string]string{
	"ReserveInventory": `{"reservations":[{"sku":"abc123","reservation_id":"r1"},{"sku":"xyz789","reservation_id":"r2"}]}`,
	"ChargePayment":    `{"payment_id":"p1","transaction_id":"txn_12345"}`,
	"RequestPayment":   `{"payment_id":"p1","transaction_id":"txn_12345"}`,
	"AuthorizePayment": `{"authorization_id":"a1"}`,
	"CapturePayment":   `{"payment_id":"p1","transaction_id":"txn_12345"}`,
	"CreateShipment":   `{"shipment_id":"s1","tracking_number":"1Z999AA1"}`,
}

// verbs are the types of events by the words of the stories.
var verbs = map[string]saga.EventType{
	"start": saga.Started, "accept": saga.StepAccepted, "decline": saga.StepDeclined, "timeout": saga.StepTimedOut,
	"unavailable": saga.StepUnavailable, "taken": saga.StepTaken, "undone": saga.CompensationDone,
	"refuse": saga.CompensationRefused, "cancel": saga.CancelRequested, "kill": saga.KillRequested,
	"retry": saga.RetryRequested, "resolve": saga.StepResolved, "deadline": saga.DeadlinePassed,
	"quarantine": saga.Quarantined, "absent": saga.WorkerAbsent,
}

// event reads a command: accept STEP [callback], with the fields of the answer
// below it if they are not those of document 000; decline STEP CODE
// [decline_code=…] [unavailable=sku] [callback]; resolve STEP done|skip by=…; and
// so on.
func (s *story) event(t *testing.T, d *datadriven.TestData) saga.Event {
	kind, ok := verbs[d.Cmd]
	if !ok {
		d.Fatalf(t, "no such verb")
	}
	e := saga.Event{Type: kind, At: 1_795_255_200_000_000 + saga.Instant(len(s.events))*1_500, Attempt: 1}
	for n, arg := range d.CmdArgs {
		number, err := strconv.Atoi(arg.Key)
		switch {
		case err == nil:
			e.Step, e.Attempt = number, max(s.state.Steps[number-1].Attempt, 1)
		case arg.Key == "callback":
			e.Via, e.Attempt = saga.ViaCallback, 0
		case arg.Key == "done", arg.Key == "skip":
			e.As = saga.Resolution(arg.Key)
		case arg.Key == "by":
			e.By = arg.Vals[0]
		case arg.Key == "reason":
			e.Reason = arg.Vals[0]
		case arg.Key == "decline_code":
			e.DeclineCode = arg.Vals[0]
		case arg.Key == "unavailable":
			e.Fields = raw(`{"unavailable":["` + arg.Vals[0] + `"]}`)
		case n > 0:
			e.Code = arg.Key
		default:
			e.Message = arg.Key
		}
	}
	s.fill(&e, d.Input)
	return e
}

// fill adds what an event brings with it.
func (s *story) fill(e *saga.Event, input string) {
	switch e.Type {
	case saga.Started:
		if input == "" {
			input = request
		}
		e.Start = &saga.Start{
			SagaID: "checkout42", OrderID: "o123", Definition: s.def.Name, DefinitionHash: s.def.Hash(),
			Request: raw(input), Secret: "s3cret", Callbacks: "checkout.callback.checkout42",
		}
	case saga.StepAccepted, saga.StepResolved:
		if input == "" {
			input = replies[s.def.Step(e.Step).Action.Type]
		}
		if input != "" && e.As != saga.Skipped {
			e.Fields = raw(input)
		}
	}
}

// happen puts an event into the journal and shows what is told of it.
func (s *story) happen(t *testing.T, e saga.Event) string {
	t.Helper()
	next, _ := saga.Next(s.def, s.state, e)
	if next.Seq == s.state.Seq {
		return "ignored"
	}
	s.state, s.events = next, append(s.events, e)
	facts, notes := Tell(s.def, s.events)
	for i := range s.facts {
		if !reflect.DeepEqual(facts[i], s.facts[i]) {
			t.Fatalf("what was told has changed: %+v, was %+v", facts[i], s.facts[i])
		}
	}
	var b strings.Builder
	for _, f := range facts[len(s.facts):] {
		body, err := json.Marshal(f.Body)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, f.Seq, f.Name, string(body))
	}
	for _, n := range notes[len(s.notes):] {
		fmt.Fprintln(&b, strings.TrimSpace("log: "+n.Text+" "+n.Cause))
	}
	s.facts, s.notes = facts, notes
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()
}

// raw splits a JSON object into its fields.
func raw(object string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		panic(err) // a slip in a test's text
	}
	return fields
}

// Every event of both vocabularies is told in some story.
func TestStoriesTellEverything(t *testing.T) {
	told := make(map[string]bool)
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
			for line := range strings.Lines(d.Expected) {
				if _, rest, ok := strings.Cut(line, " "); ok {
					name, _, _ := strings.Cut(rest, " ")
					told[name] = true
				}
			}
			return d.Expected
		})
	})
	for _, name := range []string{
		protocol.Event001InventoryUnavailable, protocol.Event001InventoryReserved, protocol.Event001PaymentFailed,
		protocol.Event001PaymentProcessed, protocol.Event001OrderPaid, protocol.Event001OrderCancelled,
		protocol.Event001OrderFulfillmentFailed, protocol.EventOrderAccepted, protocol.EventOrderCompleted,
		protocol.EventInventoryReserved, protocol.EventInventoryReservationFailed, protocol.EventInventoryReleased,
		protocol.EventInventoryCommitted, protocol.EventInventoryCommitFailed, protocol.EventPaymentCharged,
		protocol.EventPaymentAuthorized, protocol.EventPaymentFailed, protocol.EventPaymentRefunded,
		protocol.EventPaymentVoided, protocol.EventShipmentCreated, protocol.EventShipmentFailed,
		protocol.EventShipmentCancelled, protocol.EventStepDone, protocol.EventStepFailed, protocol.EventStepUndone,
	} {
		if !told[name] {
			t.Errorf("no story tells %s", name)
		}
	}
}
