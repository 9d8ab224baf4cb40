package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

func (s *system) audit() *audit.Report {
	s.t.Helper()
	r, err := audit.Run(s.ctx, s.nc, terms)
	must(s.t, err)
	return r
}

func TestCleanSystem(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putAll(completed("c1"), completed("c2"), aborted("a1"), begin("d1").fates(decline), stuck("k1"),
		begin("o1").fates(accept, lost), begin("o2").fates(accept, accept, decline))
	s.putStock("abc123", 100)
	s.putStock("xyz789", 100)
	s.queue("w1") // taken in, and not begun
	s.delete(protocol.BucketSagas, "deleted")
	s.delete(protocol.BucketPayments, "deleted.2")
	s.delete(protocol.BucketInventory, "stock.deleted")
	r := s.audit()
	if !r.OK() {
		t.Errorf("found %+v", r.Findings)
	}
	if want := (audit.Outcomes{Total: 7, Completed: 2, Aborted: 2, Running: 1, Compensating: 1, Stuck: 1}); r.Sagas != want {
		t.Errorf("sagas %+v, want %+v", r.Sagas, want)
	}
	if want := (audit.Counts{Reservations: 6, Charges: 6, Shipments: 2}); r.Effects != want {
		t.Errorf("effects %+v, want %+v", r.Effects, want)
	}
	sum := audit.Sum{Currency: "USD", Charged: "1499.94", Refunded: "249.99", Net: "1249.95", Completed: "499.98"}
	if len(r.Money) != 1 || r.Money[0] != sum {
		t.Errorf("money %+v, want %+v", r.Money, sum)
	}
	if want := (audit.Shelves{SKUs: 2, OnHand: 200, Reserved: 12}); r.Stock != want {
		t.Errorf("stock %+v, want %+v", r.Stock, want)
	}
	if len(r.Incidents) != 1 || r.Incidents[0].SagaID != "k1" || r.Incidents[0].What == "" || r.Inbox != 3 || len(r.Notes) != 0 {
		t.Errorf("incidents %+v, inbox %d, notes %q", r.Incidents, r.Inbox, r.Notes)
	}
}

// TestElsewhere: what a service of somebody else has done stands in no bucket of
// ours; whoever says so has the rest audited.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, protocol.BucketSagas, protocol.BucketInventory, protocol.BucketShipments)
	s.putAll(completed("c1"))
	s.putStock("abc123", 100)
	s.putStock("xyz789", 100)
	if r := s.audit(); r.OK() {
		t.Error("nobody misses the charge")
	}
	r, err := audit.Run(s.ctx, s.nc, audit.Terms{Find: find, Elsewhere: []string{protocol.ServicePayment}})
	must(t, err)
	if !r.OK() || len(r.Notes) != 1 {
		t.Errorf("found %+v, notes %q", r.Findings, r.Notes)
	}
}

// TestDamagedSystem has one damage of each sort, in buckets that a server keeps.
func TestDamagedSystem(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	twice := completed("twice")
	copyTo(2, 9)(twice)
	s.putAll(completed("fine"), twice)

	flipped := completed("flipped")
	s.putRows(flipped)
	record := flipped.record()
	record[indexOf(record, flipped.events[2])+40] ^= 1 // one bit of one byte
	s.putRecord(flipped, record)

	orphan := begin("orphan").fates(accept, lost)
	delete(orphan.rows, orphan.key(1))
	s.putRows(orphan)

	forgotten := begin("forgotten").fates(accept)
	s.putRows(forgotten)
	s.putRecord(forgotten, forgotten.record())

	unmarked := completed("unmarked")
	s.putRows(unmarked)
	s.put(protocol.BucketSagas, "unmarked", unmarked.record(), nil)

	s.putStock("abc123", 9) // fine, twice, flipped, forgotten and unmarked hold two each
	s.putStock("xyz789", 5)
	s.put(protocol.BucketInventory, "stock.broken", []byte(`{"sku":"broken"}`), nil)
	s.put(protocol.BucketInventory, "elsewhere", []byte(`{}`), nil)
	s.put(protocol.BucketPayments, "no-step", []byte(`{}`), nil)

	r := s.audit()
	want := []string{
		"I1  abc123 INVENTORY stock.abc123",
		"I1  broken INVENTORY stock.broken",
		"I2 twice  PAYMENTS twice.9",
		"I5   INVENTORY elsewhere",
		"I5   PAYMENTS no-step",
		"I5 orphan  PAYMENTS orphan.2",
		"I6 forgotten  no message of forgotten in the streams SAGA_INBOX and SAGA_TIMERS",
		"I7 flipped  SAGAS flipped",
		"I8 unmarked  SAGAS unmarked",
	}
	if len(r.Findings) != len(want) || r.Violations != len(want) || r.OK() {
		t.Fatalf("%d violations, found %+v", r.Violations, r.Findings)
	}
	for i, f := range r.Findings {
		if got := fmt.Sprintf("%s %s %s %s", f.Invariant, f.SagaID, f.SKU, f.Evidence); !strings.HasPrefix(got, want[i]) {
			t.Errorf("found %q, want %q", got, want[i])
		}
	}
	if !strings.Contains(r.Findings[0].What, "oversold: 10 reserved of 9 on hand") || r.Broken[audit.I5] != 3 || r.Sagas.Unprovable != 1 {
		t.Errorf("%+v, %v, %+v", r.Findings[0], r.Broken, r.Sagas)
	}
}

// TestAuditOnlyReads: a server without anything has nothing wrong, and nothing
// in it afterwards.
func TestAuditOnlyReads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.audit()
	if !r.OK() || r.Sagas.Total != 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "nothing of Amends on this server") {
		t.Errorf("%+v", r)
	}
	for name := range s.js.StreamNames(s.ctx).Name() {
		t.Errorf("the audit made stream %s", name)
	}
}

func TestMissingBuckets(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, protocol.BucketSagas, protocol.BucketInventory, protocol.BucketShipments)
	s.putAll(completed("c1"))
	s.putStock("abc123", 2)
	s.putStock("xyz789", 1)
	r := s.audit()
	wants(t, r.Findings, audit.I3)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "PAYMENTS does not exist") {
		t.Errorf("notes %q", r.Notes)
	}
	s = newSystem(t, 0, protocol.BucketPayments)
	s.putRows(completed("c1"))
	r = s.audit()
	wants(t, r.Findings, audit.I5)
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "SAGAS does not exist") {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestRetention: a record that has expired leaves effects, and no orphans.
func TestRetention(t *testing.T) {
	t.Parallel()
	for retention, want := range map[time.Duration]audit.Counts{
		time.Second: {Reservations: 1, Charges: 1, Shipments: 1, Expired: 3}, // no longer than the margin: expired at once
		time.Hour:   {Reservations: 1, Charges: 1, Shipments: 1},
	} {
		s := newSystem(t, retention, allBuckets...)
		s.putRows(completed("gone"))
		s.putStock("abc123", 2)
		s.putStock("xyz789", 1)
		r := s.audit()
		if r.OK() != (want.Expired > 0) || r.Effects != want {
			t.Errorf("retention %s: %+v, effects %+v", retention, r.Findings, r.Effects)
		}
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if r, err := audit.Run(ctx, s.nc, terms); err == nil {
		t.Errorf("audited %+v", r)
	}
}

func TestRunWithoutJetStream(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.nc.Close()
	if _, err := audit.Run(s.ctx, s.nc, terms); err == nil || !strings.Contains(err.Error(), nats.ErrConnectionClosed.Error()) {
		t.Errorf("error %v", err)
	}
}
