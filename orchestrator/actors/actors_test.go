package actors_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"amends/orchestrator/actors"

	"github.com/rs/zerolog"
)

// recorder appends the numbers it is sent, panics on "panic" and ends on "end".
type recorder struct {
	seen []int
	done chan struct{}
}

func (r *recorder) Receive(message any) bool {
	switch m := message.(type) {
	case int:
		r.seen = append(r.seen, m)
	case string:
		if m == "panic" {
			panic(m)
		}
		close(r.done)
		return false
	}
	return true
}

func spawn(t *testing.T, s *actors.System) (actors.Ref, *recorder) {
	t.Helper()
	r := &recorder{done: make(chan struct{})}
	ref, err := s.Spawn("r", r)
	if err != nil {
		t.Fatal(err)
	}
	return ref, r
}

// Messages of one sender are handled in order, one at a time, whoever else sends.
func TestMessagesAreHandledOneByOneInOrder(t *testing.T) {
	s := actors.New(zerolog.Nop(), func(actors.Actor, any) {})
	defer s.Close()
	ref, r := spawn(t, s)
	const each = 1000
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for n := range each {
				ref.Tell(sender*each + n)
			}
		})
	}
	senders.Wait()
	ref.Tell("end")
	<-r.done
	last := make(map[int]int)
	for _, n := range r.seen {
		if before, ok := last[n/each]; ok && n != before+1 {
			t.Fatalf("%d came after %d", n, before)
		}
		last[n/each] = n
	}
	if len(r.seen) != 8*each {
		t.Errorf("%d of %d messages were handled", len(r.seen), 8*each)
	}
}

// A panic ends its actor, is reported once, and leaves the others alone; the
// actor is not restarted.
func TestAPanicEndsOneActor(t *testing.T) {
	panicked := make(chan actors.Actor, 8)
	s := actors.New(zerolog.Nop(), func(a actors.Actor, _ any) { panicked <- a })
	defer s.Close()
	bad, badRecorder := spawn(t, s)
	good, goodRecorder := spawn(t, s)
	bad.Tell("panic")
	if a := <-panicked; a != actors.Actor(badRecorder) {
		t.Error("another actor was blamed")
	}
	bad.Tell(1)
	good.Tell(1)
	good.Tell("end")
	<-goodRecorder.done
	if len(goodRecorder.seen) != 1 || len(badRecorder.seen) != 0 {
		t.Errorf("good saw %v, bad saw %v", goodRecorder.seen, badRecorder.seen)
	}
}

// What is sent to an actor that is done, or to nobody, is dropped.
func TestTellingTheDeadIsHarmless(t *testing.T) {
	s := actors.New(zerolog.Nop(), func(actors.Actor, any) {})
	defer s.Close()
	ref, r := spawn(t, s)
	ref.Tell("end")
	<-r.done
	ref.Tell(1)
	actors.Ref{}.Tell(1)
}

// spinner asks itself to go on, so that many activations run at once.
type spinner struct {
	left *atomic.Int64
	done chan struct{}
	self actors.Ref
}

func (s *spinner) Receive(message any) bool {
	switch m := message.(type) {
	case actors.Ref:
		s.self = m
	case int:
		if s.left.Add(-1) == 0 {
			close(s.done)
		}
		if m > 0 {
			s.self.Tell(m - 1)
		}
	}
	return true
}

// More busy actors than the crew has goroutines all make progress.
func TestACrewIsNoLimit(t *testing.T) {
	s := actors.New(zerolog.Nop(), func(actors.Actor, any) {})
	defer s.Close()
	const crowd, rounds = 1000, 20
	var left atomic.Int64
	left.Store(crowd * rounds)
	done := make(chan struct{})
	for range crowd {
		ref, err := s.Spawn("spinner", &spinner{left: &left, done: done})
		if err != nil {
			t.Fatal(err)
		}
		ref.Tell(ref)
		ref.Tell(rounds - 1)
	}
	<-done
}
