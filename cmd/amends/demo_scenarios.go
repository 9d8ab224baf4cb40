package main

import (
	"context"
	"encoding/json"
	"fmt"

	"amends/embedded"
	"amends/protocol"
	"amends/saga"
)

// scenario is one way an order can go, on the definition of its document.
type scenario struct {
	name, title string
	fails       embedded.Role // whose actions all fail meanwhile; "" is nobody's
	say         []said        // before the saga starts
	subject     string        // on which it is started
	request     string
	status      string
	reason      string
}

// said is a request and how its answer has to be typed; "" is anything but an
// error.
type said struct{ subject, request, answer string }

// anyAnswer is that to a start: the saga may have ended before it is given.
const anyAnswer = ""

// scenarios are those of document 002 (S2-09 … S2-12), a cart of document 003 and
// tickets of document 004.
var scenarios = []scenario{
	{
		name: "success", title: "The customer pays, the goods are reserved, and shipped.",
		subject: protocol.SubjectStart,
		request: `{"definition":"payment-first","saga_id":"success","user_id":"customer123","items":[{"sku":"product1","quantity":2}],"amount":99.99,"wait_ms":0}`,
		status:  "COMPLETED",
	},
	{
		name: "payment-failure", title: "The payment service fails: nothing is reserved or shipped.",
		fails: embedded.Payment, subject: protocol.SubjectStart,
		request: `{"definition":"payment-first","saga_id":"payment-failure","user_id":"customer123","items":[{"sku":"product1","quantity":1}],"amount":49.99,"wait_ms":0}`,
		status:  "ABORTED", reason: "ChargePayment failed: payment_service_error",
	},
	{
		name: "inventory-failure", title: "The goods are sold out: the money goes back.",
		subject: protocol.SubjectStart,
		request: `{"definition":"payment-first","saga_id":"inventory-failure","user_id":"customer456","items":[{"sku":"product4","quantity":5}],"amount":199.99,"wait_ms":0}`,
		status:  "ABORTED", reason: "Not enough inventory",
	},
	{
		name: "shipping-failure", title: "The shipping service fails: the goods go back, then the money.",
		fails: embedded.Shipping, subject: protocol.SubjectStart,
		request: `{"definition":"payment-first","saga_id":"shipping-failure","user_id":"customer789","items":[{"sku":"product2","quantity":3}],"amount":149.99,"wait_ms":0}`,
		status:  "ABORTED", reason: "CreateShipment failed: shipping_service_error",
	},
	{
		name: "cart", title: "A cart is filled and bought: the goods are reserved, paid for, and leave the stock.",
		say: []said{
			{protocol.SubjectCartAdd, `{"user_id":"u42","sku":"abc123","quantity":2}`, protocol.TypeCart},
			{protocol.SubjectCartAdd, `{"user_id":"u42","sku":"product4","quantity":1}`, protocol.TypeCartFailed},
		},
		subject: protocol.SubjectCartCheckout, request: `{"user_id":"u42","wait_ms":0}`, status: "COMPLETED",
	},
	{
		name: "tickets", title: "Tickets are ordered; the bank says later that they are paid.",
		subject: protocol.SubjectStart,
		request: `{"definition":"ticket","saga_id":"tickets","user_id":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","items":[{"sku":"3852cb18-9c19-4326-ac77-a1a0264bd98c","quantity":1}],"amount":10.5,"wait_ms":0}`,
		status:  "COMPLETED",
	},
}

// everyScenario names all of them.
const everyScenario = "all"

// playScenarios plays the one that is named, or all.
func (s *demoStage) playScenarios(ctx context.Context, name string) error {
	number := 0
	for _, sc := range scenarios {
		if name != everyScenario && name != sc.name {
			continue
		}
		number++
		if err := s.playScenario(ctx, number, sc); err != nil {
			return fmt.Errorf("playing %s: %w", sc.name, err)
		}
	}
	return s.audit(ctx)
}

func (s *demoStage) playScenario(ctx context.Context, number int, sc scenario) error {
	fmt.Fprintf(s.out, "\n%d. %s\n", number, sc.title)
	if sc.fails != "" {
		if err := s.endanger(sc.fails, 1); err != nil {
			return err
		}
	}
	for _, w := range sc.say {
		if err := s.say(w); err != nil {
			return err
		}
	}
	if err := s.say(said{sc.subject, sc.request, anyAnswer}); err != nil {
		return err
	}
	last, err := s.tell(ctx, func(t *transition) bool { return settled(t.Phase) || t.Event.Type == saga.WorkerAbsent })
	if err != nil {
		return err
	}
	if !settled(last.Phase) {
		return fmt.Errorf("nobody answers %s here, so the order cannot end", last.Command)
	}
	if sc.fails != "" {
		if err := s.endanger(sc.fails, 0); err != nil {
			return err
		}
	}
	return s.checkEnd(last.SagaID, sc.status, sc.reason)
}

// endanger makes all actions of a service fail, or none, while it runs (S2-08).
func (s *demoStage) endanger(role embedded.Role, probability int) error {
	return s.say(said{protocol.SubjectFaults(string(role)), fmt.Sprintf(`{"failure_probability":%d}`, probability), "faults"})
}

// say sends a request as a reader could, and holds its answer against its type.
func (s *demoStage) say(w said) error {
	fmt.Fprintf(s.out, "   nats req %s '%s'\n", w.subject, w.request)
	reply, err := s.nc.Request(w.subject, []byte(w.request), demoTimeout)
	if err != nil {
		return exitOfNATS(err)
	}
	var head struct {
		Type string `json:"type"`
	}
	err = json.Unmarshal(reply.Data, &head)
	if err != nil || head.Type == protocol.TypeError || w.answer != anyAnswer && head.Type != w.answer {
		return fmt.Errorf("%s is answered %s", w.subject, reply.Data)
	}
	return nil
}
