package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// looks tells whether the picture may be looked at now.
func looks(r *replica) bool { return r.book.view.lookNow(0, func() {}) == nil }

func TestDecisionsWaitForWhatIsMissing(t *testing.T) {
	s, a, b := twoReplicas(t)
	if !looks(a) {
		t.Fatal("a complete picture may not be looked at")
	}
	b.take("b.1", 3)
	b.deliver()
	a.book.view.need(s.last)
	if looks(a) {
		t.Error("a picture that lacks a change may be looked at")
	}
	a.followAll()
	if !looks(a) || a.picture.left() != 7 {
		t.Errorf("after the change %d seats are left, want 7", a.picture.left())
	}
}

// TestABatchIsSeenAsAWhole: what another replica has stored together is not looked
// at before all of it is in the picture.
func TestABatchIsSeenAsAWhole(t *testing.T) {
	_, a, b := twoReplicas(t)
	b.take("b.1", 3)
	b.deliver()
	b.acknowledge()
	b.read("b.1")
	b.sell("b.1")
	b.deliver()
	a.follow() // what is no longer taken, and not yet gone
	if looks(a) {
		t.Errorf("half of a batch is looked at: %d seats left", a.picture.left())
	}
	a.follow()
	if !looks(a) || a.picture.left() != 7 {
		t.Errorf("%d seats are left, want 7", a.picture.left())
	}
}

func TestLookWaitsNoLongerThanItsContext(t *testing.T) {
	_, a, _ := twoReplicas(t)
	a.book.view.need(99)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.book.view.look(ctx, 0, func() { t.Error("looked") }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestWhoAsksSeesOnlyWhatIsStored: an answer waits for the moves that it has seen,
// and is found anew when they are not stored.
func TestWhoAsksSeesOnlyWhatIsStored(t *testing.T) {
	_, a, b := twoReplicas(t)
	a.take("a.1", 4)
	answers := make(chan int, 10)
	answered := make(chan error, 1)
	go func() {
		answered <- a.book.view.lookStored(t.Context(), 0, func() { answers <- a.picture.left() })
	}()
	if left := <-answers; left != 6 {
		t.Errorf("%d seats left, want 6", left)
	}
	select {
	case <-answered:
		t.Error("answered before it was stored")
	default:
	}
	b.take("b.1", 1)
	b.deliver()
	a.follow() // breaks the chain
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if left := <-answers; left != 9 {
		t.Errorf("%d seats left, want 9", left)
	}
}

func TestOneLinkPerStep(t *testing.T) {
	_, a, _ := twoReplicas(t)
	decide := func() (move, error) { return a.book.moveTo("a.1", recalled[seating]{}, Memory[seating]{}) }
	first, mine, err := a.book.join(t.Context(), "seating.a.1", decide)
	if err != nil || !mine {
		t.Fatalf("got %v, %v", mine, err)
	}
	second, mine, err := a.book.join(t.Context(), "seating.a.1", decide)
	if err != nil || mine || second != first {
		t.Errorf("the same step is decided twice at once: %v, %v", mine, err)
	}
}

func TestFollowerConfirmsWhatNobodyAcknowledged(t *testing.T) {
	_, a, _ := twoReplicas(t)
	a.take("a.1", 2)
	l := a.links()[0]
	a.deliver()
	a.acks = nil
	a.followAll()
	select {
	case <-l.done:
	default:
		t.Fatal("a stored link is still on its way")
	}
	if l.err != nil || len(a.links()) != 0 || a.picture.left() != 8 {
		t.Errorf("got %v, %d links, %d seats left", l.err, len(a.links()), a.picture.left())
	}
}

// TestOneRedrawAtATime: a picture that is being drawn is not begun anew, and one
// that lacks nothing need not be.
func TestOneRedrawAtATime(t *testing.T) {
	_, a, _ := twoReplicas(t)
	v := a.book.view
	v.askRedraw(0)
	if len(v.redraw) != 0 {
		t.Error("a picture that lacks nothing is drawn anew")
	}
	v.need(99)
	v.askRedraw(0)
	v.askRedraw(0)
	if len(v.redraw) != 1 {
		t.Error("a stalled picture is not drawn anew")
	}
	<-v.redraw
	v.pause()
	v.askRedraw(0)
	if len(v.redraw) != 0 {
		t.Error("a picture that is being drawn is begun anew")
	}
}

// TestAPictureThatIsChangedByHalfIsDrawnAnew: a picture that panics in the middle of
// a decision costs that decision, and is not decided on.
func TestAPictureThatIsChangedByHalfIsDrawnAnew(t *testing.T) {
	_, a, _ := twoReplicas(t)
	a.picture.taken = nil // the next seat that is taken is one too many
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing panicked")
			}
		}()
		_, _, err := a.book.join(t.Context(), "seating.a.1", func() (move, error) {
			return a.book.moveTo("a.1", recalled[seating]{}, Memory[seating]{Effect: &seating{Seats: 1}})
		})
		t.Errorf("decided, with %v", err)
	}()
	if looks(a) || len(a.book.view.redraw) != 1 {
		t.Errorf("the picture may be looked at: %v; %d are asked for", looks(a), len(a.book.view.redraw))
	}
}

// TestAReconnectIsWorthAnotherTry: who asks while the connection is down is told to
// ask again, and not that something is wrong here.
func TestAReconnectIsWorthAnotherTry(t *testing.T) {
	nc, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	_, a, _ := twoReplicas(t)
	if a.book.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	err = a.book.lookAtStored(t.Context(), func() { t.Error("looked") })
	if !errors.Is(err, store.ErrUnavailable) || !isTemporary(err) {
		t.Errorf("got %v", err)
	}
}

// nothing is a picture of a bucket in which nobody looks at anything.
type nothing struct{ named[struct{}] }

// A picture that lags, but moves, is not drawn anew: that would take longer still.
// One that stands still is.
func TestALagIsNoStall(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		anew  bool
	}{"lags": {stallLimit / 20, false}, "stands still": {2 * stallLimit, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newView[struct{}](&nothing{})
				v.complete, v.exact = true, true
				const reach = 40
				go func() {
					for n := uint64(1); n <= reach; n++ {
						<-time.After(c.pause)
						v.mu.Lock()
						v.chain.tip.sequence = n
						v.grown()
						v.mu.Unlock()
					}
				}()
				if err := v.look(t.Context(), reach, func() {}); err != nil {
					t.Fatal(err)
				}
				if anew := len(v.redraw) > 0; anew != c.anew {
					t.Errorf("drawn anew: %v", anew)
				}
			})
		})
	}
}
