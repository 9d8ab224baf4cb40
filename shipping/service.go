// Package shipping makes shipping labels for orders and takes them back (S0-04).
//
// ledger.go has the rules, tracking.go the numbers on the labels, carrier.go the
// simulated carrier, lookup.go what people ask, and this file the endpoints.
// README.md says how it behaves.
package shipping

import (
	"fmt"
	"time"

	"amends/protocol"
	"amends/worker"
)

// Options are what a shop decides about its labels. The zero value is for
// demonstrations: a label may be cancelled until its parcel is handed over, and
// the carrier does what the address says.
type Options struct {
	// CancelWindow is how long after it was made a label may be cancelled. Then
	// the parcel counts as handed over, whether somebody has said so or not (D23).
	// 0 is until somebody says so. A label keeps the window it was made with.
	CancelWindow time.Duration
	// Faultless leaves out the faults of the simulated carrier, so that no word of
	// a customer's address holds up a saga. Addresses to which nobody delivers are
	// declined all the same.
	Faultless bool
}

// New describes the shipping service with the default options. Any number of
// replicas may run.
func New(cfg worker.Config) (*worker.Service, error) { return NewWith(cfg, Options{}) }

// NewWith describes the shipping service.
func NewWith(cfg worker.Config, options Options) (*worker.Service, error) {
	if options.CancelWindow < 0 {
		return nil, fmt.Errorf("configuring shipping: the cancel window of %s is negative", options.CancelWindow)
	}
	shipments := worker.NewBook[Shipment](protocol.BucketShipments)
	numbers := worker.NewFinder(shipments, func(s Shipment) string { return s.TrackingNumber })
	rules := Rules{CancelWindow: options.CancelWindow.Microseconds(), Faultless: options.Faultless}
	creation := worker.Act(protocol.SubjectCreateShipment, shipments, rules.Create)
	cancellation := worker.Undo(protocol.SubjectCancelShipment, shipments, Cancel)
	if !options.Faultless {
		creation = worker.WithFaults(creation, creationFault)
		cancellation = worker.WithFaults(cancellation, cancellationFault(shipments))
	}
	people := counter{shipments: shipments, numbers: numbers}
	return worker.New(cfg, protocol.ServiceShipping, worker.Together(shipments, numbers), creation, cancellation,
		worker.Serve(protocol.SubjectShipment, people.get),
		worker.Serve(protocol.SubjectHandOver, people.handOver),
		worker.QueryStep(protocol.SubjectShipmentQuery, shipments),
	)
}
