package saga

import (
	"cmp"
	"hash/fnv"
	"strconv"
	"strings"
)

// A command that nobody listens for is offered again after a wait drawn from
// this range: soon enough for a worker that just starts, seldom enough for
// thousands of sagas that wait for the same one.
const (
	absenceMin = 100 * Millisecond
	absenceMax = 1000 * Millisecond
)

// retryAfterMax bounds what a worker may ask for: a saga that sleeps for years is
// a forgotten one.
const retryAfterMax = 24 * 3600 * 1000 * Millisecond

// backoff is the wait after an attempt: full jitter below a capped exponential.
// The jitter is a hash, not a dice roll, so that a replay plans the same wait.
func backoff(r Retry, sagaID string, step int, compensating bool, attempt int) Duration {
	ceiling := r.Initial
	for range attempt - 1 {
		if ceiling >= r.Max {
			break
		}
		ceiling *= 2
	}
	ceiling = min(ceiling, r.Max)
	if ceiling <= 0 {
		return 0
	}
	direction := "do"
	if compensating {
		direction = "undo"
	}
	return Duration(spread(uint64(ceiling)+1, sagaID, direction, step, attempt))
}

func absence(s *State, at Instant) Duration {
	return absenceMin + Duration(spread(uint64(absenceMax-absenceMin), s.Start.SagaID, "absent", s.Cursor, int(at)))
}

// spread maps its arguments evenly onto [0, n).
func spread(n uint64, sagaID, what string, step, attempt int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(sagaID + "." + strconv.Itoa(step) + "." + what + "." + strconv.Itoa(attempt)))
	return mix(h.Sum64()) % n
}

// mix spreads the bits of a hash: the low bits of FNV alone are poor.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// reason fills in the template of a step's definition. A worker that gives no
// decline code has said it all in its error.
func reason(step *Step, e *Event) string {
	if step.Reason == "" {
		return step.Action.Type + " declined: " + e.Code
	}
	return strings.NewReplacer("{error}", e.Code, "{decline_code}", cmp.Or(e.DeclineCode, e.Code)).Replace(step.Reason)
}

// trouble is the short name of why an attempt brought no verdict.
func trouble(e *Event) string {
	switch {
	case e.Code != "":
		return e.Code
	case e.Type == StepTimedOut, e.Type == CompensationTimedOut:
		return "timeout"
	}
	return "unavailable"
}
