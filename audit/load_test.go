package audit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"amends/audit"
	"amends/saga"
)

// TestUnderLoad audits while sagas run: whatever moves meanwhile is no
// violation. Where stock is tight, every piece is held by one saga after the
// other.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		onHand int64
		fates  [][]fate
	}{
		"plenty": {1_000_000, [][]fate{{accept, accept, accept}, {accept, lost, accept, decline, accept, lost, accept}, {decline}}},
		"tight":  {8, [][]fate{{accept, decline, accept}, {accept, silent, silent, silent, accept, lost, accept}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, allBuckets...)
			s.putStock("abc123", c.onHand)
			s.putStock("xyz789", c.onHand)
			stop := s.playMany(4, c.fates)
			defer stop()
			for range 5 {
				if r := s.audit(); !r.OK() {
					t.Fatalf("found %+v", r.Findings)
				}
			}
		})
	}
}

// playMany runs sagas, several at a time, until it is stopped.
func (s *system) playMany(players int, fates [][]fate) (stop func()) {
	var stopped atomic.Bool
	var playing sync.WaitGroup
	for p := range players {
		playing.Go(func() {
			for n := 0; !stopped.Load(); n++ {
				s.play(fmt.Sprintf("p%d-%d", p, n), fates[n%len(fates)]...)
			}
		})
	}
	return func() { stopped.Store(true); playing.Wait() }
}

// TestSagaThatMovesWhileItIsJudged runs to its end between the read of its
// record and the reads of its effects: that is no snapshot.
func TestSagaThatMovesWhileItIsJudged(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	s.putStock("abc123", 2)
	s.putStock("xyz789", 1)
	w := begin("s")
	s.putSaga(w)
	var calls atomic.Int32
	r, err := audit.Run(s.ctx, s.nc, audit.Terms{Find: func(name, hash string) (*saga.Definition, error) {
		if calls.Add(1) == 2 { // the first is of the scan, the second judges
			w.fates(accept, accept, accept)
			s.putRows(w)
			s.putRecord(w, w.record())
			s.unqueue("s")
		}
		return find(name, hash)
	}})
	must(t, err)
	if !r.OK() || r.Sagas.Completed != 1 || r.Sagas.Total != 1 || calls.Load() != 3 {
		t.Errorf("found %+v, sagas %+v, %d looks", r.Findings, r.Sagas, calls.Load())
	}
}
