package cart_test

import (
	"testing"
	"time"

	"amends/cart"
	"amends/protocol"
)

// abandoned is a cart whose replica was killed when it had asked for the saga of a
// checkout; how the orchestrator took that is for the test to say.
func abandoned(t *testing.T, mood func(o *orchestrator)) *stage {
	t.Helper()
	s := newStage(t)
	kill, _ := s.replica()
	s.add("u42", "abc123", 2)
	s.orchestrator.set(func() { mood(s.orchestrator) })
	s.must(s.client.PublishRequest(protocol.SubjectCartCheckout, s.client.NewInbox(), []byte(`{"user_id":"u42","wait_ms":60000}`)))
	<-s.orchestrator.heard
	kill()
	if c, _ := s.record(); c.Checkout == nil || len(c.Items) != 0 {
		t.Fatalf("the record is %+v", c)
	}
	s.orchestrator.set(func() {
		s.orchestrator.deaf, s.orchestrator.mute, s.orchestrator.ends = false, false, protocol.StatusCompleted
	})
	s.options.Patience = 30 * time.Millisecond
	return s
}

// Moods of an orchestrator when a replica is killed.
func deaf(o *orchestrator)      { o.deaf = true }
func mute(o *orchestrator)      { o.mute = true }
func undecided(o *orchestrator) { o.ends = "" }

// isSettled tells a cart without a checkout that holds so many lines.
func isSettled(lines int) func(cart.Cart) bool {
	return func(c cart.Cart) bool { return c.Checkout == nil && len(c.Items) == lines }
}

// startsOf drains the starts that the orchestrator has heard.
func (s *stage) startsOf() (n int) {
	for {
		select {
		case <-s.orchestrator.heard:
			n++
		default:
			return n
		}
	}
}

// TestS3_07_ACrashBeforeTheEmptying: a restart finishes it, without being asked,
// in either way.
func TestS3_07_ACrashBeforeTheEmptying(t *testing.T) {
	for status, lines := range map[string]int{protocol.StatusCompleted: 0, protocol.StatusAborted: 1} {
		t.Run(status, func(t *testing.T) {
			s := abandoned(t, undecided)
			s.end(status)
			s.replica()
			s.eventually("the restart has finished it", isSettled(lines))
			if c, _ := s.record(); c.Last == nil || c.Last.Status != status {
				t.Errorf("the record is %+v", c)
			}
			if n := s.startsOf(); n != 0 {
				t.Errorf("the saga was asked for %d times more", n)
			}
		})
	}
}

// TestALivingReplicaFinishes what a dead one has left, also a saga that ends long
// after.
func TestALivingReplicaFinishes(t *testing.T) {
	s := newStage(t)
	s.options.Patience = 50 * time.Millisecond
	kill, _ := s.replica()
	s.replica()
	s.add("u42", "abc123", 2)
	s.hold()
	s.begun("u42")
	kill()
	s.end(protocol.StatusCompleted)
	s.eventually("a living replica has finished it", isSettled(0))
}

// TestTheNextRequestFinishes: no restart, and nobody looks after it.
func TestTheNextRequestFinishes(t *testing.T) {
	s := abandoned(t, undecided)
	s.end(protocol.StatusCompleted)
	s.options.Patience = time.Hour
	s.replica()
	s.inventory.saying("")
	s.add("u42", "xyz789", 1)
	if c, _ := s.record(); c.Checkout != nil || inWords(c.Items) != "xyz789=1" {
		t.Errorf("the record is %+v", c)
	}
}

// TestACrashBeforeTheStart: the checkout was written down, and its saga never
// began. Whoever finds it starts it, once, as it was meant.
func TestACrashBeforeTheStart(t *testing.T) {
	s := abandoned(t, deaf)
	s.replica()
	s.replica()
	s.passed.Store(int64(6 * time.Second)) // the start may not be on its way any more
	s.eventually("the saga was started", isSettled(0))
	if n := s.startsOf(); n != 1 || len(s.orchestrator.started()) != 1 {
		t.Errorf("%d starts of %v", n, s.orchestrator.started())
	}
	if c, _ := s.record(); c.Last.Status != protocol.StatusCompleted || c.Last.Attempts != 2 {
		t.Errorf("the record is %+v", c)
	}
}

// TestWhoAsksAgainTakesOver: the user comes back, and gets the answer.
func TestWhoAsksAgainTakesOver(t *testing.T) {
	s := abandoned(t, deaf)
	s.options.Patience = time.Hour
	s.replica()
	s.passed.Store(int64(6 * time.Second))
	s.says(s.checkout("u42"), `"status":"COMPLETED","order_id":"o1"`)
	s.holds("")
}

// TestALostAnswer: the saga began, and nobody heard of it.
func TestALostAnswer(t *testing.T) {
	s := abandoned(t, mute)
	s.replica()
	s.eventually("its end is known", isSettled(0))
	if n := s.startsOf(); n != 0 {
		t.Errorf("the saga was asked for %d times more", n)
	}
}

// TestAnOldStartIsGivenUp: nobody is surprised by a purchase of the day before.
func TestAnOldStartIsGivenUp(t *testing.T) {
	s := abandoned(t, deaf)
	s.passed.Store(int64(11 * time.Minute))
	s.replica()
	s.eventually("it is given up", isSettled(1))
	if c, _ := s.record(); c.Last.Status != protocol.StatusAborted || c.Last.Reason != cart.ReasonNotStarted {
		t.Errorf("the record is %+v", c)
	}
	if started := s.orchestrator.started(); len(started) != 0 {
		t.Errorf("started %v", started)
	}
}

// TestALaterRefusalProvesNothing: the first attempt may have started the saga all
// the same, so the items stay locked until it is clear that there is none.
func TestALaterRefusalProvesNothing(t *testing.T) {
	s := abandoned(t, deaf)
	s.orchestrator.set(func() {
		s.orchestrator.refuse = &protocol.Error{Code: protocol.CodeDefinitionUnknown, Message: "is not the name of a definition here"}
	})
	s.replica()
	s.passed.Store(int64(6 * time.Second))
	<-s.orchestrator.heard
	s.eventually("a second attempt is refused", func(c cart.Cart) bool { return c.Checkout != nil && c.Checkout.Attempts == 2 })
	s.says(s.begun("u42"), `"status":"PENDING"`)
	s.orchestrator.set(func() { s.orchestrator.refuse = nil })
	s.passed.Store(int64(12 * time.Second))
	s.eventually("a third attempt is taken", isSettled(0))
}

// TestNoOrchestratorForLong: the cart waits for one, and neither loses nor buys
// anything meanwhile.
func TestNoOrchestratorForLong(t *testing.T) {
	s := abandoned(t, undecided)
	s.orchestrator.close()
	s.replica()
	s.passed.Store(int64(24 * time.Hour))
	if c := s.cart("u42"); c.Checkout == nil || len(c.Items) != 0 {
		t.Errorf("the cart is %+v", c)
	}
	s.says(s.begun("u42"), `"status":"PENDING"`)
}

// TestAStopTellsThoseWhoWait that the checkout goes on, without making them wait
// for its end.
func TestAStopTellsThoseWhoWait(t *testing.T) {
	s := newStage(t)
	cfg := s.nats.Config(t)
	service, err := cart.New(cfg)
	s.must(err)
	s.must(service.Start(s.soon()))
	s.add("u42", "abc123", 1)
	s.hold()
	answer := make(chan string, 1)
	go func() {
		answer <- s.ask(protocol.SubjectCartCheckout, protocol.CartCheckout{CartOwner: owner("u42"), WaitMS: new(int64(60000))})
	}()
	<-s.orchestrator.heard
	s.must(service.Stop(s.soon()))
	s.says(<-answer, `"type":"checkout_accepted"`)
}
