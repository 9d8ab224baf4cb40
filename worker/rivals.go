package worker

import "time"

// suspicion is how long a replica that did not answer is thought to be gone.
const suspicion = 2 * time.Second

// rivals knows which replica writes: the one that wrote last. The others hand
// their commands on to it (see Relay): two chains on one bucket would break each
// other again and again. Nothing but speed depends on its being right. Its methods
// are called with the lock of the view held.
type rivals struct {
	me     string
	last   string // the replica that wrote last; "" if nobody knows
	absent string // the replica that did not answer, and is thought to be gone
	until  time.Time
}

// wrote notes that a replica has written.
func (r *rivals) wrote(writer string) {
	if writer != "" {
		r.last = writer
	}
}

// writer is the replica that writes, if it is another one and there; else "".
func (r *rivals) writer() string {
	if r.last == r.me || r.last == r.absent && time.Now().Before(r.until) {
		return ""
	}
	return r.last
}

// suspect notes that a replica does not answer.
func (r *rivals) suspect(writer string) { r.absent, r.until = writer, time.Now().Add(suspicion) }
