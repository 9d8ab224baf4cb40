package cart_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"amends/cart"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

// stage is a server with the services beside the cart on it.
type stage struct {
	testing.TB
	nats         *workertest.NATS
	client       *nats.Conn
	inventory    *inventory
	orchestrator *orchestrator
	options      cart.Options
	passed       atomic.Int64         // what the clock of the carts is ahead by
	tick         func(now *nats.Conn) // called with the connection of a replica that reads the clock; may be nil
}

func newStage(t testing.TB) *stage {
	t.Helper()
	n := workertest.Server(t)
	s := &stage{TB: t, nats: n, client: n.Connect(t)}
	s.inventory, s.orchestrator = openInventory(t, n.Connect(t)), openOrchestrator(t, n.Connect(t))
	// Those who look after what others left do so when the test wants it.
	s.options = cart.Options{Patience: time.Hour}
	return s
}

func (s *stage) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// replica starts a replica of the cart, for the rest of the test or until it is
// killed: then whatever it does stays undone.
func (s *stage) replica() (kill func(), cfg worker.Config) {
	s.Helper()
	cfg = s.nats.Config(s)
	cfg.Now = func() time.Time {
		if s.tick != nil {
			s.tick(cfg.Conn)
		}
		return time.Now().Add(time.Duration(s.passed.Load()))
	}
	service, err := cart.NewWith(cfg, s.options)
	s.must(err)
	s.must(service.Start(s.soon()))
	stopped := false
	s.Cleanup(func() {
		if !stopped {
			s.must(service.Stop(s.soon()))
		}
	})
	return func() {
		stopped = true
		cfg.Conn.Close()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = service.Stop(now) // it says that commands are in work
	}, cfg
}

// ask sends a request and returns the answer.
func (s *stage) ask(subject string, request any) string {
	s.Helper()
	m, err := s.client.Request(subject, encode(s, request), patience)
	s.must(err)
	return string(m.Data)
}

func owner(user string) protocol.CartOwner { return protocol.CartOwner{UserID: user} }

func (s *stage) add(user, sku string, quantity int64) string {
	s.Helper()
	return s.ask(protocol.SubjectCartAdd, protocol.CartAdd{CartOwner: owner(user), SKU: sku, Quantity: quantity})
}

func (s *stage) checkout(user string) string {
	s.Helper()
	return s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{CartOwner: owner(user), ShippingAddress: "123 Main St"})
}

func (s *stage) cart(user string) (c protocol.Cart) {
	s.Helper()
	s.must(json.Unmarshal([]byte(s.ask(protocol.SubjectCart, protocol.CartGet{CartOwner: owner(user)})), &c))
	if c.Type != protocol.TypeCart || c.UserID != user {
		s.Errorf("got %+v", c)
	}
	return c
}

// holds fails the test unless the cart of u42 has just these lines, as
// "abc123=2 xyz789=1".
func (s *stage) holds(want string) {
	s.Helper()
	if got := inWords(s.cart("u42").Items); got != want {
		s.Errorf("the cart holds %q, want %q", got, want)
	}
}

func inWords(items []protocol.Line) string {
	var words []string
	for _, line := range items {
		words = append(words, line.SKU+"="+string(encode(nil, line.Quantity)))
	}
	return strings.Join(words, " ")
}

// says fails the test unless an answer holds a text.
func (s *stage) says(answer, want string) {
	s.Helper()
	if !strings.Contains(answer, want) {
		s.Errorf("got %s, want %s", answer, want)
	}
}

// record reads the record of u42, and whether there is one.
func (s *stage) record() (c cart.Cart, header nats.Header) {
	s.Helper()
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.soon(), protocol.BucketStream(protocol.BucketCarts))
	s.must(err)
	m, err := stream.GetLastMsgForSubject(s.soon(), protocol.BucketSubject(protocol.BucketCarts, "u42"))
	s.must(err)
	s.must(json.Unmarshal(m.Data, &c))
	return c, m.Header
}

// eventually waits until something is so. It looks at the record, since asking
// the cart would help it along.
func (s *stage) eventually(what string, is func(cart.Cart) bool) {
	s.Helper()
	for until := time.Now().Add(patience); ; {
		c, _ := s.record()
		if is(c) {
			return
		}
		if time.Now().After(until) {
			s.Fatalf("waited in vain until %s: %+v", what, c)
		}
		<-time.After(2 * time.Millisecond)
	}
}
