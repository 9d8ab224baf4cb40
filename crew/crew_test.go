package crew_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"amends/crew"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEverythingIsDoneOnce(t *testing.T) {
	c := crew.New(4)
	defer c.Stop()
	var done atomic.Int64
	var all sync.WaitGroup
	const pieces = 10_000
	all.Add(pieces)
	for range pieces {
		c.Do(func() { done.Add(1); all.Done() })
	}
	all.Wait()
	if done.Load() != pieces {
		t.Errorf("%d of %d pieces were done", done.Load(), pieces)
	}
}

// Work that waits for other work does not deadlock a small crew.
func TestABusyCrewIsNoLimit(t *testing.T) {
	c := crew.New(1)
	defer c.Stop()
	first, second := make(chan struct{}), make(chan struct{})
	c.Do(func() { <-second; close(first) })
	c.Do(func() { close(second) })
	<-first
}

func TestWorkAfterStopIsDone(t *testing.T) {
	c := crew.New(2)
	c.Stop()
	done := make(chan struct{})
	c.Do(func() { close(done) })
	<-done
}
