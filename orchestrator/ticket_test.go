package orchestrator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"amends/definitions"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// ticketYAML is a saga whose payment is told later (document 004), with
// patience for the result and whatever else a test wants to know of.
const ticketYAML = `
name: checkout
deadline: 10m
steps:
  - name: reserve
    service: inventory
    kind: compensatable
    reason: Inventory unavailable
    action: {type: ReserveInventory, subject: inventory.reserve, send: {items: request.items}, keep: [reservations], timeout: 2s, retry: {attempts: 3, initial: 10ms, max: 50ms}}
    compensation: {type: ReleaseReservation, subject: inventory.release, send: {reservations: reserve.reservations}, timeout: 2s, retry: {attempts: 2, initial: 10ms, max: 50ms}}
  - name: pay
    service: payment
    kind: compensatable
    reply: callback
    patience: PATIENCE
    reason: "Payment declined: {decline_code}"
    action: {type: RequestPayment, subject: payment.request, send: {user_id: request.user_id, amount: request.amount, currency: request.currency, callback: saga.callback}, keep: [payment_id], timeout: 300ms, retry: {attempts: 2, initial: 10ms, max: 50ms}}
    compensation: {type: RefundPayment, subject: payment.refund, send: {payment_id: pay.payment_id, amount: request.amount, currency: request.currency}, timeout: 2s, retry: {attempts: 2, initial: 10ms, max: 50ms}}
    QUERY
  - name: ship
    service: shipping
    kind: pivot
    action: {type: CreateShipment, subject: shipping.create, send: {items: request.items, address: request.shipping_address}, keep: [shipment_id], timeout: 2s, retry: {attempts: 2, initial: 10ms, max: 50ms}}
`

const queryYAML = `query: {type: QueryStep, subject: payment.query, timeout: 300ms, retry: {attempts: 2, initial: 10ms, max: 50ms}}`

// ticket starts an orchestrator with that saga, and workers for it.
func (s *stage) ticket(patience, query string) *Orchestrator {
	s.Helper()
	def, err := definitions.Parse("ticket.yaml", []byte(strings.NewReplacer("PATIENCE", patience, "QUERY", query).Replace(ticketYAML)))
	s.must(err)
	s.answer(protocol.SubjectRequestPayment, func(c protocol.Command) string {
		return fmt.Sprintf(`{"type":"RequestPayment_pending","saga_id":"%s","step":%d,"request_id":"r1"}`, c.SagaID, c.Step)
	})
	s.listen(protocol.SubjectRequestPayment)
	o := s.orchestrator("one", func(c *Config) { c.Definitions = map[string]*saga.Definition{"checkout": def} })
	s.prices(o)
	return o
}

// address is where the result of the payment of a saga is awaited.
func (s *stage) address(o *Orchestrator, sagaID string) string {
	s.Helper()
	id, err := protocol.ParseSagaID(sagaID)
	s.must(err)
	j, _, err := o.records.load(s.Context(), id)
	s.must(err)
	return j.State.Start.Address(2)
}

// call sends a result and returns the effect, or the code of the error.
func (s *stage) call(subject, fields string) string {
	s.Helper()
	m, err := s.client.Request(subject, []byte(`{"type":"RequestPayment_`+fields+`}`), patience)
	s.must(err)
	var out struct{ Effect, Code string }
	s.must(json.Unmarshal(m.Data, &out))
	return out.Effect + out.Code
}

func paid(sagaID string) string {
	return `ok","saga_id":"` + sagaID + `","step":2,"payment_id":"p1"`
}

func (s *stage) waits(sagaID string) {
	s.Helper()
	s.eventually(sagaID+" waits for its result", func() bool {
		st := s.status(sagaID)
		return len(st.Steps) > 1 && st.Steps[1].Status == protocol.StepWaiting
	})
}

func (s *stage) has(key string) bool { return slices.Contains(s.commands(), key) }

// S4-09, S4-11, S4-12, D21: the result of the payment comes later, once or more
// often, and from nobody but whoever was told the address. Meanwhile the saga is
// in nobody's memory.
func TestAResultThatComesLater(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	s.eventually("the saga has left the memory", func() bool { return len(o.living()) == 0 })
	st := s.status("c1")
	if st.WaitingFor != "the result of RequestPayment from payment" || st.NextAttemptAt == "" || st.Steps[1].RequestID != "r1" {
		t.Errorf("status %+v", st)
	}
	to := s.address(o, "c1")
	if got := s.call(to[:len(to)-1]+"x", paid("c1")); got != string(protocol.CodeTokenRefused) {
		t.Errorf("a forged result is %s", got)
	}
	if got := s.call(to, `ok","saga_id":"c1","step":2`); got != string(protocol.CodeMissingField) {
		t.Errorf("a result without payment_id is %s", got)
	}
	if got := s.call(to, paid("c2")); got != string(protocol.CodeInvalidField) {
		t.Errorf("a result of another saga is %s", got)
	}
	if got := s.call(to, paid("c1")); got != protocol.CallbackTaken {
		t.Errorf("the result is %s", got)
	}
	if got := s.call(to, paid("c1")); got != protocol.CallbackDuplicate {
		t.Errorf("the same result again is %s", got)
	}
	s.ends("c1", protocol.StatusCompleted)
	if got := s.call(to, paid("c1")); got != protocol.CallbackDuplicate {
		t.Errorf("the same result after the end is %s", got)
	}
}

// S4-13: a payment that is not made lets the goods go.
func TestAResultMayBeANo(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	s.call(s.address(o, "c1"), `failed","saga_id":"c1","step":2,"error":"insufficient_funds","decline_code":"DECLINED"`)
	s.ends("c1", protocol.StatusAborted)
	if st := s.status("c1"); st.Reason != "Payment declined: DECLINED" || s.has("c1.2.undo") || !s.has("c1.1.undo") {
		t.Errorf("%s, after %v", st.Reason, s.commands())
	}
}

// S4-16: the result may overtake the answer that it will come.
func TestAResultMayComeFirst(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectRequestPayment, func(protocol.Command) string { return "" })
	o := s.ticket("10m", "")
	told := make(chan bool, 10)
	s.answer(protocol.SubjectRequestPayment, func(c protocol.Command) string {
		defer func() { told <- true }()
		if got := s.call(s.address(o, c.SagaID), paid(c.SagaID)); got != protocol.CallbackTaken {
			t.Errorf("the result is %s", got)
		}
		return fmt.Sprintf(`{"type":"RequestPayment_pending","saga_id":"%s","step":2}`, c.SagaID)
	})
	// The worker sends its result on another connection than it answers on.
	s.client = s.server.Connect(t)
	if out := s.start("c1", 10_000); out.Status != protocol.StatusCompleted {
		t.Errorf("answered %+v", out)
	}
	<-told // the saga may be over before the worker hears that its result was taken
}

// A result that never comes ends the wait, also when nobody has the saga in
// memory; then everything is undone, and a success that comes after all is undone
// once more (D10, D21).
func TestAResultThatComesTooLate(t *testing.T) {
	s := newStage(t)
	o := s.ticket("2500ms", "")
	s.start("c1", 0)
	s.waits("c1")
	s.eventually("the saga has left the memory", func() bool { return len(o.living()) == 0 })
	s.ends("c1", protocol.StatusAborted)
	if !s.has("c1.2.undo") || s.has("c1.2.reverse") {
		t.Errorf("commands %v", s.commands())
	}
	if got := s.call(s.address(o, "c1"), paid("c1")); got != protocol.CallbackReversing {
		t.Errorf("the late result is %s", got)
	}
	s.eventually("the payment is undone again", func() bool { return s.has("c1.2.reverse") })
	s.ends("c1", protocol.StatusAborted)
}

// D9: asked, the payment service tells what became of the charge.
func TestAStepIsAskedAbout(t *testing.T) {
	for name, c := range map[string]struct{ outcome, status string }{
		"it was made":        {`"outcome":"known","reply":{"type":"RequestPayment_ok","saga_id":"c1","step":2,"payment_id":"p1"}`, protocol.StatusCompleted},
		"it was declined":    {`"outcome":"known","reply":{"type":"RequestPayment_failed","saga_id":"c1","step":2,"error":"no"}`, protocol.StatusAborted},
		"nobody heard of it": {`"outcome":"none"`, protocol.StatusAborted},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.ticket("10m", queryYAML)
			s.answer(protocol.SubjectRequestPayment, func(protocol.Command) string { return "" })
			s.answer(protocol.SubjectPaymentQuery, func(cmd protocol.Command) string {
				return fmt.Sprintf(`{"type":"QueryStep_ok","saga_id":"%s","step":%d,%s}`, cmd.SagaID, cmd.Step, c.outcome)
			})
			s.listen(protocol.SubjectPaymentQuery)
			if out := s.start("c1", 10_000); out.Status != c.status {
				t.Errorf("answered %+v", out)
			}
		})
	}
}

// The saga that was waiting is found again by whoever is there.
func TestATimerOutlivesItsOrchestrator(t *testing.T) {
	s := newStage(t)
	o := s.ticket("3s", "")
	s.start("c1", 0)
	s.waits("c1")
	s.eventually("the saga has left the memory", func() bool { return len(o.living()) == 0 })
	s.kill(o)
	s.ticket("3s", "")
	s.ends("c1", protocol.StatusAborted)
}

// act asks for an act and returns the answer, whatever it is.
func (s *stage) act(subject, body string) (status, code string) {
	s.Helper()
	m, err := s.client.Request(subject, []byte(body), patience)
	s.must(err)
	var out struct{ Status, Code string }
	s.must(json.Unmarshal(m.Data, &out))
	return out.Status, out.Code
}

// R-4, D11: cancelling undoes everything in reverse, and is refused after the
// point of no return.
func TestCancel(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	s.start("c1", 0)
	s.waits("c1")
	if status, code := s.act(protocol.SubjectCancel, `{"saga_id":"c1"}`); status != protocol.StatusAborted {
		t.Errorf("cancelled: %s %s", status, code)
	}
	if got := s.commands(); !slices.Equal(got[len(got)-2:], []string{"c1.2.undo", "c1.1.undo"}) {
		t.Errorf("undone: %v", got)
	}
	if status, _ := s.act(protocol.SubjectCancel, `{"saga_id":"c1"}`); status != protocol.StatusAborted {
		t.Errorf("cancelled again: %s", status)
	}
	s.away(protocol.SubjectCreateShipment)
	s.start("c2", 0)
	s.waits("c2")
	s.call(s.address(o, "c2"), paid("c2"))
	s.eventually("c2 is at its pivot", func() bool { return s.status("c2").CurrentStep == 3 })
	if _, code := s.act(protocol.SubjectCancel, `{"saga_id":"c2"}`); code != string(protocol.CodeActRefused) {
		t.Errorf("cancelled at the pivot: %s", code)
	}
	s.listen(protocol.SubjectCreateShipment)
	s.ends("c2", protocol.StatusCompleted)
	if _, code := s.act(protocol.SubjectCancel, `{"saga_id":"c2"}`); code != string(protocol.CodeSagaEnded) {
		t.Errorf("cancelled after the end: %s", code)
	}
	if _, code := s.act(protocol.SubjectCancel, `{"saga_id":"c9"}`); code != string(protocol.CodeSagaNotFound) {
		t.Errorf("cancelled though unknown: %s", code)
	}
}

// X5, R-3, R-8: what could not be undone calls a person, who tries again, or
// settles it by hand. The other compensations went on.
func TestAPersonSettlesWhatIsStuck(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	s.answer(protocol.SubjectRefund, declined)
	for _, id := range []string{"c1", "c2", "c3"} {
		s.start(id, 0)
		s.waits(id)
		s.act(protocol.SubjectCancel, `{"saga_id":"`+id+`"}`)
		s.ends(id, protocol.StatusStuck)
		if !s.has(id + ".1.undo") {
			t.Errorf("%s: the goods are held", id)
		}
	}
	incident := s.status("c1").Incidents[0]
	if incident.Kind != protocol.IncidentCompensationFailed || incident.Step != 2 || incident.Command != "RefundPayment" || incident.AtRisk == nil ||
		incident.AtRisk.Amount != "200.00" || !slices.Contains(incident.Actions, "retry") || !slices.Contains(incident.Actions, "resolve") {
		t.Errorf("incident %+v", incident)
	}
	var list protocol.List
	s.ask(protocol.SubjectList, `{"incident":"compensation_failed","step":"pay"}`, &list)
	if list.Total != 3 {
		t.Errorf("listed %+v", list)
	}
	if _, err := o.incidents.Get(t.Context(), "c1"); err != nil {
		t.Errorf("the bucket INCIDENTS: %v", err)
	}
	s.answer(protocol.SubjectRefund, func(c protocol.Command) string { return ok(c, "") })
	if status, code := s.act(protocol.SubjectRetry, `{"saga_id":"c1"}`); status != protocol.StatusAborted {
		t.Errorf("tried again: %s %s", status, code)
	}
	if _, code := s.act(protocol.SubjectResolve, `{"saga_id":"c2","step":1,"as":"skip","reason":"x","by":"me"}`); code != string(protocol.CodeActRefused) {
		t.Errorf("resolved a step that needs nobody: %s", code)
	}
	if status, code := s.act(protocol.SubjectResolve, `{"saga_id":"c2","step":2,"as":"done","evidence":"transfer 7","reason":"paid back by hand","by":"me"}`); status != protocol.StatusAborted {
		t.Errorf("resolved: %s %s", status, code)
	}
	if status, code := s.act(protocol.SubjectCancel, `{"saga_id":"c3","kill":true,"reason":"test","by":"me"}`); status != protocol.StatusKilled {
		t.Errorf("killed: %s %s", status, code)
	}
	s.eventually("no incident is left", func() bool {
		s.ask(protocol.SubjectList, `{"incident":"any"}`, &list)
		rows, err := o.incidentRows(t.Context())
		s.must(err)
		return list.Total == 0 && len(rows) == 0
	})
}

// A plan tells what would be undone, in order, with the money, and changes
// nothing.
func TestAPlanChangesNothing(t *testing.T) {
	s := newStage(t)
	s.ticket("10m", "")
	s.start("c1", 0)
	s.start("c2", 0)
	s.waits("c1")
	s.waits("c2")
	var plan protocol.Plan
	s.ask(protocol.SubjectPlan, `{"act":"cancel","step":"pay"}`, &plan)
	if plan.Total != 2 || len(plan.Returns) != 1 || plan.Returns[0].Amount != "400.00" {
		t.Fatalf("plan %+v", plan)
	}
	one := plan.Sagas[0]
	if one.Then != protocol.StatusAborted || len(one.Steps) != 2 || one.Steps[0].Command != "RefundPayment" || !one.Steps[0].Unknown || one.Steps[1].Command != "ReleaseReservation" {
		t.Errorf("plan of one %+v", one)
	}
	s.ask(protocol.SubjectPlan, `{"act":"kill","step":"pay"}`, &plan)
	if len(plan.Stays) != 1 || plan.Stays[0].Amount != "400.00" || len(plan.Returns) != 0 || plan.Sagas[0].AtRisk == nil {
		t.Errorf("a kill gives nothing back: %+v", plan)
	}
	plan = protocol.Plan{}
	s.ask(protocol.SubjectPlan, `{"act":"retry","saga_id":"c1"}`, &plan)
	if plan.Refused != 1 || plan.Sagas[0].Refused == "" {
		t.Errorf("plan of an act that is not possible: %+v", plan)
	}
	if st := s.status("c1"); st.Status != protocol.StatusPending {
		t.Errorf("the plan has changed %+v", st)
	}
}

// An act counts from the moment it is answered, also when the owner is busy with
// a command.
func TestACancelOvertakesAnAnswer(t *testing.T) {
	s := newStage(t)
	s.ticket("10m", "")
	held := make(chan *nats.Msg, 1)
	s.away(protocol.SubjectReserve)
	sub, err := s.client.Subscribe(protocol.SubjectReserve, func(m *nats.Msg) { held <- m })
	s.must(err)
	s.must(s.client.Flush())
	defer func() { _ = sub.Unsubscribe() }()
	s.start("c1", 0)
	m := <-held
	if status, code := s.act(protocol.SubjectCancel, `{"saga_id":"c1","wait_ms":0}`); status != protocol.StatusCompensating && status != protocol.StatusAborted {
		t.Errorf("cancelled: %s %s", status, code)
	}
	s.must(m.Respond([]byte(`{"type":"ReserveInventory_ok","saga_id":"c1","step":1,"reservations":[]}`)))
	s.ends("c1", protocol.StatusAborted)
	if s.has("c1.2.do") || !s.has("c1.1.undo") {
		t.Errorf("commands %v", s.commands())
	}
}

// An orchestrator that wakes many sagas at once loses none.
func TestManyResultsAtOnce(t *testing.T) {
	s := newStage(t)
	o := s.ticket("10m", "")
	const sagas = 200
	for n := range sagas {
		s.start(fmt.Sprintf("c%d", n), 0)
	}
	for n := range sagas {
		s.waits(fmt.Sprintf("c%d", n))
	}
	s.eventually("all have left the memory", func() bool { return len(o.living()) == 0 })
	for n := range sagas {
		id := fmt.Sprintf("c%d", n)
		to := s.address(o, id)
		go s.call(to, paid(id))
	}
	for n := range sagas {
		s.ends(fmt.Sprintf("c%d", n), protocol.StatusCompleted)
	}
}

// D9: a payment that is still under way when its time is over is given up, not
// waited for again; and undone.
func TestAResultThatIsStillUnderWay(t *testing.T) {
	s := newStage(t)
	s.ticket("300ms", queryYAML)
	s.answer(protocol.SubjectPaymentQuery, func(c protocol.Command) string {
		return fmt.Sprintf(`{"type":"QueryStep_ok","saga_id":"%s","step":%d,"outcome":"pending"}`, c.SagaID, c.Step)
	})
	s.listen(protocol.SubjectPaymentQuery)
	if out := s.start("c1", 10_000); out.Status != protocol.StatusAborted || !s.has("c1.2.undo") {
		t.Errorf("%+v after %v", out, s.commands())
	}
}
