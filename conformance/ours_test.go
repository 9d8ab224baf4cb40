package conformance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"amends/conformance"
	"amends/inventory"
	"amends/payment"
	"amends/payment/simulated"
	"amends/protocol"
	"amends/shipping"
	"amends/worker"
	"amends/worker/workertest"
)

// tolerated is how long a run may take on a busy machine.
const tolerated = 2 * time.Minute

// check runs all clauses against whoever works on a server.
func check(t *testing.T, cfg conformance.Config) *conformance.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tolerated)
	defer cancel()
	report, err := conformance.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// of lists the clauses that came out in one of some ways.
func of(r *conformance.Report, statuses ...conformance.Status) (ids []string) {
	for _, c := range r.Clauses {
		if slices.Contains(statuses, c.Status) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// tell prints what a report says of clauses that a test did not expect.
func tell(t *testing.T, r *conformance.Report, ids []string) {
	t.Helper()
	for _, c := range r.Clauses {
		if slices.Contains(ids, c.ID) {
			t.Logf("%s %s %s", c.ID, c.Status, c.Detail)
			for _, e := range c.Exchanges {
				t.Logf("  > %s %s\n  < %s%s", e.Subject, e.Sent, e.Got, e.Error)
			}
		}
	}
}

func profile(t *testing.T, name string) *conformance.Profile {
	t.Helper()
	p, err := conformance.Known(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var ours = map[string]workertest.Participant{
	"inventory": {New: inventory.New, Prepare: func(t testing.TB, cfg worker.Config) {
		if _, err := inventory.Load(t.Context(), cfg, []inventory.Stock{{SKU: "abc123", OnHand: 100}, {SKU: "xyz789", OnHand: 100}}); err != nil {
			t.Fatal(err)
		}
	}},
	"payment":       {New: newPayment},
	"payment-later": {New: newPayment},
	"payment-hold":  {New: newPayment},
	"shipping":      {New: shipping.New},
}

func newPayment(cfg worker.Config) (*worker.Service, error) {
	return payment.New(cfg, simulated.New(simulated.Config{Writer: cfg.Writer}))
}

// saysNothing are the clauses that say nothing of a service: C9 is of those that
// take money, C24 of the inventory, C25 to C27 and C29 of services whose results come
// later, C28 of what can come too late, and C30 of those that are asked.
var saysNothing = map[string][]string{
	"inventory":     {"C9", "C25", "C26", "C27", "C28", "C29"},
	"payment":       {"C24", "C25", "C26", "C27", "C28", "C29"},
	"payment-later": {"C20", "C24"},
	"payment-hold":  {"C24", "C25", "C26", "C27", "C28", "C29"},
	"shipping":      {"C9", "C24", "C25", "C26", "C27", "C28", "C29"},
}

// Our own services conform in all their modes, with one replica and with two, also
// when they are stopped and started in between. What is skipped is what says nothing
// of them, and no more.
func TestOurServicesConform(t *testing.T) {
	for name, p := range ours {
		for _, replicas := range []int{1, 2} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := workertest.Server(t)
				if p.Prepare != nil {
					p.Prepare(t, n.Config(t))
				}
				var running []*worker.Service
				start := func() {
					for range replicas {
						running = append(running, workertest.Start(t, p, n.Config(t)))
					}
				}
				start()
				report := check(t, conformance.Config{
					Conn: n.Connect(t), Profile: profile(t, name),
					Restart: func(context.Context) error {
						for _, s := range running {
							workertest.Halt(t, s)
						}
						running = nil
						start()
						return nil
					},
				})
				if bad := of(report, conformance.Fail, conformance.Warn); len(bad) > 0 || len(report.Left) > 0 {
					t.Errorf("fails %v, leaves %v", bad, report.Left)
					tell(t, report, bad)
				}
				if skipped := of(report, conformance.Skip); !slices.Equal(skipped, saysNothing[name]) {
					t.Errorf("skips %v, want %v", skipped, saysNothing[name])
					tell(t, report, skipped)
				}
			})
		}
	}
}

// A run leaves no net effect: what it has reserved is free again.
func TestARunLeavesNothingBehind(t *testing.T) {
	n := workertest.Server(t)
	p := ours["inventory"]
	p.Prepare(t, n.Config(t))
	workertest.Start(t, p, n.Config(t))
	nc := n.Connect(t)
	stock := func() string {
		m, err := nc.Request(protocol.SubjectStock, []byte(`{"sku":"abc123"}`), tolerated)
		if err != nil {
			t.Fatal(err)
		}
		return string(m.Data)
	}
	before := stock()
	check(t, conformance.Config{Conn: nc, Profile: profile(t, "inventory")})
	if after := stock(); after != before {
		t.Errorf("stock was %s and is %s", before, after)
	}
}

// Nobody is there: that is told at once, and nothing else is tried.
func TestNobodyIsThere(t *testing.T) {
	n := workertest.Server(t)
	report := check(t, conformance.Config{Conn: n.Connect(t), Profile: profile(t, "payment")})
	if got := of(report, conformance.Fail); !slices.Equal(got, []string{"C1"}) || report.Passed != 0 || report.OK() {
		t.Errorf("fails %v, passes %d", got, report.Passed)
	}
}

// Somebody is there and never answers: every wait ends.
func TestSilence(t *testing.T) {
	n := workertest.Server(t)
	nc := n.Connect(t)
	for _, subject := range []string{protocol.SubjectCharge, protocol.SubjectRefund} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	report := check(t, conformance.Config{Conn: n.Connect(t), Profile: profile(t, "payment"), Timeout: 50 * time.Millisecond})
	if got := of(report, conformance.Fail); !slices.Equal(got, []string{"C1"}) {
		t.Errorf("fails %v", got)
	}
}
