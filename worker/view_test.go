package worker

import (
	"context"
	"errors"
	"testing"

	"amends/store"
)

// twoReplicas are two services over one stream of ten seats.
func twoReplicas(t *testing.T) (s *stream, a, b *replica) {
	t.Helper()
	s = &stream{}
	s.put("free", "", []byte("10"))
	a, b = newSeatingReplica(s), newSeatingReplica(s)
	for _, r := range []*replica{a, b} {
		r.redraw()
		r.followAll()
	}
	return s, a, b
}

// looks tells whether the picture may be looked at now.
func looks(r *replica) bool { return r.book.view.lookNow(func() {}) == nil }

func TestDecisionsWaitForWhatIsMissing(t *testing.T) {
	s, a, b := twoReplicas(t)
	if !looks(a) {
		t.Fatal("a complete picture may not be looked at")
	}
	b.command("b.1", 3, 0)
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

func TestLookWaitsNoLongerThanItsContext(t *testing.T) {
	_, a, _ := twoReplicas(t)
	a.book.view.need(99)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.book.view.look(ctx, func() { t.Error("looked") }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOneLinkPerStep(t *testing.T) {
	_, a, _ := twoReplicas(t)
	decide := func(m Memory[seating]) (Memory[seating], error) { return m, nil }
	first, m, err := a.book.join(t.Context(), "a.1", recalled[seating]{}, decide)
	if err != nil || m == nil {
		t.Fatalf("got %v, %v", m, err)
	}
	second, m, err := a.book.join(t.Context(), "a.1", recalled[seating]{}, decide)
	if err != nil || m != nil || second != first {
		t.Errorf("the same step is decided twice at once: %v, %v", m, err)
	}
}

func TestFollowerConfirmsWhatNobodyAcknowledged(t *testing.T) {
	_, a, _ := twoReplicas(t)
	a.command("a.1", 2, 0)
	l := a.book.view.chain[0]
	a.deliver()
	a.acks = nil
	a.followAll()
	select {
	case <-l.done:
	default:
		t.Fatal("a stored link is still in flight")
	}
	if l.err != nil || len(a.book.view.chain) != 0 || a.picture.left() != 8 {
		t.Errorf("got %v, %d links, %d seats left", l.err, len(a.book.view.chain), a.picture.left())
	}
}

// TestRefusalBreaksTheRest: links behind a refused one are decided anew, those
// before it stand.
func TestRefusalBreaksTheRest(t *testing.T) {
	s, a, _ := twoReplicas(t)
	s.put("seating.b.1", "old", []byte(`{"saga_id":"b","step":1}`))
	a.followAll()
	for _, step := range []string{"a.1", "b.1", "c.1"} {
		a.command(step, 1, 0)
	}
	links := append([]*link(nil), a.book.view.chain...)
	for range links {
		a.deliver()
	}
	for len(a.acks) > 0 {
		a.acknowledge()
	}
	for i, want := range []error{nil, store.ErrConflict, errBroken} {
		if !errors.Is(links[i].err, want) || (want == nil) != (links[i].err == nil) {
			t.Errorf("link %d: got %v, want %v", i, links[i].err, want)
		}
	}
	if a.picture.left() != 9 || a.book.view.seen != s.last {
		t.Errorf("%d seats left at %d, want 9 at %d", a.picture.left(), a.book.view.seen, s.last)
	}
}

// TestOneRedrawAtATime: a picture that is being drawn is not begun anew, and one
// that lacks nothing need not be.
func TestOneRedrawAtATime(t *testing.T) {
	_, a, _ := twoReplicas(t)
	v := a.book.view
	v.askRedraw()
	if len(v.redraw) != 0 {
		t.Error("a picture that lacks nothing is drawn anew")
	}
	v.need(99)
	v.askRedraw()
	v.askRedraw()
	if len(v.redraw) != 1 {
		t.Error("a stalled picture is not drawn anew")
	}
	<-v.redraw
	v.clear()
	v.askRedraw()
	if len(v.redraw) != 0 {
		t.Error("a picture that is being drawn is begun anew")
	}
}
