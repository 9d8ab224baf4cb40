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

// absenceBound is how long nobody may listen for a command before a person is
// called.
const absenceBound = 60 * 1000 * Millisecond

// absenceLong bounds the wait between two offers of a command for which nobody
// has listened for long.
const absenceLong = 60 * 1000 * Millisecond

// backoff is the wait after an attempt: full jitter below a capped exponential.
// The jitter is a hash, not a dice roll, so that a replay plans the same wait.
func backoff(r Retry, sagaID string, step int, mode Mode, attempt int) Duration {
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
	return Duration(spread(uint64(ceiling)+1, sagaID, cmp.Or(string(mode), "do"), step, attempt))
}

// absence is the wait until a command for which nobody listens is offered again:
// a quarter of the time that nobody has listened so far, within bounds, so that a
// short gap costs little time and a long one little work.
func absence(s *State, step int, at Instant) Duration {
	wait := absenceMin + Duration(spread(uint64(absenceMax-absenceMin), s.Start.SagaID, "absent", step, int(at)))
	return max(wait, min(Duration(at-s.step(step).Absent)/4, absenceLong))
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
	if e.Code == CommandIncomplete && e.Message != "" {
		return e.Message
	}
	if step.Reason == "" {
		return step.Action.Type + " declined: " + trouble(e)
	}
	return strings.NewReplacer("{error}", trouble(e), "{decline_code}", cmp.Or(e.DeclineCode, trouble(e))).Replace(step.Reason)
}

// trouble is the short name of why an attempt was not a success.
func trouble(e *Event) string {
	if e.Code != "" {
		return e.Code
	}
	switch e.Type {
	case StepDeclined:
		return "declined"
	case CompensationRefused:
		return "refused"
	case StepTimedOut, CompensationTimedOut:
		return "timeout"
	}
	return "unavailable"
}
