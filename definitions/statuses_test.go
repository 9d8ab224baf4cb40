package definitions_test

import (
	"os"
	"strings"
	"testing"

	"amends/definitions"
	"amends/saga"
)

// withStatuses is the checkout with the words of document 004 (X4, S4-08, S4-13).
func withStatuses(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	whole := "name: checkout\nstatuses:\n  accepted: pending\n  completed: finished\n  aborted: CANCELLED\n  stuck: in_trouble\n"
	ofPayment := "    service: payment\n    statuses: {running: waiting_for_payment, done: paid, failed: PAYMENT_NOT_COMPLETED}\n"
	return strings.NewReplacer("name: checkout\n", whole, "    service: payment\n", ofPayment).Replace(string(text))
}

func TestStatusesAreRead(t *testing.T) {
	def, err := definitions.Parse("d.yaml", []byte(withStatuses(t)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (saga.Statuses{Accepted: "pending", Completed: "finished", Aborted: "CANCELLED", Stuck: "in_trouble"}); def.Statuses != want {
		t.Errorf("got %+v", def.Statuses)
	}
	want := saga.StepStatuses{Running: "waiting_for_payment", Done: "paid", Failed: "PAYMENT_NOT_COMPLETED"}
	if got := def.Steps[1].Statuses; got != want {
		t.Errorf("got %+v", got)
	}
}

func TestFaultsOfStatusesNameTheirPlace(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"accepted: pending", "accepted: it is pending", "d.yaml:8:13: statuses.accepted must be 1 to 64"},
		{"failed: PAYMENT_NOT_COMPLETED", "failed: PAYMENT NOT COMPLETED", "steps[1].statuses.failed must be 1 to 64"},
		{"completed: finished", "finished: yes", `d.yaml:9:3: unknown field "finished"`},
		{"  aborted: CANCELLED\n", "", "statuses.aborted must be 1 to 64"},
	} {
		text := strings.Replace(withStatuses(t), c.old, c.new, 1)
		if _, err := definitions.Parse("d.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.new, err, c.want)
		}
	}
}
