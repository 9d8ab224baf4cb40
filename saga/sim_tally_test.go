package saga_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/saga"
	"amends/worker"
)

// tally counts what happened in many sagas.
type tally struct {
	sagas, happened, owners, whole int
	seen                           map[string]int
	failed                         int // number of the first saga that broke an invariant, or -1
}

func newTally() tally { return tally{seen: map[string]int{}, failed: -1} }

func (t *tally) add(w *world, number int) {
	t.sagas++
	t.happened += w.happened
	t.owners += len(w.owners)
	if w.whole {
		t.whole++
	}
	for _, p := range w.plan.struck {
		t.seen[kindNames[p.kind]]++
	}
	for _, e := range w.record.events {
		t.seen[string(e.Type)]++
	}
	for ruling, n := range w.rulings {
		t.seen[rulingNames[ruling]] += n
	}
	t.seen[string(w.record.state.Phase)]++
	t.seen[staleWrite] += w.refused
	if w.broken != nil && (t.failed < 0 || number < t.failed) {
		t.failed = number
	}
}

func merge(tallies []tally) tally {
	total := newTally()
	for _, t := range tallies {
		total.sagas += t.sagas
		total.happened += t.happened
		total.owners += t.owners
		total.whole += t.whole
		for name, n := range t.seen {
			total.seen[name] += n
		}
		if t.failed >= 0 && (total.failed < 0 || t.failed < total.failed) {
			total.failed = t.failed
		}
	}
	return total
}

func (t *tally) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d happenings, %d owners, %d sagas with their journals sealed and unsealed\n", t.happened, t.owners, t.whole)
	for _, name := range wanted() {
		fmt.Fprintf(&b, "%12d %s\n", t.seen[name], name)
	}
	return b.String()
}

// demandAll fails the test if something never happened: then it was not tested.
func (t *tally) demandAll(test *testing.T) {
	for _, name := range wanted() {
		if t.seen[name] == 0 {
			test.Errorf("in %d sagas there was no %s", t.sagas, name)
		}
	}
}

// wanted is what a run must have seen: every end, every event, every ruling of
// the fence, every kind of fault.
func wanted() []string {
	names := []string{string(saga.Completed), string(saga.Aborted), string(saga.Stuck)}
	for _, event := range []saga.EventType{
		saga.Started, saga.StepAccepted, saga.StepDeclined, saga.StepUnavailable, saga.StepTimedOut,
		saga.CompensationDone, saga.CompensationRefused, saga.CompensationUnavailable, saga.CompensationTimedOut,
		saga.WorkerAbsent, saga.CancelRequested, saga.DeadlinePassed, saga.Quarantined,
	} {
		names = append(names, string(event))
	}
	names = append(names, rulingNames[:]...)
	names = append(names, staleWrite)
	return append(names, kindNames[:]...)
}

const staleWrite = "write of a stale owner refused"

var rulingNames = [...]string{
	worker.Decide: "ruling: decide", worker.Repeat: "ruling: repeat", worker.Conflict: "ruling: conflict",
	worker.TooLate: "ruling: too late", worker.NothingToUndo: "ruling: nothing to undo",
}
