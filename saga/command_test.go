package saga_test

import (
	"encoding/json"
	"errors"
	"testing"

	"amends/saga"
)

// TestCommandsOfDocument000 holds the bodies of the commands to the bytes of
// document 000, as its own program would print them without blanks.
func TestCommandsOfDocument000(t *testing.T) {
	const items = `[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]`
	const reservations = `[{"sku":"abc123","reservation_id":"r1"},{"sku":"xyz789","reservation_id":"r2"}]`
	accepted := func(step int, reply string) saga.Event {
		return saga.Event{Type: saga.StepAccepted, Step: step, Attempt: 1, Fields: kept(checkout().Operation(step, saga.Do), reply)}
	}
	reserved, charged := accepted(1, replies["ReserveInventory"]), accepted(2, replies["ChargePayment"])
	declined := func(step int) saga.Event {
		return saga.Event{Type: saga.StepDeclined, Step: step, Attempt: 1, Code: "insufficient_funds", DeclineCode: "DECLINED"}
	}
	unknown := saga.Event{Type: saga.StepTimedOut, Step: 2, Attempt: 1, Final: true}
	for name, test := range map[string]struct {
		events []saga.Event
		body   string
	}{
		"S0-07 ReserveInventory": {nil, `{"type":"ReserveInventory","saga_id":"checkout42","step":1,"items":` + items + `}`},
		"S0-09 ChargePayment": {[]saga.Event{reserved},
			`{"type":"ChargePayment","saga_id":"checkout42","step":2,"user_id":"u42","amount":249.99}`},
		"S0-11 CreateShipment": {[]saga.Event{reserved, charged},
			`{"type":"CreateShipment","saga_id":"checkout42","step":3,"items":` + items + `,"address":"123 Main St"}`},
		"S0-15 ReleaseReservation": {[]saga.Event{reserved, declined(2)},
			`{"type":"ReleaseReservation","saga_id":"checkout42","step":1,"compensating":true,"reservations":` + reservations + `}`},
		"S0-19 RefundPayment": {[]saga.Event{reserved, charged, declined(3)},
			`{"type":"RefundPayment","saga_id":"checkout42","step":2,"compensating":true,"payment_id":"p1"}`},
		"D10 RefundPayment of an unknown charge": {[]saga.Event{reserved, unknown},
			`{"type":"RefundPayment","saga_id":"checkout42","step":2,"compensating":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := after(t, test.events...)
			body, err := saga.Command(checkout(), s, s.Active()[0])
			if err != nil || string(body) != test.body {
				t.Errorf("Command: %v\n%s, want\n%s", err, body, test.body)
			}
			if !json.Valid(body) {
				t.Errorf("not JSON: %s", body)
			}
		})
	}
}

// after is the state of checkout42 after some events.
func after(t *testing.T, events ...saga.Event) *saga.State {
	t.Helper()
	journal := append([]saga.Event{{Type: saga.Started, Start: checkout42("checkout42")}}, events...)
	_, s, err := saga.Replay(checkout(), journal)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// TestCommandMissesAField: an action is not sent without a field that it needs.
func TestCommandMissesAField(t *testing.T) {
	s := after(t, saga.Event{Type: saga.StepAccepted, Step: 1, Attempt: 1})
	delete(s.Start.Request, "amount")
	_, err := saga.Command(checkout(), s, 2)
	var missing *saga.MissingFieldError
	if !errors.As(err, &missing) || *missing != (saga.MissingFieldError{Command: "ChargePayment", Field: "amount", From: "request.amount"}) {
		t.Errorf("Command: %v", err)
	}
}

// TestCommandIsTheSameForEveryAttempt: participants know a command by its
// content, so nothing in it may tell one attempt from another (D6, D7).
func TestCommandIsTheSameForEveryAttempt(t *testing.T) {
	first, err := saga.Command(checkout(), after(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := saga.Command(checkout(), after(t, saga.Event{Type: saga.StepTimedOut, Step: 1, Attempt: 1, At: 5}), 1)
	if err != nil || string(first) != string(second) {
		t.Errorf("attempt 1: %s\nattempt 2: %s, %v", first, second, err)
	}
}
