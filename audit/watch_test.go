package audit_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"amends/audit"
	"amends/protocol"
)

// watching is a watch of a system, round by round.
type watching struct {
	*system
	rounds chan audit.Round
	told   []string
	ended  chan error
	stop   context.CancelFunc
}

// watch begins to watch. The rounds follow each other at once, and full ones come
// as often as is said.
func (s *system) watch(full time.Duration) *watching {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.ctx)
	w := &watching{system: s, rounds: make(chan audit.Round), ended: make(chan error, 1), stop: stop}
	go func() {
		w.ended <- audit.Watch(ctx, s.nc, terms, audit.Pace{Every: time.Millisecond, Full: full}, func(r audit.Round) {
			select {
			case w.rounds <- r:
			case <-ctx.Done():
			}
		})
	}()
	s.t.Cleanup(stop)
	return w
}

// next is the next round. What appeared and is not gone must be what stands.
func (w *watching) next() audit.Round {
	w.t.Helper()
	select {
	case r := <-w.rounds:
		if r.Err != nil {
			w.t.Fatal(r.Err)
		}
		for _, f := range r.Appeared {
			w.told = append(w.told, names([]audit.Finding{f}))
		}
		for _, f := range r.Gone {
			w.told = slices.DeleteFunc(w.told, func(name string) bool { return name == names([]audit.Finding{f}) })
		}
		if slices.Sort(w.told); len(w.told) != r.Report.Violations {
			w.t.Errorf("told was %q, and %s stands", w.told, names(r.Report.Findings))
		}
		return r
	case <-w.ctx.Done():
		w.t.Fatal("no round comes")
		return audit.Round{}
	}
}

// until waits for a round after which this stands, and nothing else.
func (w *watching) until(want string) {
	w.t.Helper()
	got := ""
	for range 1000 {
		if got = names(w.next().Report.Findings); got == want {
			return
		}
	}
	w.t.Fatalf("%q stands, want %q", got, want)
}

func names(findings []audit.Finding) (all string) {
	for _, f := range findings {
		all += fmt.Sprintf("%s %s%s;", f.Invariant, f.SagaID, f.SKU)
	}
	return all
}

// TestWatch: what appears is told once, and what goes as well; a round that reads
// changes only finds what has changed, and what is left alone.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putStock("abc123", 100)
	s.putStock("xyz789", 100)
	s.putAll(completed("fine"), begin("open").fates(accept))
	w := s.watch(time.Hour)
	if r := w.next(); !r.Full || !r.Report.OK() || r.Report.Sagas.Total != 2 {
		t.Fatalf("the first round: %+v", r)
	}
	if r := w.next(); r.Full || !r.Report.OK() || r.Report.Effects.Charges != 0 || r.Report.Sagas.Total != 1 {
		t.Fatalf("nothing has changed, and %+v is read", r.Report)
	}
	twice := completed("twice")
	copyTo(2, 9)(twice)
	s.putAll(twice)
	w.until("I2 twice;")
	for range 3 {
		if r := w.next(); len(r.Appeared)+len(r.Gone) > 0 || r.Report.Violations != 1 || r.Report.Broken[audit.I2] != 1 {
			t.Errorf("what stands is told again: %+v", r)
		}
	}
	s.unqueue("open") // a saga is forgotten, and no message says so
	w.until("I2 twice;I6 open;")
	s.delete(protocol.BucketPayments, "twice.9")
	s.queue("open")
	w.until("")
	w.stop()
	if err := <-w.ended; err != nil {
		t.Errorf("a watch that is stopped ends with %v", err)
	}
}

// TestWatchReadsEverythingNowAndThen: stock, and what changes without a message.
func TestWatchReadsEverythingNowAndThen(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putStock("abc123", 2)
	s.putStock("xyz789", 1)
	s.putAll(completed("fine"))
	w := s.watch(0)
	if r := w.next(); !r.Report.OK() {
		t.Fatalf("the first round: %+v", r.Report.Findings)
	}
	s.putStock("abc123", 1)
	w.until("I1 abc123;")
	s.putStock("abc123", 0)
	for range 2 {
		if r := w.next(); len(r.Appeared)+len(r.Gone) > 0 {
			t.Errorf("other numbers are told as another finding: %+v", r)
		}
	}
	s.putStock("abc123", 2)
	w.until("")
}

// TestWatchThatCannotBegin says so; one that is cut off goes on.
func TestWatchThatCannotBegin(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.nc.Close()
	err := audit.Watch(s.ctx, s.nc, terms, audit.Pace{Every: time.Hour, Full: time.Hour}, func(audit.Round) {})
	if err == nil {
		t.Error("a closed connection is watched")
	}
}
