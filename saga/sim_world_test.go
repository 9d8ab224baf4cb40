package saga_test

import (
	"fmt"
	"strconv"

	"amends/saga"
	"amends/worker"
)

// world is everything around one saga: a network, participants, a journal, and
// the owners that drive the saga, one after the other or two at once. Its time is
// virtual: it jumps from one happening to the next.
type world struct {
	plan    plan
	variant *variant
	def     *saga.Definition
	start   saga.Start
	whole   bool // seal and unseal the journal, too: too slow for every saga

	now          saga.Instant
	queue        queue
	happened     int
	record       record
	owners       []*owner
	participants [maxSteps]participant
	ledger       ledger
	told         saga.Phase                    // what the client was told
	acked        bool                          // the inbox message is gone: nobody will take the saga over
	rulings      [worker.NothingToUndo + 1]int // of the fence
	refused      int                           // writes that came too late
	lastFault    saga.Instant
	ended        saga.Instant // when the journal had the end

	broken *violation
	story  []string // what happened, if somebody wants to read it
	tell   bool
}

// violation is a broken invariant, by its name.
type violation struct{ invariant, problem string }

// bound ends a saga that runs in circles.
const bound = 20_000

// run plays one saga to the end of everything that was set in motion.
func (w *world) run(number int, v *variant) {
	w.variant, w.def = v, v.def
	w.start = saga.Start{
		SagaID: "s" + strconv.Itoa(number), OrderID: "o" + strconv.Itoa(number),
		Definition: v.def.Name, DefinitionHash: v.hash, Request: request,
	}
	w.now, w.lastFault, w.ended = epoch, epoch, 0
	w.happened, w.told, w.acked, w.broken = 0, "", false, nil
	w.refused, w.rulings = 0, [len(w.rulings)]int{}
	w.queue.reset()
	w.owners, w.story = w.owners[:0], w.story[:0]
	w.record = record{history: history{def: v.def}}
	w.open()
	w.push(happening{at: epoch, what: redelivered})
	defer w.panicked()
	for w.broken == nil && len(w.queue.heap) > 0 {
		h := w.queue.pop()
		w.now = h.at
		w.happen(&h)
		if w.happened++; w.happened > bound {
			w.violate("I6 ends", "it runs in circles")
		}
	}
	if w.broken == nil {
		w.audit()
	}
}

func (w *world) panicked() {
	if r := recover(); r != nil {
		w.violate("no panic", "%v", r)
	}
}

// violate keeps the first broken invariant.
func (w *world) violate(invariant, format string, args ...any) {
	if w.broken == nil {
		w.broken = &violation{invariant, fmt.Sprintf(format, args...)}
		if w.tell {
			w.log("VIOLATED %s: %s", invariant, w.broken.problem)
		}
	}
}

func (w *world) log(format string, args ...any) {
	at := fmt.Sprintf("%9.3f s  ", float64(w.now-epoch)/float64(second))
	w.story = append(w.story, at+fmt.Sprintf(format, args...))
}

// strikes asks the plan, and remembers when the last fault was.
func (w *world) strikes(k kind, at place) bool {
	if !w.plan.strikes(k, at, w.now) {
		return false
	}
	w.lastFault = w.now
	if w.tell {
		w.log("  ! %v", w.plan.struck[len(w.plan.struck)-1])
	}
	return true
}

// happen lets one thing happen.
func (w *world) happen(h *happening) {
	switch h.what {
	case redelivered:
		w.takeOver(h)
		return
	case commanded:
		w.work(&h.message)
		return
	case landed:
		w.put(h.late)
		return
	case cancelled:
		w.cancel(h)
		return
	}
	o := w.addressee(h)
	switch {
	case o == nil:
		return
	case o.stalled && h.what < resumedWrite:
		h.at = max(o.busy, w.now) // it waits in the mailbox
		w.push(*h)
		return
	}
	w.reach(o, h)
}

// addressee is the owner that a happening is for. An answer to an owner that is
// gone may reach another one in the same process.
func (w *world) addressee(h *happening) *owner {
	o := w.owners[h.owner]
	if o.alive {
		return o
	}
	if h.what != answered || w.plan.roll(w.plan.point(detour, h.message.place))%2 == 0 {
		return nil
	}
	return w.healthy()
}

// healthy is the latest owner that lives.
func (w *world) healthy() *owner {
	for i := len(w.owners) - 1; i >= 0; i-- {
		if w.owners[i].alive {
			return w.owners[i]
		}
	}
	return nil
}

// cancel is what a client asked for. The request stays in the inbox until an
// owner has taken it, or the saga is over.
func (w *world) cancel(h *happening) {
	o := w.healthy()
	switch {
	case w.acked:
	case o == nil || o.stalled:
		h.at = w.now.Add(second)
		w.push(*h)
	default:
		o.receive(saga.Event{Type: saga.CancelRequested, At: w.now})
	}
}

// interfere is called wherever somebody could put in a word.
func (w *world) interfere(at place) {
	soon := func(what what, claims bool) {
		w.push(happening{at: w.now.Add(w.plan.draw(nap, at, 0, 3*second)), what: what, forced: true, claims: claims})
	}
	if w.strikes(cancelAsked, at) {
		soon(cancelled, false)
	}
	if w.strikes(rivalQuiet, at) {
		soon(redelivered, false)
	}
	if w.strikes(rivalClaims, at) {
		soon(redelivered, true)
	}
	if o := w.healthy(); o != nil && w.strikes(deadlineSkewed, at) {
		w.push(happening{at: w.now, what: overdue, owner: o.id})
	}
}
