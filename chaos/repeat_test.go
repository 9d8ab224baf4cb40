package chaos_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestRepeats: the same saga_id with the same content is the same saga, while it
// runs, after its end and after a restart; with other content it is a conflict
// that changes nothing (A7, X7, I10, S0-06).
func TestRepeats(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	parts := s.startAll(splitRoles...)
	nc := s.connect()
	first := askAtOnce(t, s, nc)
	isSame(t, "after its end", first, ask(t, nc, protocol.SubjectStart, checkout("popular", "")))
	isConflict(t, "after its end", ask(t, nc, protocol.SubjectStart, otherContent("popular")))

	server, orchestrator, payment := parts[0], parts[1], parts[3]
	for _, p := range []*process{server, orchestrator} {
		p.kill()
		p.launch()
		p.ready()
	}
	eventually(t, "the client is back", slowly, nc.IsConnected)
	isSame(t, "after a restart", first, ask(t, nc, protocol.SubjectStart, checkout("popular", "")))
	isConflict(t, "after a restart", ask(t, nc, protocol.SubjectStart, otherContent("popular")))

	payment.kill()
	askWhileItRuns(t, nc)
	payment.launch()
	payment.ready()
	awaitCompleted(t, nc, "waiting")
	awaitCompleted(t, nc, "impatient")
	audit(t, s)
}

// askAtOnce has 20 clients start the same checkout at the same time: one charge,
// and one answer for all.
func askAtOnce(t *testing.T, s *site, nc *nats.Conn) answer {
	t.Helper()
	charges := lastSequence(t, nc, protocol.BucketStream(protocol.BucketPayments))
	const asking = 20
	answers := make([]answer, asking)
	var all sync.WaitGroup
	for n := range asking {
		client := s.connect()
		all.Go(func() {
			reply, err := client.Request(protocol.SubjectStart, []byte(checkout("popular", fmt.Sprintf(`,"msg_id":%d`, n))), slowly)
			if err != nil {
				t.Errorf("client %d: %v", n, err)
				return
			}
			if err := json.Unmarshal(reply.Data, &answers[n]); err != nil {
				t.Errorf("client %d: %v", n, err)
			}
		})
	}
	all.Wait()
	for n, a := range answers {
		isSame(t, "at the same time", answers[0], a)
		if string(a.InReplyTo) != fmt.Sprint(n) {
			t.Errorf("request %d was answered as %s", n, a.InReplyTo)
		}
	}
	if n := lastSequence(t, nc, protocol.BucketStream(protocol.BucketPayments)) - charges; n != 1 {
		t.Errorf("%d clients with one checkout made %d entries in the book of payments", asking, n)
	}
	return answers[0]
}

// askWhileItRuns starts checkouts that cannot end yet: the payment service is
// away.
func askWhileItRuns(t *testing.T, nc *nats.Conn) {
	t.Helper()
	a := ask(t, nc, protocol.SubjectStart, checkout("impatient", `,"wait_ms":0,"msg_id":"at once"`))
	isAccepted(t, a, `"at once"`, 0, 3*time.Second)
	// The default is 4 s, shorter than the 5 s of the nats command.
	a = ask(t, nc, protocol.SubjectStart, checkout("waiting", `,"msg_id":7`))
	isAccepted(t, a, `7`, 3500*time.Millisecond, 10*time.Second)
	a = ask(t, nc, protocol.SubjectStart, checkout("waiting", `,"wait_ms":300,"msg_id":8`))
	isAccepted(t, a, `8`, 250*time.Millisecond, 5*time.Second)
	isConflict(t, "while it runs", ask(t, nc, protocol.SubjectStart, otherContent("waiting")))
}

func isSame(t *testing.T, when string, want, got answer) {
	t.Helper()
	if got.Type != protocol.TypeCheckoutComplete || got.OrderID == "" || got.OrderID != want.OrderID || got.Status != want.Status {
		t.Errorf("the same request %s is answered %+v, not %+v", when, got, want)
	}
}

func isConflict(t *testing.T, when string, got answer) {
	t.Helper()
	if got.Code != protocol.CodeSagaIDConflict || got.Field != "saga_id" {
		t.Errorf("other content %s is answered %+v", when, got)
	}
}

// isAccepted checks that a checkout still runs, and that the answer came within
// a time, which is generous: the machine may be busy.
func isAccepted(t *testing.T, a answer, inReplyTo string, least, most time.Duration) {
	t.Helper()
	if a.Type != protocol.TypeCheckoutAccepted || a.Status != protocol.StatusPending || string(a.InReplyTo) != inReplyTo {
		t.Errorf("a checkout that runs is answered %+v", a)
	}
	if a.took < least || a.took > most {
		t.Errorf("the answer to %s came after %v, not within %v and %v", inReplyTo, a.took, least, most)
	}
}

// otherContent is a request of another address than checkout makes.
func otherContent(sagaID string) string {
	return fmt.Sprintf(`{"saga_id":%q,"user_id":"u42","items":[{"sku":"abc123","quantity":1}],"shipping_address":"124 Main St","wait_ms":100}`, sagaID)
}

// lastSequence is how far a stream reaches: it moves with every message stored.
func lastSequence(t *testing.T, nc *nats.Conn, stream string) uint64 {
	t.Helper()
	return streamState(t, nc, stream).LastSeq
}

func streamState(t *testing.T, nc *nats.Conn, stream string) jetstream.StreamState {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatalf("looking at stream %s: %v", stream, err)
	}
	return handle.CachedInfo().State
}
