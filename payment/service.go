// Package payment takes money for orders and gives it back (S0-03): at once,
// later, or in two parts (D3, S4-09). README.md tells how to use it.
//
// ledger.go, undo.go and finish.go have the rules, gateway.go the port behind
// which the provider stands, desk.go goes between the two, and this file has the
// endpoints. There is no card data anywhere, only the user whose payment token the
// provider holds (D22).
package payment

import (
	"strconv"
	"time"

	"amends/protocol"
	"amends/worker"
)

// New describes the payment service on a gateway. Any number of replicas may run.
func New(cfg worker.Config, g Gateway) (*worker.Service, error) {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	d := newDesk(g, now)
	payments := worker.NewBook[Payment](protocol.BucketPayments).Consult(d)
	return worker.New(cfg, protocol.ServicePayment, payments,
		worker.Handle(protocol.SubjectCharge, payments, worker.Rules[protocol.ChargePayment, Payment]{Decide: d.charge}),
		worker.Handle(protocol.SubjectRequestPayment, payments, worker.Rules[protocol.RequestPayment, Payment]{Decide: d.request}),
		worker.Handle(protocol.SubjectAuthorize, payments, worker.Rules[protocol.AuthorizePayment, Payment]{Decide: d.authorize}),
		worker.Handle(protocol.SubjectCapture, payments, worker.Rules[protocol.CapturePayment, Payment]{Decide: d.capture, Host: authorizedIn}),
		worker.Handle(protocol.SubjectRefund, payments, worker.Rules[protocol.RefundPayment, Payment]{Decide: d.refund, Host: paidIn, Compensating: true}),
		worker.Handle(protocol.SubjectVoid, payments, worker.Rules[protocol.VoidPayment, Payment]{Decide: d.void, Host: heldIn, Compensating: true}),
		worker.QueryStep(protocol.SubjectPaymentQuery, payments),
		worker.Lookup(protocol.SubjectPayment, "payment", payments, Query.isOf),
	)
}

// authorizedIn is the step of the authorization that is captured.
func authorizedIn(cmd protocol.CapturePayment) int {
	return stepOf("a-", cmd.SagaID, cmd.AuthorizationID)
}

// heldIn is the step of the authorization that is let go.
func heldIn(cmd protocol.VoidPayment) int { return stepOf("a-", cmd.SagaID, cmd.AuthorizationID) }

// paidIn is the step of the payment of which money is given back. A refund of
// another step's payment is one of a part, such as that of an item which cannot
// be had.
func paidIn(cmd protocol.RefundPayment) int { return stepOf("p-", cmd.SagaID, cmd.PaymentID) }

func requestID(c protocol.Command) string { return "rq-" + c.SagaID + "-" + strconv.Itoa(c.Step) }
