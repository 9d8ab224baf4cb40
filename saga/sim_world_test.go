package saga_test

import (
	"fmt"
	"strconv"

	"amends/saga"
	"amends/worker"
)

// world is everything around one saga: a network, participants, a journal, an
// inbox, timers, people, and the owners that drive the saga, one after the other
// or two at once. Its time is virtual: it jumps from one happening to the next.
type world struct {
	plan    plan
	variant *variant
	start   saga.Start
	whole   bool // seal and unseal the journal, too: too slow for every saga

	now          saga.Instant
	queue        queue
	happened     int
	record       record
	inbox        inbox
	timer        int // the token of the one that counts
	owners       []*owner
	participants [maxSteps]participant
	ledger       ledger
	told         saga.Phase                    // what the client was told
	toldOf       int                           // by how many events that came about
	promised     []*saga.Event                 // results whose senders were told that they are in the journal
	rulings      [worker.NothingToUndo + 1]int // of the fence
	refused      int                           // writes that came too late
	adopted      int                           // additions of others that an owner went on from
	alarms       map[saga.IncidentKind]int     // incidents that were opened
	slept        int                           // times that nobody owned the saga, since it only waited
	lastFault    saga.Instant
	ended        saga.Instant // when the journal had the end, or an incident

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
	w.variant = v
	w.start = saga.Start{
		SagaID: "s" + strconv.Itoa(number), OrderID: "o" + strconv.Itoa(number),
		Definition: v.def.Name, DefinitionHash: v.hash, Request: v.request, Secret: "secret",
	}
	w.now, w.lastFault, w.ended = epoch, epoch, 0
	w.happened, w.told, w.broken, w.inbox, w.timer, w.toldOf = 0, "", nil, inbox{}, 0, 0
	if clear(w.alarms); w.alarms == nil {
		w.alarms = map[saga.IncidentKind]int{}
	}
	w.refused, w.adopted, w.slept, w.rulings = 0, 0, 0, [len(w.rulings)]int{}
	w.queue.reset()
	w.owners, w.story, w.promised = w.owners[:0], w.story[:0], w.promised[:0]
	w.record = record{def: v.def, history: history{def: v.def}}
	w.open()
	w.putIn()
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
	w.disturbed(w.now)
	if w.tell {
		w.log("  ! %v", w.plan.struck[len(w.plan.struck)-1])
	}
	return true
}

// disturbed notes until when something was not as it should be.
func (w *world) disturbed(until saga.Instant) { w.lastFault = max(w.lastFault, until) }

// after is the time of something that takes a while.
func (w *world) after(k kind, at place, low, high saga.Duration) saga.Instant {
	return w.now.Add(w.plan.draw(k, at, low, high))
}

// happen lets one thing happen.
func (w *world) happen(h *happening) {
	switch h.what {
	case delivered:
		w.deliver(h)
	case commanded:
		w.work(&h.message)
	case decided:
		w.decided(h)
	case called:
		w.call(h.outside)
	case intends:
		h.outside.load(w)
	case appends:
		h.outside.append(w)
	case landed:
		w.put(h.late)
	case fired:
		w.fire(h)
	case reconciled:
		w.reconcile()
	default:
		w.reach(h)
	}
}

// reach is for an owner. While that is stalled it waits in the mailbox.
func (w *world) reach(h *happening) {
	o := w.addressee(h)
	switch {
	case o == nil:
	case o.stalled && h.what < resumedWrite:
		h.at = max(o.busy, w.now)
		w.push(*h)
	default:
		o.happen(h)
	}
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
