package cart_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/cart"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"
)

// TestS3_06_TheSameProductAddsUp, in the order in which products came.
func TestS3_06_TheSameProductAddsUp(t *testing.T) {
	s := newStage(t)
	s.replica()
	for _, c := range []struct{ say, hear string }{
		{`{"client_id":"u42","sku":"abc123","quantity":2}`, `{"type":"cart","user_id":"u42","version":1,"items":[{"sku":"abc123","quantity":2}]}`},
		{`{"user_id":"u42","sku":"xyz789","quantity":1}`, `{"type":"cart","user_id":"u42","version":2,"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}]}`},
		{`{"user_id":"u42","sku":"abc123","quantity":3}`, `{"type":"cart","user_id":"u42","version":3,"items":[{"sku":"abc123","quantity":5},{"sku":"xyz789","quantity":1}]}`},
	} {
		m, err := s.client.Request(protocol.SubjectCartAdd, []byte(c.say), patience)
		s.must(err)
		if string(m.Data) != c.hear {
			t.Errorf("%s\ngot  %s\nwant %s", c.say, m.Data, c.hear)
		}
	}
	s.says(s.ask(protocol.SubjectCart, protocol.CartGet{CartOwner: owner("nobody")}), `{"type":"cart","user_id":"nobody","version":0,"items":[]}`)
}

// TestS3_25_NeverAFalseSuccess: what the inventory has not, or does not say, is not
// added, and the answer is no success.
func TestS3_25_NeverAFalseSuccess(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "xyz789", 4)
	before := s.cart("u42")
	const no = `{"type":"cart_failed","user_id":"u42","error":"%s","message":"%s","sku":"%s"%s,"version":1}`
	for _, c := range []struct {
		sku      string
		quantity int64
		want     string
	}{
		{"xyz789", 2, fmt.Sprintf(no, "not_enough_inventory", "Not enough inventory", "xyz789", `,"available":5`)},
		{"abc123", 101, fmt.Sprintf(no, "not_enough_inventory", "Not enough inventory", "abc123", `,"available":100`)},
		{"product4", 1, fmt.Sprintf(no, "not_enough_inventory", "Not enough inventory", "product4", `,"available":0`)},
		{"taken", 1, fmt.Sprintf(no, "not_enough_inventory", "Not enough inventory", "taken", `,"available":0`)},
		{"nothing", 1, fmt.Sprintf(no, "unknown_sku", "There is no such product", "nothing", "")},
	} {
		if got := s.add("u42", c.sku, c.quantity); got != c.want {
			t.Errorf("%d of %s\ngot  %s\nwant %s", c.quantity, c.sku, got, c.want)
		}
	}
	for _, answer := range []string{
		"silence", "nonsense", "[]", "{}", `{"type":"stock","sku":"abc123"}`, `{"type":"stock","sku":"other","available":9}`,
		`{"type":"stock","sku":"abc123","available":"9"}`,
		`{"type":"error","code":"unavailable","message":"later"}`, `{"type":"error","code":"internal","message":"oh"}`,
	} {
		s.inventory.saying(answer)
		s.says(s.add("u42", "abc123", 1), `"code":"unavailable"`)
	}
	if after := s.cart("u42"); after.Version != before.Version || inWords(after.Items) != "xyz789=4" {
		t.Errorf("the cart was %+v and is %+v", before, after)
	}
}

// TestNoInventoryIsUnavailable, at once.
func TestNoInventoryIsUnavailable(t *testing.T) {
	n := workertest.Server(t)
	s := &stage{TB: t, nats: n, client: n.Connect(t)}
	s.replica()
	s.says(s.add("u42", "abc123", 1), `"code":"unavailable"`)
}

func TestRemove(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.add("u42", "abc123", 5)
	s.add("u42", "xyz789", 2)
	remove := func(sku string, quantity int64) string {
		return s.ask(protocol.SubjectCartRemove, protocol.CartRemove{CartOwner: owner("u42"), SKU: sku, Quantity: quantity})
	}
	remove("abc123", 2)
	s.holds("abc123=3 xyz789=2")
	remove("xyz789", 0)
	s.holds("abc123=3")
	remove("nothing", 1)
	s.inventory.saying("silence") // taking out needs no inventory
	remove("abc123", 1000)
	s.holds("")
	if c := s.cart("u42"); c.Version != 5 {
		t.Errorf("the version is %d after five changes", c.Version)
	}
}

// TestBounds: whatever lies in a cart can be bought as one order.
func TestBounds(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.inventory.levels["many"] = 1 << 40
	s.add("u42", "many", protocol.MaxQuantity)
	s.says(s.add("u42", "many", 1), `"error":"cart_full","message":"a cart holds at most 1000 pieces of a product","sku":"many"`)
	for i := range protocol.MaxLines - 1 {
		sku := fmt.Sprintf("sku%d", i)
		s.inventory.levels[sku] = 1
		s.says(s.add("u42", sku, 1), `{"type":"cart",`)
	}
	s.says(s.add("u42", "abc123", 1), `"error":"cart_full","message":"a cart holds at most 100 products","sku":"abc123"`)
	// What is being bought may come back.
	s.orchestrator.set(func() { s.orchestrator.ends = "" })
	s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{CartOwner: owner("u42"), WaitMS: new(int64)})
	s.says(s.add("u42", "many", 1), `"error":"cart_full"`)
	s.says(s.add("u42", "abc123", 1), `"error":"cart_full"`)
	s.orchestrator.set(func() { s.orchestrator.end(s.orchestrator.startedLocked(), protocol.StatusCompleted) })
	s.says(s.add("u42", "many", 1), `{"type":"cart",`)
}

// TestS3_13_RequestsAreCarriedOutOnce, by whichever replica gets them.
func TestS3_13_RequestsAreCarriedOutOnce(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.replica()
	add := protocol.CartAdd{CartOwner: owner("u42"), SKU: "abc123", Quantity: 2, RequestID: "r1"}
	for range 5 {
		s.says(s.ask(protocol.SubjectCartAdd, add), `"version":1,"items":[{"sku":"abc123","quantity":2}]`)
	}
	remove := protocol.CartRemove{CartOwner: owner("u42"), SKU: "abc123", Quantity: 1, RequestID: "r2"}
	for range 5 {
		s.says(s.ask(protocol.SubjectCartRemove, remove), `"version":2,"items":[{"sku":"abc123","quantity":1}]`)
	}
	other := add
	other.Quantity = 3
	s.says(s.ask(protocol.SubjectCartAdd, other), `"code":"idempotency_conflict","message":"was used before for another change of this cart","field":"request_id"`)
	remove.RequestID = "r1"
	s.says(s.ask(protocol.SubjectCartRemove, remove), `"code":"idempotency_conflict"`)
	s.says(s.ask(protocol.SubjectCartAdd, protocol.CartAdd{CartOwner: owner("u43"), SKU: "abc123", Quantity: 3, RequestID: "r1"}), `"user_id":"u43"`)
	s.holds("abc123=1")
}

// TestTwoReplicasLoseNothing: many add to one cart at once, over two replicas.
func TestTwoReplicasLoseNothing(t *testing.T) {
	s := newStage(t)
	s.replica()
	s.replica()
	const clients, each = 10, 10
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range each {
				if got := s.add("u42", "abc123", 1); !strings.HasPrefix(got, `{"type":"cart",`) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	all.Wait()
	s.holds("abc123=100")
	s.says(s.add("u42", "abc123", 1), `"error":"not_enough_inventory"`)
}

// TestABrokenConnectionLosesNothing and does nothing twice: the client repeats
// what has no answer, by the same request_id.
func TestABrokenConnectionLosesNothing(t *testing.T) {
	s := newStage(t)
	_, cfg := s.replica()
	calm := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-calm:
				return
			case <-time.After(10 * time.Millisecond):
				s.must(cfg.Conn.ForceReconnect())
			}
		}
	})
	for i := range 30 {
		request := encode(t, protocol.CartAdd{CartOwner: owner("u42"), SKU: "abc123", Quantity: 1, RequestID: fmt.Sprintf("r%d", i)})
		for until := time.Now().Add(patience); ; {
			m, err := s.client.Request(protocol.SubjectCartAdd, request, 500*time.Millisecond)
			if err == nil && strings.HasPrefix(string(m.Data), `{"type":"cart",`) {
				break
			}
			if time.Now().After(until) {
				t.Fatal("no answer")
			}
		}
	}
	close(calm)
	storm.Wait()
	for until := time.Now().Add(patience); ; {
		m, err := s.client.Request(protocol.SubjectCart, []byte(`{"user_id":"u42"}`), 500*time.Millisecond)
		if err == nil && strings.Contains(string(m.Data), `"items":[{"sku":"abc123","quantity":30}]`) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("got %v, %v", m, err)
		}
	}
}

// TestBadInput is refused with the code and field of protocol, and stores nothing.
func TestBadInput(t *testing.T) {
	s := newStage(t)
	s.replica()
	for _, c := range []struct{ subject, say, want string }{
		{protocol.SubjectCartAdd, `{"user_id":"a.b","sku":"abc123","quantity":1}`, `"code":"invalid_id"`},
		{protocol.SubjectCartAdd, `{"user_id":">","sku":"abc123","quantity":1}`, `"code":"invalid_id"`},
		{protocol.SubjectCartAdd, `{"user_id":"u42","sku":"a b","quantity":1}`, `"field":"sku"`},
		{protocol.SubjectCartAdd, `{"user_id":"u42","sku":"abc123","quantity":-1}`, `"field":"quantity"`},
		{protocol.SubjectCartRemove, `{"user_id":"u42"}`, `"code":"missing_field","message":"is required","field":"sku"`},
		{protocol.SubjectCart, `{"user_id":"4111111111111111"}`, `"code":"invalid_field"`},
		{protocol.SubjectCart, `cart!`, `"code":"malformed_request"`},
		{protocol.SubjectCartCheckout, `{"user_id":"u42","user_id":"u43"}`, `"code":"duplicate_field"`},
		{protocol.SubjectCartCheckout, `{"user_id":"u42","amount":-1}`, `"field":"amount"`},
		{protocol.SubjectCartCheckout, `{"user_id":"u42","x":"` + strings.Repeat("x", protocol.MaxRequestBytes) + `"}`, `"code":"too_large"`},
	} {
		m, err := s.client.Request(c.subject, []byte(c.say), patience)
		s.must(err)
		s.says(string(m.Data), c.want)
		if m.Header.Get(micro.ErrorCodeHeader) == "" {
			t.Errorf("%s %s: the answer is not marked as an error", c.subject, c.say)
		}
	}
	if started := s.orchestrator.started(); len(started) != 0 {
		t.Errorf("started %v", started)
	}
}

// TestS3_12_ReplicasShareOneService as `nats micro ls` shows it.
func TestS3_12_ReplicasShareOneService(t *testing.T) {
	s := newStage(t)
	s.replica()
	m, err := s.client.Request("$SRV.INFO.cart", nil, patience)
	s.must(err)
	for _, subject := range []string{protocol.SubjectCartAdd, protocol.SubjectCartRemove, protocol.SubjectCart, protocol.SubjectCartCheckout} {
		s.says(string(m.Data), `"subject":"`+subject+`","queue_group":"cart"`)
	}
}

func TestOptions(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	for _, o := range []cart.Options{{Retention: time.Millisecond}, {Retention: -1}, {Patience: -1}} {
		if _, err := cart.NewWith(cfg, o); err == nil {
			t.Errorf("took %+v", o)
		}
	}
	if _, err := cart.New(worker.Config{}); err == nil {
		t.Error("took a configuration without a connection")
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	s := newStage(t)
	cfg := s.nats.Config(t)
	run := func() {
		service, err := cart.New(cfg)
		s.must(err)
		s.must(service.Start(s.soon()))
		s.says(s.add("u42", "abc123", 1), `{"type":"cart",`)
		for range 2 {
			s.must(service.Stop(s.soon()))
		}
	}
	run() // the server and the connection start what stays
	before := goleak.IgnoreCurrent()
	run()
	// The server keeps a follower for a while after it has gone.
	const consumer = "github.com/nats-io/nats-server/v2/server.(*consumer)."
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction(consumer+"processInboundNextMsgReqs"),
		goleak.IgnoreTopFunction(consumer+"processInboundAcks"), goleak.IgnoreTopFunction(consumer+"loopAndGatherMsgs"))
}
