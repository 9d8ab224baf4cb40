package worker

import (
	"context"
	"errors"
	"testing"
)

// TestGateThatIsEmptyIsNoMatterOfTime: whoever waits for the last one to leave is
// told that everybody has, also if there is no time left.
func TestGateThatIsEmptyIsNoMatterOfTime(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // select tosses a coin
		g := newGate(1)
		g.enter()
		g.close()
		if err := g.wait(over); !errors.Is(err, context.Canceled) {
			t.Fatalf("somebody is inside, and waiting returns %v", err)
		}
		g.leave()
		if err := g.wait(over); err != nil {
			t.Fatalf("nobody is inside, and waiting returns %v", err)
		}
	}
}
