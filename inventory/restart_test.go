package inventory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestRestart: a service is ready in time after a restart of everything, and
// knows what it knew (S3-18). What has ended costs a start nothing once the
// horizon is beyond it, and never any memory.
func TestRestart(t *testing.T) {
	if workertest.Alone(t, participant) {
		return
	}
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
			total := workertest.Many(t)
			load(t, n.Config(t), inventory.Stock{SKU: "a", OnHand: 1e9})
			fill(t, n, total, test.status)
			if test.twice {
				passHorizon(t, n, uint64(total))
			}
			reborn := n.Revive(t, "TestRestart")
			nc := reborn.Conn
			var reserved int64
			if test.status == inventory.Active {
				reserved = int64(total)
			}
			if most := fewMB + reserved*perReservation; reborn.Heap > most {
				t.Errorf("%d bytes are held, want at most %d", reborn.Heap, most)
			}
			expectLevel(t, nc, "a", 1e9, reserved)
			expect(t, nc, protocol.SubjectReserve, reserve("next", protocol.Line{SKU: "a", Quantity: 1}), protocol.SuffixOK, "")
			expectLevel(t, nc, "a", 1e9, reserved+1)
		})
	}
}

// fewMB is what a service may hold in memory that has nothing to do with how much
// its store holds, and perReservation what it may for each active one, in bytes.
const fewMB, perReservation = 16 << 20, 300

// fill stores reservations as the service stores them.
func fill(t *testing.T, n *workertest.NATS, total int, status inventory.Status) {
	t.Helper()
	at := time.Now()
	expires := at.Add(time.Hour).UnixMicro()
	workertest.Fill(t, n, protocol.BucketInventory, total, func(i int) (string, []byte, nats.Header) {
		saga := fmt.Sprintf("saga-%07d", i)
		order := reserve(saga, protocol.Line{SKU: "a", Quantity: 1})
		line := "r-" + saga + "-1-1"
		row := inventory.Reservation{
			Status: status, ReservedAt: at.UnixMicro(), ExpiresAt: expires,
			Lines: []inventory.Hold{{SKU: "a", Quantity: 1, ReservationID: line}},
		}
		ok := protocol.ReserveInventoryOK{
			ReservationID: "r-" + saga + "-1", Reservations: []protocol.Reservation{{SKU: "a", ReservationID: line}},
		}
		digest := "-"
		if status == inventory.Active {
			digest = fmt.Sprintf("%d %d 0 a=1+0", at.UnixMicro(), expires)
		}
		return "reservation." + saga + ".1", workertest.Stored(t, order, row, ok), nats.Header{
			protocol.HeaderDigest: {digest}, jetstream.MsgIDHeader: {"gSOQ7NHX0jFhDC6iLH0UPu." + strconv.Itoa(i)},
		}
	})
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
