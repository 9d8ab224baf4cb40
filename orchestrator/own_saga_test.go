package orchestrator

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"amends/definitions"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/jetstream"
)

// resaleYAML is a saga of a user's own: other fields, other services, steps side
// by side, and an event that starts it.
const resaleYAML = `
name: resale
pricing: none
undo: parallel
request: {seat: id, buyer: id, price: integer, note: "text?", gift: {kind: boolean, default: false}}
start_on:
  subject: seats.sold
  STREAM
  saga_id: Sale
  take: {seat: Seat, buyer: Buyer, price: Cents}
steps:
  - {name: hold, service: seats, kind: compensatable, group: ready,
     action: {type: HoldSeat, subject: seats.hold, send: {seat: request.seat}, keep: [hold_id], timeout: 2s, retry: {attempts: 2, initial: 1ms, max: 1ms}},
     compensation: {type: FreeSeat, subject: seats.free, send: {hold_id: hold.hold_id}, timeout: 2s, retry: {attempts: 2, initial: 1ms, max: 1ms}}}
  - {name: check, service: buyers, kind: compensatable, group: ready,
     action: {type: CheckBuyer, subject: buyers.check, send: {buyer: request.buyer, gift: request.gift}, timeout: 2s, retry: {attempts: 2, initial: 1ms, max: 1ms}},
     compensation: {type: ForgetBuyer, subject: buyers.forget, timeout: 2s, retry: {attempts: 2, initial: 1ms, max: 1ms}}}
  - {name: issue, service: seats, kind: pivot,
     action: {type: IssueTicket, subject: seats.issue, send: {hold_id: hold.hold_id, buyer: request.buyer}, timeout: 2s, retry: {attempts: 2, initial: 1ms, max: 1ms}}}
`

// resale starts an orchestrator with that saga, and its workers.
func (s *stage) resale(stream string) *Orchestrator {
	s.Helper()
	def, err := definitions.Parse("resale.yaml", []byte(strings.Replace(resaleYAML, "STREAM", stream, 1)))
	s.must(err)
	for subject, fields := range map[string]string{
		"seats.hold": `"hold_id":"h1"`, "seats.free": "", "buyers.check": "", "buyers.forget": "", "seats.issue": "",
	} {
		s.answer(subject, func(c protocol.Command) string { return ok(c, fields) })
		s.listen(subject)
	}
	return s.orchestrator("one", func(c *Config) { c.Definitions = map[string]*saga.Definition{"resale": def} })
}

// A saga of one's own needs no field of document 000; what it asks for is checked
// by its kind, and a repeated request is known by it.
func TestASagaOfOnesOwn(t *testing.T) {
	s := newStage(t)
	s.resale("")
	for body, want := range map[string]string{
		`{"definition":"resale","saga_id":"r1","seat":"A7","buyer":"b1","price":500,"wait_ms":9000}`:          "COMPLETED",
		`{"definition":"resale","saga_id":"r2","seat":"A 7","buyer":"b1","price":500}`:                        "invalid_id seat",
		`{"definition":"resale","saga_id":"r2","seat":"A7","price":500}`:                                      "missing_field buyer",
		`{"definition":"resale","saga_id":"r2","seat":"A7","buyer":"b1","price":5.5}`:                         "invalid_field price",
		`{"definition":"resale","saga_id":"r2","seat":"A7","buyer":"b1","price":5,"gift":"yes"}`:              "invalid_field gift",
		`{"definition":"resale","saga_id":"r2","seat":"A7","buyer":"b1","price":5,"note":"4111111111111111"}`: "invalid_field note",
		`{"definition":"nothing","saga_id":"r2"}`:                                                             "definition_unknown definition",
	} {
		var out struct{ Status, Code, Field string }
		s.ask(protocol.SubjectStart, body, &out)
		if got := out.Status + out.Code; got != want && got+" "+out.Field != want {
			t.Errorf("%s\n is answered %+v, want %s", body, out, want)
		}
	}
	var again, other struct{ Status, Code string }
	s.ask(protocol.SubjectStart, `{"definition":"resale", "price":500 ,"saga_id":"r1","buyer":"b1","seat":"\u00417"}`, &again)
	s.ask(protocol.SubjectStart, `{"definition":"resale","saga_id":"r1","seat":"A8","buyer":"b1","price":500}`, &other)
	if again.Status != "COMPLETED" || other.Code != string(protocol.CodeSagaIDConflict) {
		t.Errorf("the same request again: %+v, another one: %+v", again, other)
	}
}

// Unknown fields are named to the client; those that the saga asks for are not
// unknown.
func TestUnaskedFieldsAreNamed(t *testing.T) {
	s := newStage(t)
	s.resale("")
	var out protocol.Outcome
	s.ask(protocol.SubjectStart, `{"definition":"resale","saga_id":"r1","seat":"A7","buyer":"b1","price":500,"colour":"red","wait_ms":9000}`, &out)
	if !slices.Equal(out.Warnings, []string{"unknown field ignored: colour"}) {
		t.Errorf("warnings %q", out.Warnings)
	}
}

// Steps of a group run side by side; when one says no the others are undone.
func TestStepsSideBySide(t *testing.T) {
	s := newStage(t)
	s.resale("")
	s.answer("buyers.check", declined)
	var out protocol.Outcome
	s.ask(protocol.SubjectStart, `{"definition":"resale","saga_id":"r1","seat":"A7","buyer":"b1","price":500,"wait_ms":9000}`, &out)
	if out.Status != protocol.StatusAborted || !s.has("r1.1.undo") || s.has("r1.2.undo") || s.has("r1.3.do") {
		t.Errorf("%+v after %v", out, s.commands())
	}
}

// S1-01, S1-17: an event starts a saga, once, however often it comes.
func TestAnEventStartsASaga(t *testing.T) {
	s := newStage(t)
	s.resale("")
	event := []byte(`{"Sale":"e1","Seat":"A7","Buyer":"b1","Cents":500,"Else":1}`)
	s.must(s.client.Publish("seats.sold", event))
	s.ends("e1", protocol.StatusCompleted)
	m, err := s.client.Request("seats.sold", event, patience)
	s.must(err)
	var out struct {
		Type, Code string
		SagaID     string `json:"saga_id"`
	}
	s.must(json.Unmarshal(m.Data, &out))
	if out.Type != protocol.TypeCheckoutAccepted || out.SagaID != "e1" {
		t.Errorf("the same event again is answered %s", m.Data)
	}
	m, err = s.client.Request("seats.sold", []byte(`{"Sale":"e2","Seat":"A7"}`), patience)
	s.must(err)
	s.must(json.Unmarshal(m.Data, &out))
	if out.Code != string(protocol.CodeMissingField) {
		t.Errorf("an event without a buyer is answered %s", m.Data)
	}
	done := 0
	for _, key := range s.commands() {
		if key == "e1.3.do" {
			done++
		}
	}
	if done != 1 {
		t.Errorf("the ticket was issued %d times", done)
	}
}

// Events that a stream keeps start their sagas also when nobody ran meanwhile;
// one that cannot start any does not stand in the way of the others.
func TestEventsOfAStreamAreNotMissed(t *testing.T) {
	s := newStage(t)
	js, err := jetstream.New(s.client)
	s.must(err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SALES", Subjects: []string{"seats.sold"}})
	s.must(err)
	for _, event := range []string{`{"Sale":"e1","Seat":"A7","Buyer":"b1","Cents":500}`, `nonsense`, `{"Sale":"e2","Seat":"A8","Buyer":"b1","Cents":500}`} {
		_, err := js.Publish(t.Context(), "seats.sold", []byte(event))
		s.must(err)
	}
	s.resale("stream: SALES")
	s.ends("e1", protocol.StatusCompleted)
	s.ends("e2", protocol.StatusCompleted)
}

// A saga goes on with another version of its definition where that is safe, and
// is told why not where it is not.
func TestASagaMigrates(t *testing.T) {
	s := newStage(t)
	s.away(protocol.SubjectCharge)
	old := s.orchestrator("one")
	s.prices(old)
	s.start("c1", 0)
	s.eventually("c1 waits for payment", func() bool { return s.status("c1").CurrentStep == 2 })
	before := s.status("c1").DefinitionHash
	s.stop(old)
	patient := func(c *Config) {
		changed := *c.Definitions["checkout"]
		changed.Steps = slices.Clone(changed.Steps)
		changed.Steps[1].Action.Timeout *= 2
		c.Definitions = map[string]*saga.Definition{"checkout": &changed}
	}
	s.prices(s.orchestrator("two", patient))
	if status, code := s.act(protocol.SubjectMigrate, `{"saga_id":"c1","by":"me","reason":"more time"}`); status != protocol.StatusPending {
		t.Errorf("migrated: %s %s", status, code)
	}
	if after := s.status("c1").DefinitionHash; after == before {
		t.Errorf("the definition is still %s", after)
	}
	if _, code := s.act(protocol.SubjectMigrate, `{"saga_id":"c1","by":"me"}`); code != string(protocol.CodeActRefused) {
		t.Errorf("migrated to what it has: %s", code)
	}
	s.listen(protocol.SubjectCharge)
	s.ends("c1", protocol.StatusCompleted)
}

// Whoever reads the log sees which order was not taken.
func TestARefusedEventIsNamedInTheLog(t *testing.T) {
	def := &saga.Definition{StartOn: &saga.Trigger{SagaID: "Sale"}}
	for event, want := range map[string]string{
		`{"Sale":"e2","Seat":"A7"}`: "e2",
		`{"Sale":"e 2"}`:            "",
		`{"Sale":7}`:                "",
		`{}`:                        "",
		`nonsense`:                  "",
	} {
		if got := namedBy(def, []byte(event)); got != want {
			t.Errorf("%s is named %q, want %q", event, got, want)
		}
	}
}
