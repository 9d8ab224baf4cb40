package cart_test

import (
	"sync/atomic"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// writes is how much was ever written to the bucket of carts.
func (s *stage) writes() uint64 {
	js, err := jetstream.New(s.client)
	s.must(err)
	stream, err := js.Stream(s.soon(), protocol.BucketStream(protocol.BucketCarts))
	s.must(err)
	return stream.CachedInfo().State.LastSeq
}

// TestD25_KilledBeforeItAnswers: a replica dies between storing a change and
// answering. Whoever asks again, by the same name, is told what was done, by
// another replica, and nothing is done twice.
func TestD25_KilledBeforeItAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		subject, say, hear string
		stores             uint64 // values before the answer
	}{
		"add": {
			protocol.SubjectCartAdd, `{"user_id":"u42","sku":"abc123","quantity":2,"request_id":"r1"}`,
			`{"type":"cart","user_id":"u42","version":2,"items":[{"sku":"xyz789","quantity":1},{"sku":"abc123","quantity":2}]}`, 1,
		},
		"remove": {
			protocol.SubjectCartRemove, `{"user_id":"u42","sku":"xyz789","request_id":"r1"}`,
			`{"type":"cart","user_id":"u42","version":2,"items":[]}`, 1,
		},
		"checkout": {
			protocol.SubjectCartCheckout, `{"user_id":"u42","version":1,"shipping_address":"123 Main St"}`, "", 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			var armed atomic.Uint64 // the length of the bucket at which the replica dies
			dead := make(chan struct{})
			s.tick = func(nc *nats.Conn) {
				if at := armed.Load(); at > 0 && s.writes() >= at && armed.CompareAndSwap(at, 0) {
					nc.Close()
					close(dead)
				}
			}
			kill, _ := s.replica()
			s.add("u42", "xyz789", 1)
			armed.Store(s.writes() + c.stores)
			s.must(s.client.PublishRequest(c.subject, s.client.NewInbox(), []byte(c.say)))
			select {
			case <-dead:
			case <-time.After(patience):
				t.Fatal("the replica did not die")
			}
			kill()
			stored := s.writes()
			s.replica()
			first := s.once(c.subject, c.say)
			if again := s.once(c.subject, c.say); again != first || c.hear != "" && first != c.hear {
				t.Errorf("got %s, then %s; want %s", first, again, c.hear)
			}
			if name == "checkout" {
				s.says(first, `"type":"checkout_complete"`)
			}
			if now := s.writes(); now != stored {
				t.Errorf("%d values were written when the request came again", now-stored)
			}
			if n := s.startsOf(); n > 1 {
				t.Errorf("the saga was asked for %d times", n)
			}
		})
	}
}

// once sends a message as it is, and returns the answer.
func (s *stage) once(subject, body string) string {
	s.Helper()
	m, err := s.client.Request(subject, []byte(body), patience)
	s.must(err)
	return string(m.Data)
}
