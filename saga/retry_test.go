package saga

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestBackoffBounds: the n-th wait lies in [0, min(Max, Initial·2ⁿ⁻¹)] for every
// policy that Check lets pass, and is the same whenever it is asked for.
func TestBackoffBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := Retry{
			Attempts: MaxAttempts,
			Initial:  Duration(rapid.Int64Range(0, int64(MaxDuration)).Draw(t, "initial")),
		}
		policy.Max = Duration(rapid.Int64Range(int64(policy.Initial), int64(MaxDuration)).Draw(t, "max"))
		step := rapid.IntRange(1, MaxSteps).Draw(t, "step")
		attempt := rapid.IntRange(1, MaxAttempts).Draw(t, "attempt")
		mode := rapid.SampledFrom([]Mode{Do, Compensate, Ask}).Draw(t, "mode")
		id := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "saga")

		wait := backoff(policy, id, step, mode, attempt)
		if wait < 0 || float64(wait) > ceiling(policy, attempt) {
			t.Fatalf("wait %d is not in [0, %g]", wait, ceiling(policy, attempt))
		}
		if again := backoff(policy, id, step, mode, attempt); again != wait {
			t.Fatalf("wait %d the first time, %d the second", wait, again)
		}
	})
}

// ceiling computes the upper bound in floating point, where nothing overflows.
func ceiling(r Retry, attempt int) float64 {
	bound := float64(r.Initial)
	for range attempt - 1 {
		bound *= 2
	}
	return min(bound, float64(r.Max))
}

// TestBackoffIsFullJitter: over many sagas the waits fill the whole range evenly,
// so that sagas which failed together do not come back together.
func TestBackoffIsFullJitter(t *testing.T) {
	const sagas, tenths = 20_000, 10
	policy := Retry{Attempts: 9, Initial: 100 * Millisecond, Max: 1000 * Millisecond}
	for attempt, top := range map[int]Duration{1: 100 * Millisecond, 3: 400 * Millisecond, 5: 1000 * Millisecond, 9: 1000 * Millisecond} {
		var filled [tenths]int
		for i := range sagas {
			filled[min(tenths-1, tenths*backoff(policy, "saga"+strconv.Itoa(i), 2, Do, attempt)/top)]++
		}
		for i, n := range filled {
			if n < sagas/tenths*8/10 || n > sagas/tenths*12/10 {
				t.Errorf("attempt %d: %d of %d waits in tenth %d, want about %d", attempt, n, sagas, i+1, sagas/tenths)
			}
		}
	}
}

// TestWaitsDiffer: the waits of one saga are not all the same draw.
func TestWaitsDiffer(t *testing.T) {
	policy := Retry{Attempts: 9, Initial: MaxDuration, Max: MaxDuration}
	seen := map[Duration]string{}
	for step := 1; step <= 4; step++ {
		for attempt := 1; attempt <= 4; attempt++ {
			for _, mode := range []Mode{Do, Compensate, Ask} {
				who := strconv.Itoa(step) + "." + strconv.Itoa(attempt) + "." + string(mode)
				wait := backoff(policy, "checkout42", step, mode, attempt)
				if other, ok := seen[wait]; ok {
					t.Errorf("%s waits as long as %s", who, other)
				}
				seen[wait] = who
			}
		}
	}
}

// TestAbsenceBounds: a command for which nobody listens is offered again within a
// second at first, and within a minute always, even when a clock was set back.
func TestAbsenceBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := State{Start: &Start{SagaID: rapid.StringMatching(`[a-z0-9]{1,64}`).Draw(t, "saga")}, Steps: make([]StepState, MaxSteps)}
		step := rapid.IntRange(1, MaxSteps).Draw(t, "step")
		since := Instant(rapid.Int64Range(0, int64(MaxDuration)).Draw(t, "since"))
		at := Instant(rapid.Int64Range(0, int64(MaxDuration)).Draw(t, "at"))
		s.Steps[step-1].Absent = since

		long := at >= since.Add(4*absenceMax)
		wait := absence(&s, step, at)
		if wait < absenceMin || wait > absenceLong || !long && wait > absenceMax {
			t.Fatalf("wait %d after %d is not in bounds", wait, at-since)
		}
	})
}
