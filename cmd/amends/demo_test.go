package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// S2-09 … S2-12: the scenarios of document 002 end as it says, and nothing is left
// over.
func TestScenarios(t *testing.T) {
	for name, want := range map[string][]string{
		"success":           {"=> COMPLETED, order o", "1 charges, 1 shipments"},
		"payment-failure":   {"=> ABORTED: ChargePayment failed: payment_service_error", "0 reservations, 0 charges, 0 shipments"},
		"inventory-failure": {"=> ABORTED: Not enough inventory", "199.99 charged, 199.99 refunded"},
		"shipping-failure":  {"=> ABORTED: CreateShipment failed: shipping_service_error", "149.99 charged, 149.99 refunded", ", 0 of it reserved"},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := amends(t, "demo", "--scenario", name)
			if code != int(exitOK) || !strings.Contains(out, "OK: nothing charged twice") {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			for _, line := range want {
				if !strings.Contains(out, line) {
					t.Errorf("it does not say %q:\n%s", line, out)
				}
			}
		})
	}
}

// A cart and tickets end with a commitment of what was reserved. Where nobody
// answers that, the demonstration says so instead of waiting.
func TestScenariosOfTheOtherDocuments(t *testing.T) {
	app := system(t, embedded.Inventory, embedded.Payment)
	nc, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for name, needs := range map[string][]string{
		"cart":    {protocol.SubjectCommit},
		"tickets": {protocol.SubjectRequestPayment, protocol.SubjectCommit},
	} {
		t.Run(name, func(t *testing.T) {
			complete := true
			for _, subject := range needs {
				_, err := nc.Request(subject, []byte("{}"), demoTimeout)
				complete = complete && !errors.Is(err, nats.ErrNoResponders)
			}
			out, code := amends(t, "demo", "--scenario", name)
			if complete && (code != int(exitOK) || !strings.Contains(out, "=> COMPLETED, order o")) {
				t.Errorf("exit code %d:\n%s", code, out)
			}
			if !complete && (code == int(exitOK) || !strings.Contains(out, "nobody listens")) {
				t.Errorf("exit code %d without a worker:\n%s", code, out)
			}
		})
	}
}

// S2-13: random orders, how many of them completed, and nothing off.
func TestRandomOrders(t *testing.T) {
	out, code := amends(t, "demo", "--random", "8")
	if code != int(exitOK) || !regexp.MustCompile(`(?m)^Success rate: [0-8]/8 \(\d+\.\d%\)$`).MatchString(out) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// S2-08: what the command line says is what happens.
func TestFailureProbability(t *testing.T) {
	out, code := amends(t, "demo", "--random", "3", "--failure-probability", "payment=1,shipping=0.5")
	if code != int(exitOK) || !strings.Contains(out, "Success rate: 0/3 (0.0%)") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	for _, wrong := range []string{"payment=1.5", "payment=-1", "paiment=1", "cart=1", "payment", "payment=NaN"} {
		if _, code := amends(t, "demo", "--random", "1", "--failure-probability", wrong); code != int(exitUsage) {
			t.Errorf("%s: exit code %d", wrong, code)
		}
	}
}
