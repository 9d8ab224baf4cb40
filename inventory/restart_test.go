package inventory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// rows is how many reservations the store holds in the tests of a restart. A
// million is the figure of the decision record: AMENDS_ROWS=1000000.
func rows(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("AMENDS_ROWS"))
	if err != nil || n < 1 {
		n = 30_000
	}
	if testing.Short() {
		n = min(n, 15_000)
	}
	return n
}

// readyIn is how soon a service must be ready, whatever its store holds.
const readyIn = 10 * time.Second

// TestRestart: a service is ready in time after a restart of everything, and
// knows what it knew (S3-18). What has ended costs a start nothing once the
// horizon is beyond it, and never any memory.
func TestRestart(t *testing.T) {
	for name, test := range map[string]struct {
		status inventory.Status
		twice  bool // a service has run before
	}{
		"all have ended, and nobody has read them": {inventory.Released, false},
		"all have ended": {inventory.Released, true},
		"all are active": {inventory.Active, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := workertest.SyncedServer(t, 100*time.Millisecond)
			total := rows(t)
			load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 1e9})
			fill(t, n, total, test.status)
			if test.twice {
				passHorizon(t, n, uint64(total))
			}
			n.Stop()
			begin := time.Now()
			n.Start(t)
			server := time.Since(begin)
			cfg := n.Config(t)
			begin, before := time.Now(), cpuTime(t)
			start(t, cfg)
			ready, used := time.Since(begin), cpuTime(t)-before
			nc := n.Connect(t)
			var reserved int64
			if test.status == inventory.Active {
				reserved = int64(total)
			}
			expectLevel(t, nc, "a", 1e9, reserved)
			t.Logf("%d rows: the server is ready in %s, the service in %s, for which both used %s of the processors",
				total, server.Round(time.Millisecond), ready.Round(time.Millisecond), used.Round(time.Millisecond))
			if ready > readyIn {
				t.Errorf("ready after %s, want %s", ready, readyIn)
			}
			expect(t, nc, protocol.SubjectReserve, reserve("next", protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixOK, "")
			expectLevel(t, nc, "a", 1e9, reserved+1)
		})
	}
}

// fill stores reservations as the service stores them.
func fill(t *testing.T, n *workertest.NATS, total int, status inventory.Status) {
	t.Helper()
	js, err := jetstream.New(n.Connect(t), jetstream.WithPublishAsyncMaxPending(1000))
	must(t, err)
	at := time.Now()
	for i := range total {
		saga := fmt.Sprintf("saga-%07d", i)
		reply := fmt.Sprintf(`{"type":"ReserveInventory_ok","saga_id":%q,"step":1,"reservations":[{"sku":"a","reservation_id":"r-%s-1-1"}],"reservation_id":"r-%s-1"}`, saga, saga, saga)
		m := worker.Memory[inventory.Reservation]{
			SagaID: saga, Step: 1,
			Fence: worker.Fence{Action: &worker.Verdict{
				Hash: "0123456789abcdef0123456789abcdef", Accepted: true, At: at.UnixMicro(), Reply: json.RawMessage(reply),
			}},
			Effect: &inventory.Reservation{
				Status: status, ReservedAt: at.UnixMicro(), ExpiresAt: at.Add(time.Hour).UnixMicro(),
				Lines: []inventory.Hold{{SKU: "a", Quantity: 1, ReservationID: "r-" + saga + "-1-1"}},
			},
		}
		digest := "-"
		if status == inventory.Active {
			digest = fmt.Sprintf("%d %d 0 a=1+0", m.Effect.ReservedAt, m.Effect.ExpiresAt)
		}
		_, err := js.PublishMsgAsync(&nats.Msg{
			Subject: protocol.BucketSubject(protocol.BucketInventory, "reservation."+saga+".1"), Data: encoded(t, m),
			Header: nats.Header{protocol.HeaderDigest: {digest}, jetstream.MsgIDHeader: {"gSOQ7NHX0jFhDC6iLH0UPu." + strconv.Itoa(i)}},
		}, jetstream.WithStallWait(patience))
		must(t, err)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(10 * patience):
		t.Fatal("the rows could not be stored")
	}
}

// passHorizon runs a service until its horizon is beyond a sequence number.
func passHorizon(t *testing.T, n *workertest.NATS, sequence uint64) {
	t.Helper()
	s := workertest.Start(t, participant, n.Config(t))
	js, err := jetstream.New(n.Connect(t))
	must(t, err)
	kv, err := js.KeyValue(soon(t), protocol.BucketInventory)
	must(t, err)
	for until := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		var horizon struct{ Sequence uint64 }
		entry, err := kv.Get(soon(t), "horizon")
		if err == nil {
			must(t, json.Unmarshal(entry.Value(), &horizon))
		} else if !errors.Is(err, jetstream.ErrKeyNotFound) {
			t.Fatal(err)
		}
		if horizon.Sequence >= sequence {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the horizon is at %d, not beyond %d", horizon.Sequence, sequence)
		}
	}
	workertest.Halt(t, s)
}
