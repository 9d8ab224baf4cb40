package worker

import (
	"context"
	"time"
)

// pauseFor waits, or less if ctx ends meanwhile, and reports whether it has not.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
