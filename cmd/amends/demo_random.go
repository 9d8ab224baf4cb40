package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"amends/embedded"
	"amends/protocol"
)

// randomFailure is the greatest probability with which a service fails in an order
// of its own, unless the command line says one (S2-13).
const randomFailure = 0.3

// playRandom places orders of random goods, with services that fail at random, and
// says how many of them completed (S2-13).
func (s *demoStage) playRandom(ctx context.Context, orders int, fixed bool) error {
	fmt.Fprintf(s.out, "\n%d random orders, of services that fail at random:\n", orders)
	completed := 0
	for n := range orders {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !fixed {
			if err := s.shuffle(); err != nil {
				return err
			}
		}
		outcome, err := s.placeRandom(n + 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "   %s  %-9s  %s%s\n", outcome.SagaID, outcome.Status, outcome.OrderID, outcome.Reason)
		if outcome.Status == protocol.StatusCompleted {
			completed++
		}
	}
	fmt.Fprintf(s.out, "Success rate: %d/%d (%.1f%%)\n", completed, orders, 100*float64(completed)/float64(orders))
	return s.audit(ctx)
}

// shuffle gives each service a failure probability by chance.
func (s *demoStage) shuffle() error {
	client := clientFlags{Timeout: demoTimeout}
	for _, role := range []embedded.Role{embedded.Payment, embedded.Inventory, embedded.Shipping} {
		request := map[string]float64{"failure_probability": randomFailure * rand.Float64()}
		if _, err := client.ask(s.nc, protocol.SubjectFaults(string(role)), request, new(json.RawMessage)); err != nil {
			return err
		}
	}
	return nil
}

// placeRandom places one order, of one product of document 002, and waits for its
// end.
func (s *demoStage) placeRandom(number int) (outcome protocol.Outcome, err error) {
	quantity := 1 + rand.IntN(3)
	wait := demoTimeout.Milliseconds()
	client := clientFlags{Timeout: 2 * demoTimeout}
	_, err = client.ask(s.nc, protocol.SubjectStart, protocol.StartRequest{
		SagaID: fmt.Sprintf("random-%04d", number), Definition: "payment-first", UserID: fmt.Sprintf("customer%d", 100+rand.IntN(900)),
		Items:  []protocol.Line{{SKU: fmt.Sprintf("product%d", 1+rand.IntN(4)), Quantity: int64(quantity)}},
		Amount: protocol.Decimal(fmt.Sprintf("%d.99", 10+rand.IntN(190))), ShippingAddress: "123 Main St", WaitMS: &wait,
	}, &outcome)
	return outcome, err
}
