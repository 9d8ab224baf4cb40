package saga_test

import (
	"slices"
	"strings"
	"testing"

	"amends/saga"
)

// The five documents name where an order stands in words of their own (X4). Each
// map is tried on a definition of the shape that its document has.

// words002 are those of document 002 (S2-05).
func words002() *saga.Definition {
	d := inOrder(checkout(), 1, 0, 2) // the money comes first there
	d.Statuses = saga.Statuses{Accepted: "CREATED", Completed: "COMPLETED", Aborted: "CANCELLED"}
	d.Steps[0].Statuses = saga.StepStatuses{Running: "PAYMENT_PENDING", Done: "PAYMENT_COMPLETED"}
	d.Steps[1].Statuses = saga.StepStatuses{Running: "INVENTORY_PENDING", Done: "INVENTORY_RESERVED"}
	d.Steps[2].Statuses = saga.StepStatuses{Running: "SHIPPING_PENDING", Done: "SHIPPING_COMPLETED"}
	return d
}

// words001 are the events of document 001, taken as words.
func words001() *saga.Definition {
	d := checkout()
	d.Statuses = saga.Statuses{Accepted: "OrderPlaced", Completed: "OrderPaid", Aborted: "OrderCancelled", Stuck: "OrderFulfillmentFailed"}
	d.Steps[0].Statuses.Done = "InventoryReserved"
	d.Steps[1].Statuses.Done = "OrderPaid"
	return d
}

// words003 are those of document 003: a client learns Success or Failed.
func words003() *saga.Definition {
	d := checkout()
	turn(d, 2, true)
	d.Statuses = saga.Statuses{Accepted: "Pending", Completed: "Success", Aborted: "Failed"}
	return d
}

// words004 are those of document 004: two ends that are no success, each by the
// step that brought it about (S4-08, S4-13).
func words004() *saga.Definition {
	d := checkout()
	turn(d, 2, true)
	d.Steps[1].Reply, d.Steps[1].Patience = saga.Callback, 600*second
	d.Statuses = saga.Statuses{Accepted: "pending", Completed: "finished", Aborted: "CANCELLED", Killed: "stopped", Compensating: "giving_back"}
	d.Steps[0].Statuses.Failed = "REJECTED"
	d.Steps[1].Statuses = saga.StepStatuses{Running: "waiting_for_payment", Failed: "PAYMENT_NOT_COMPLETED"}
	return d
}

func inOrder(d *saga.Definition, steps ...int) *saga.Definition {
	all := slices.Clone(d.Steps)
	for n, from := range steps {
		d.Steps[n] = all[from]
	}
	return d
}

func TestPublicStatus(t *testing.T) {
	for _, c := range []struct {
		name string
		def  *saga.Definition
		want string // the statuses on the way, from the start on
		on   []saga.Event
	}{
		{"000 completes", checkout(), "PENDING PENDING PENDING COMPLETED", []saga.Event{accepts(1), accepts(2), accepts(3)}},
		{"000 declined", checkout(), "PENDING PENDING COMPENSATING ABORTED", []saga.Event{accepts(1), declines(2), gaveBack(1)}},
		{"000 stuck and killed", checkout(), "PENDING PENDING COMPENSATING STUCK KILLED", []saga.Event{accepts(1), declines(2), keptBack(1), kill()}},

		{"001 completes", words001(), "OrderPlaced InventoryReserved OrderPaid OrderPaid", []saga.Event{accepts(1), accepts(2), accepts(3)}},
		{"001 declined", words001(), "OrderPlaced InventoryReserved InventoryReserved OrderCancelled", []saga.Event{accepts(1), declines(2), gaveBack(1)}},
		{"001 stuck", words001(), "OrderPlaced InventoryReserved InventoryReserved OrderFulfillmentFailed", []saga.Event{accepts(1), declines(2), keptBack(1)}},

		{"002 completes", words002(), "PAYMENT_PENDING INVENTORY_PENDING SHIPPING_PENDING COMPLETED", []saga.Event{accepts(1), accepts(2), accepts(3)}},
		{"002 cancelled", words002(), "PAYMENT_PENDING INVENTORY_PENDING PAYMENT_COMPLETED CANCELLED", []saga.Event{accepts(1), declines(2), gaveBack(1)}},
		{"002 keeps the last status when stuck", words002(), "PAYMENT_PENDING INVENTORY_PENDING PAYMENT_COMPLETED PAYMENT_COMPLETED", []saga.Event{accepts(1), declines(2), keptBack(1)}},
		{"002 killed has no word", words002(), "PAYMENT_PENDING KILLED", []saga.Event{kill()}},
		{"002 undone by a customer before anything was done", words002(), "PAYMENT_PENDING CREATED CANCELLED", []saga.Event{cancel(), gaveBack(1)}},

		{"003 succeeds", words003(), "Pending Pending Pending Success", []saga.Event{accepts(1), accepts(2), accepts(3)}},
		{"003 fails", words003(), "Pending Pending Pending Failed", []saga.Event{accepts(1), declines(2), gaveBack(1)}},

		{"004 finishes", words004(), "pending waiting_for_payment waiting_for_payment pending finished", []saga.Event{accepts(1), takenIn(2), tells(2), accepts(3)}},
		{"004 sold out", words004(), "pending REJECTED", []saga.Event{declines(1)}},
		{"004 payment refused", words004(), "pending waiting_for_payment giving_back PAYMENT_NOT_COMPLETED", []saga.Event{accepts(1), declines(2), gaveBack(1)}},
		{"004 payment never told", words004(), "pending waiting_for_payment giving_back giving_back PAYMENT_NOT_COMPLETED", []saga.Event{accepts(1), silent(2), gaveBack(2), gaveBack(1)}},
		{"004 given up by a customer", words004(), "pending waiting_for_payment giving_back giving_back CANCELLED", []saga.Event{accepts(1), cancel(), gaveBack(2), gaveBack(1)}},
		{"004 stopped", words004(), "pending waiting_for_payment stopped", []saga.Event{accepts(1), kill()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if faults := c.def.Check(); len(faults) > 0 {
				t.Fatal(faults)
			}
			if got := statuses(t, c.def, c.on); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// statuses plays events and joins the statuses after each.
func statuses(t *testing.T, d *saga.Definition, on []saga.Event) string {
	t.Helper()
	var s saga.State
	var all []string
	for n, e := range append([]saga.Event{{Type: saga.Started, Start: checkout42("c1")}}, on...) {
		e.At = saga.Instant(n+1) * saga.Instant(1000*second)
		next, _ := saga.Next(d, s, e)
		if next.Seq == s.Seq {
			t.Fatalf("event %d, %s, does not apply", n, e.Type)
		}
		s = next
		all = append(all, saga.PublicStatus(d, &s))
	}
	return strings.Join(all, " ")
}

func accepts(step int) saga.Event {
	return saga.Event{Type: saga.StepAccepted, Step: step, Attempt: 1}
}
func declines(step int) saga.Event {
	return saga.Event{Type: saga.StepDeclined, Step: step, Attempt: 1, Code: "no"}
}
func takenIn(step int) saga.Event {
	return saga.Event{Type: saga.StepTaken, Step: step, Attempt: 1}
}
func tells(step int) saga.Event {
	return saga.Event{Type: saga.StepAccepted, Step: step, Via: saga.ViaCallback}
}
func silent(step int) saga.Event {
	return saga.Event{Type: saga.StepUnavailable, Step: step, Attempt: 1, Final: true}
}
func gaveBack(step int) saga.Event {
	return saga.Event{Type: saga.CompensationDone, Step: step, Attempt: 1}
}
func keptBack(step int) saga.Event {
	return saga.Event{Type: saga.CompensationRefused, Step: step, Attempt: 1}
}
func cancel() saga.Event { return saga.Event{Type: saga.CancelRequested} }
func kill() saga.Event   { return saga.Event{Type: saga.KillRequested, Reason: "a test", By: "ann"} }

// The first failure keeps the blame, whatever fails on the way back; when it
// turns out to be none, nobody is to blame.
func TestBlame(t *testing.T) {
	d := checkout()
	for _, c := range []struct {
		name string
		on   []saga.Event
		want int
	}{
		{"nobody", []saga.Event{accepts(1)}, 0},
		{"the step that was declined", []saga.Event{accepts(1), declines(2)}, 2},
		{"the step that was given up", []saga.Event{accepts(1), silent(2), keptBack(2)}, 2},
		{"not the compensation that failed", []saga.Event{accepts(1), declines(2), keptBack(1)}, 2},
		{"not the step under way when somebody cancels", []saga.Event{accepts(1), cancel()}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s saga.State
			for n, e := range append([]saga.Event{{Type: saga.Started, Start: checkout42("c1")}}, c.on...) {
				e.At = saga.Instant(n+1) * saga.Instant(1000*second)
				s, _ = saga.Next(d, s, e)
			}
			if s.Blamed != c.want {
				t.Errorf("step %d is blamed, want %d", s.Blamed, c.want)
			}
		})
	}
}

// Words are names, and whoever has some has those that every order needs.
func TestCheckStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		breakIt func(*saga.Definition)
		want    string
	}{
		"no map":            {func(d *saga.Definition) { *d = *checkout() }, ""},
		"whole":             {func(*saga.Definition) {}, ""},
		"accepted missing":  {func(d *saga.Definition) { d.Statuses.Accepted = "" }, "statuses.accepted must be 1 to 64"},
		"completed missing": {func(d *saga.Definition) { d.Statuses.Completed = "" }, "statuses.completed must be 1 to 64"},
		"aborted missing":   {func(d *saga.Definition) { d.Statuses.Aborted = "" }, "statuses.aborted must be 1 to 64"},
		"only of a step":    {func(d *saga.Definition) { d.Statuses = saga.Statuses{} }, "statuses.accepted must be 1 to 64"},
		"a sentence":        {func(d *saga.Definition) { d.Statuses.Stuck = "please wait" }, "statuses.stuck must be 1 to 64"},
		"a line break":      {func(d *saga.Definition) { d.Steps[1].Statuses.Running = "a\r\nb" }, "steps[1].statuses.running must be 1 to 64"},
		"too long":          {func(d *saga.Definition) { d.Statuses.Killed = strings.Repeat("x", 65) }, "statuses.killed must be 1 to 64"},
		"after the pivot":   {func(d *saga.Definition) { d.Steps[2].Statuses.Failed = "NO" }, "steps[2].statuses.failed must be absent"},
	} {
		t.Run(name, func(t *testing.T) {
			d := words004()
			c.breakIt(d)
			var faults []string
			for _, fault := range d.Check() {
				faults = append(faults, fault.Error())
			}
			if got := strings.Join(faults, "; "); got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What people read may differ between two versions of a definition: a saga in
// flight may be moved from one to the other. The hash sees the difference.
func TestStatusesDoNotHinderMigration(t *testing.T) {
	old, version := checkout(), words001()
	if old.Hash() == version.Hash() {
		t.Error("the words are not part of the hash")
	}
	s, _ := saga.Next(old, saga.State{}, saga.Event{Type: saga.Started, At: 1, Start: checkout42("c1")})
	if why := saga.Refusal(old, &s, &saga.Event{Type: saga.Migrated, Definition: version}); why != "" {
		t.Error(why)
	}
}
