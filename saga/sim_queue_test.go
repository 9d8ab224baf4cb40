package saga_test

import "amends/saga"

// what tells the happenings apart.
type what uint8

const (
	redelivered  what = iota // the inbox gives the saga to an owner
	commanded                // a command reaches a participant
	landed                   // a write that nobody waits for any more reaches the journal
	cancelled                // a client wants the saga undone
	answered                 // an answer reaches an owner
	timedOut                 // the time of an attempt is over
	woken                    // a wait is over
	overdue                  // the deadline has passed
	resumedWrite             // an owner wakes from a freeze in which it was about to write
	resumedAct               // the same, about to act
	readBack                 // an owner reads what became of its write
)

// happening is something that will happen.
type happening struct {
	at      saga.Instant
	order   int
	what    what
	owner   int
	token   int  // of a timer: the operation that it watches
	forced  bool // of redelivered: although an owner lives; of woken: although it was before
	claims  bool // of redelivered: the new owner takes the record over at once
	message message
	late    *write
}

// message is a command or an answer.
type message struct {
	place
	owner      int // who sent the command, and gets the answer
	hash       string
	verdict    saga.Verdict
	absent     bool
	final      bool
	retryAfter saga.Duration
	code       string
}

// queue holds what will happen, the soonest first; what is due at the same time
// happens in the order in which it was put in.
type queue struct {
	heap []happening
	n    int
}

func (q *queue) reset() { q.heap, q.n = q.heap[:0], 0 }

func (q *queue) sooner(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (w *world) push(h happening) {
	q := &w.queue
	q.n++
	h.order = q.n
	q.heap = append(q.heap, h)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.sooner(i, parent) {
			return
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *queue) pop() happening {
	top, last := q.heap[0], len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < last && q.sooner(child, least) {
				least = child
			}
		}
		if least == i {
			return top
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
