package shipping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/protocol"
	"amends/shipping"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// mostHeap is what the service may hold in memory, however much its store holds, in
// bytes.
const mostHeap = 16 << 20

// TestRestart: a store of many labels costs a restart neither time nor memory, and
// all that was known is known.
func TestRestart(t *testing.T) {
	if workertest.Alone(t, participant) {
		return
	}
	n := workertest.SyncedServer(t, 100*time.Millisecond)
	workertest.Halt(t, workertest.Start(t, participant, n.Config(t))) // it makes the bucket
	total := workertest.Many(t)
	label := func(saga string) (shipping.Shipment, protocol.CreateShipmentOK) {
		row, ok, _ := shipping.Create(create(saga, "123 Main St"), workertest.Now)
		return row, ok
	}
	workertest.Fill(t, n, protocol.BucketShipments, total, func(i int) (string, []byte, nats.Header) {
		saga := fmt.Sprintf("saga-%07d", i)
		row, ok := label(saga)
		return saga + ".3", workertest.Stored(t, create(saga, ""), row, ok), nil
	})
	reborn := n.Revive(t, "TestRestart")
	if reborn.Heap > mostHeap {
		t.Errorf("%d bytes are held, want at most %d", reborn.Heap, int64(mostHeap))
	}
	last := fmt.Sprintf("saga-%07d", total-1)
	_, made := label(last)
	number := made.TrackingNumber
	if got := ask(t, reborn.Conn, protocol.SubjectShipment, shipping.Query{SagaID: last, Step: 3}); !strings.Contains(got, `"status":"created"`) {
		t.Errorf("got %s", got)
	}
	if got := ask(t, reborn.Conn, protocol.SubjectCancelShipment, cancel(last)); !strings.Contains(got, "CancelShipment_ok") {
		t.Errorf("got %s", got)
	}

	// Finding one by its number reads them all, once.
	begin := time.Now()
	found := ""
	for until := begin.Add(patience); !strings.Contains(found, `"type":"shipment"`) && time.Now().Before(until); {
		found = ask(t, reborn.Conn, protocol.SubjectShipment, shipping.Query{TrackingNumber: number})
	}
	if !strings.Contains(found, `"saga_id":"`+last+`"`) {
		t.Errorf("got %s", found)
	}
	t.Logf("the first look for a number took %s", time.Since(begin).Round(time.Millisecond))
}
