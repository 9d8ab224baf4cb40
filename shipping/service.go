// Package shipping makes shipping labels for orders and takes them back (S0-04).
//
// ledger.go has the rules, tracking.go the numbers on the labels, and this file
// the endpoints.
package shipping

import (
	"amends/protocol"
	"amends/worker"
)

// New describes the shipping service. Any number of replicas may run.
func New(cfg worker.Config) (*worker.Service, error) {
	shipments := worker.NewBook[Shipment](protocol.BucketShipments)
	return worker.New(cfg, protocol.ServiceShipping, shipments,
		worker.Act(protocol.SubjectCreateShipment, shipments, Create),
		worker.Undo(protocol.SubjectCancelShipment, shipments, Cancel),
		worker.Lookup(protocol.SubjectShipment, "shipment", shipments),
	)
}
