package payment_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/payment"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// mostHeap is what the service may hold in memory, however much its store holds, in
// bytes.
const mostHeap = 16 << 20

// TestRestart: a store of many payments costs a restart neither time nor memory,
// and all that was known is known.
func TestRestart(t *testing.T) {
	if workertest.Alone(t, participant) {
		return
	}
	n := workertest.SyncedServer(t, 100*time.Millisecond)
	workertest.Halt(t, workertest.Start(t, participant, n.Config(t))) // it makes the bucket
	total := workertest.Many(t)
	amount := protocol.Money{Minor: 24999, Currency: "USD"}
	workertest.Fill(t, n, protocol.BucketPayments, total, func(i int) (string, []byte, nats.Header) {
		cmd := charge(fmt.Sprintf("saga-%07d", i), "u42", "249.99")
		paid, err := payment.Finish(payment.BeginCharge(cmd.Command, cmd.UserID, amount), cmd.Command,
			payment.Receipt{State: payment.Approved, TransactionID: "t-" + cmd.SagaID}, workertest.Now)
		if err != nil {
			t.Fatal(err)
		}
		return cmd.SagaID + ".2", workertest.Stored(t, cmd, *paid.Row, paid.OK), nil
	})
	reborn := n.Revive(t, "TestRestart")
	if reborn.Heap > mostHeap {
		t.Errorf("%d bytes are held, want at most %d", reborn.Heap, int64(mostHeap))
	}
	last := fmt.Sprintf("saga-%07d", total-1)
	say := func(subject string, message any) string {
		t.Helper()
		m, err := reborn.Conn.Request(subject, encoded(t, message), patience)
		if err != nil {
			t.Fatal(err)
		}
		return string(m.Data)
	}
	if got := say(protocol.SubjectPayment, map[string]any{"saga_id": last, "step": 2}); !strings.Contains(got, `"status":"captured"`) {
		t.Errorf("got %s", got)
	}
	if got := say(protocol.SubjectRefund, refund(last)); !strings.Contains(got, "RefundPayment_ok") {
		t.Errorf("got %s", got)
	}
}

func encoded(t testing.TB, message any) []byte {
	t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
