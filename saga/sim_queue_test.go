package saga_test

import "amends/saga"

// what tells the happenings apart.
type what uint8

const (
	delivered  what = iota // the inbox gives the saga to an owner
	commanded              // a command reaches a participant
	decided                // whoever is behind a participant has made up its mind
	called                 // a result that was promised for later is sent
	intends                // somebody outside loads the record, to add to it
	appends                // and adds to it
	landed                 // a write that nobody waits for any more reaches the journal
	fired                  // a durable timer goes off
	reconciled             // somebody looks for sagas that are nowhere

	// What follows is for an owner, and waits while it is stalled.
	nudged   // somebody else has added to the record
	answered // an answer
	timedOut // the time of an attempt is over
	woken    // a wait is over
	overdue  // the deadline has passed
	lingered // it has had nothing to do for a while

	// What follows ends a stall.
	resumedWrite // it was about to write
	resumedAct   // it was about to act
	readBack     // it reads what became of its write
	leaves       // it acknowledges the inbox message
	checks       // it looks whether somebody has added to the record meanwhile
)

// happening is something that will happen.
type happening struct {
	at      saga.Instant
	order   int
	what    what
	owner   int
	token   int  // of a timer: which one counts
	forced  bool // of delivered: although an owner holds the message
	message message
	late    *write
	outside *outside
}

// says is what a worker answers.
type says uint8

const (
	yes     says = iota
	no           // a final no
	later        // the action was taken in
	never        // heard of it
	trouble      // a technical no
	absent       // nobody listens
)

// message is a command or an answer.
type message struct {
	place
	owner      int // who sent the command, and gets the answer
	reversal   bool
	hash       string
	says       says
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
