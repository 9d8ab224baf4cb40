// Package payment takes money for orders and gives it back (S0-03).
//
// ledger.go has the rules and stands for the bank, this file the endpoints.
// There is no card data anywhere, only the user whose payment token the bank
// holds (D22).
package payment

import (
	"amends/protocol"
	"amends/worker"
)

// New describes the payment service. Any number of replicas may run.
func New(cfg worker.Config) (*worker.Service, error) {
	charges := worker.NewBook[Charge](protocol.BucketPayments)
	return worker.New(cfg, protocol.ServicePayment, charges,
		worker.Act(protocol.SubjectCharge, charges, Capture),
		worker.Undo(protocol.SubjectRefund, charges, GiveBack),
		worker.Lookup(protocol.SubjectPayment, "payment", charges),
	)
}
