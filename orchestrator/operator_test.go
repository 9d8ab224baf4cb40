package orchestrator

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/jetstream"
)

// bucket opens a bucket as the stock client does, for what an operator may do to
// it.
func (s *stage) bucket(name string) jetstream.KeyValue {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	kv, err := js.KeyValue(s.Context(), name)
	s.must(err)
	return kv
}

// damage changes a digit in the record of a saga.
func (s *stage) damage(sagaID string) {
	s.Helper()
	entry, err := s.bucket(protocol.BucketSagas).Get(s.Context(), sagaID)
	s.must(err)
	_, err = s.bucket(protocol.BucketSagas).PutString(s.Context(), sagaID, strings.Replace(string(entry.Value()), `"seq":2`, `"seq":3`, 1))
	s.must(err)
}

// planned asks for a plan and returns why each saga is refused.
func (s *stage) planned(body string) map[string]string {
	s.Helper()
	var plan protocol.Plan
	s.ask(protocol.SubjectPlan, body, &plan)
	refused := make(map[string]string)
	for _, one := range plan.Sagas {
		refused[one.SagaID] = one.Refused
	}
	return refused
}

// I9: no act is possible on a journal that is damaged. Whoever tries is told so,
// and a plan for many is told of the others.
func TestADamagedJournalRefusesActs(t *testing.T) {
	s := newStage(t)
	s.ticket("10m", "")
	for _, id := range []string{"c1", "c2"} {
		s.start(id, 0)
		s.waits(id)
	}
	s.damage("c1")
	for subject, body := range map[string]string{
		protocol.SubjectCancel: `{"saga_id":"c1"}`, protocol.SubjectRetry: `{"saga_id":"c1"}`, protocol.SubjectMigrate: `{"saga_id":"c1"}`,
		protocol.SubjectPlan: `{"saga_id":"c1","act":"cancel"}`,
	} {
		if _, code := s.act(subject, body); code != string(protocol.CodeActRefused) {
			t.Errorf("%s is answered %q", subject, code)
		}
	}
	refused := s.planned(`{"act":"cancel"}`)
	if len(refused) != 2 || !strings.Contains(refused["c1"], "damaged") || refused["c2"] != "" {
		t.Errorf("plan for all: refused %q", refused)
	}
	var list protocol.List
	s.ask(protocol.SubjectList, `{"status":"STUCK","incident":"broken_record"}`, &list)
	if len(list.Sagas) != 1 || list.Sagas[0].SagaID != "c1" {
		t.Errorf("listed %+v", list)
	}
}

// A saga whose definition is not known here is left alone, says so, and does not
// stand in the way of the others. An orchestrator that has the definition brings
// it back.
func TestASagaOfAnUnknownDefinition(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	to, hash := s.address(o, "c1"), s.status("c1").DefinitionHash
	s.kill(o)
	versions := s.bucket(protocol.BucketDefinitions)
	s.must(versions.Delete(t.Context(), protocol.DefinitionKey("checkout", hash)))
	other := s.orchestrator("two")
	s.prices(other)
	for subject, body := range map[string]string{
		protocol.SubjectStatus: `{"saga_id":"c1"}`, protocol.SubjectCancel: `{"saga_id":"c1"}`, protocol.SubjectPlan: `{"saga_id":"c1","act":"cancel"}`,
		to: `{"type":"RequestPayment_ok","saga_id":"c1","step":2,"payment_id":"p1"}`,
	} {
		if _, code := s.act(subject, body); code != string(protocol.CodeUnavailable) {
			t.Errorf("%s is answered %q", subject, code)
		}
	}
	if refused := s.planned(`{"act":"cancel"}`); !strings.Contains(refused["c1"], "not known here") {
		t.Errorf("plan for all: refused %q", refused)
	}
	s.stop(other)
	s.ticket("10m", "")
	if _, err := versions.Get(t.Context(), protocol.DefinitionKey("checkout", hash)); err != nil {
		t.Errorf("the definition is not brought back: %v", err)
	}
	if got := s.call(to, paid("c1")); got != protocol.CallbackTaken {
		t.Errorf("the result is %s", got)
	}
	s.ends("c1", protocol.StatusCompleted)
}

// 11.6: the name of no definition is an error, not an empty list; and so is a
// version that nobody has.
func TestDefinitionsThatAreNotThere(t *testing.T) {
	s := newStage(t)
	s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	for subject, body := range map[string]string{
		protocol.SubjectDefinitions: `{"name":"nothing"}`, protocol.SubjectMigrate: `{"saga_id":"c1","hash":"abc"}`,
	} {
		if _, code := s.act(subject, body); code != string(protocol.CodeDefinitionUnknown) {
			t.Errorf("%s is answered %q", subject, code)
		}
	}
}

// 11.6: a version is known to all orchestrators, also those that were there before
// it.
func TestDefinitionsOfOthers(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	s.stop(s.orchestrator("two", func(c *Config) { c.Definitions["checkout"].Deadline++ }))
	var all protocol.Definitions
	s.ask(protocol.SubjectDefinitions, `{"name":"checkout"}`, &all)
	if len(all.Definitions) != 2 || !all.Definitions[0].Loaded || all.Definitions[0].Hash != first.hashes["checkout"] || all.Definitions[1].Loaded {
		t.Errorf("got %+v", all.Definitions)
	}
}

// A definition that cannot be read here, such as one of a later version of the
// program, holds up nobody but the sagas that began with it.
func TestADefinitionOfALaterVersion(t *testing.T) {
	s := newStage(t)
	first := s.orchestrator("one")
	_, err := s.bucket(protocol.BucketDefinitions).Put(t.Context(), "checkout.ffff", []byte(`{"name":"checkout","from_the_future":1}`))
	s.must(err)
	var all protocol.Definitions
	s.ask(protocol.SubjectDefinitions, `{"name":"checkout"}`, &all)
	if len(all.Definitions) != 1 {
		t.Errorf("got %+v", all.Definitions)
	}
	s.stop(first)
	second := s.orchestrator("two")
	s.prices(second)
	if out := s.start("c1", 10_000); out.Status != protocol.StatusCompleted {
		t.Errorf("answered %+v", out)
	}
	if _, err := second.records.definitions.fetch(t.Context(), "checkout", "ffff"); !errors.Is(err, errNoDefinition) {
		t.Errorf("a saga that began with it gets %v", err)
	}
}

// A field that is null counts as absent, also where a person settles a step: a
// later step would be sent the null.
func TestANullSettlesNothing(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectReserve, func(protocol.Command) string { return "" })
	o := s.orchestrator("one", func(c *Config) { impatient(c.Definitions["checkout"]) })
	s.prices(o)
	s.start("c1", 0)
	s.eventually("the saga has begun", func() bool { return s.status("c1").CurrentStep == 1 })
	s.quarantine(o, "c1")
	resolve := `{"saga_id":"c1","step":1,"as":"done","evidence":"e","reason":"r","by":"me","fields":{"reservations":%s}}`
	if _, code := s.act(protocol.SubjectResolve, strings.Replace(resolve, "%s", "null", 1)); code != string(protocol.CodeActRefused) {
		t.Errorf("resolved with null: %q", code)
	}
	if status, code := s.act(protocol.SubjectResolve, strings.Replace(resolve, "%s", "[]", 1)); status != protocol.StatusCompleted {
		t.Errorf("resolved: %s %s", status, code)
	}
}

// quarantine sets a saga aside, as an owner does that finds no owner has survived
// it. What a person may do about it includes the step that it stands at.
func (s *stage) quarantine(o *Orchestrator, sagaID string) {
	s.Helper()
	for range maxPanics {
		s.eventually(sagaID+" lives", func() bool { return o.lives(sagaID) })
		for _, i := range o.living() {
			i.ref.Tell(delivered{nil}) // a message that no instance survives
		}
		s.eventually(sagaID+" is gone", func() bool { return !o.lives(sagaID) })
	}
	s.ends(sagaID, protocol.StatusStuck)
	incident := s.status(sagaID).Incidents[0]
	if incident.Kind != protocol.IncidentPoison || !slices.Contains(incident.Actions, protocol.ActResolve) {
		s.Errorf("incident %+v", incident)
	}
}

// A filter finds every kind of incident that is open, not only the first.
func TestAFilterFindsTheSecondIncident(t *testing.T) {
	row := []protocol.Incident{{Kind: protocol.IncidentWorkerAbsent}, {Kind: protocol.IncidentCompensationFailed}}
	for kind, want := range map[string]bool{
		protocol.AnyIncident: true, protocol.IncidentWorkerAbsent: true, protocol.IncidentCompensationFailed: true, protocol.IncidentPoison: false,
	} {
		one := summary{id: "c1", phase: saga.Running, incident: protocol.IncidentWorkerAbsent}
		one.overrule(row)
		if got := one.matches(&protocol.Filter{Incident: kind}, time.Now()); got != want {
			t.Errorf("%s is found: %v", kind, got)
		}
		healed := summary{id: "c1", phase: saga.Running}
		healed.overrule(row)
		if healed.hasIncident(kind) {
			t.Errorf("%s is found in a saga without incidents, whose row is out of date", kind)
		}
	}
}
