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
		if e.Via != "" {
			t.seen[string(e.Type)+viaName(e.Via)]++
		}
	}
	for i := range w.record.state.Steps {
		if w.record.state.Steps[i].Reversal {
			t.seen[reversals]++
		}
	}
	for kind, n := range w.alarms {
		t.seen[incidentName+string(kind)] += n
	}
	for ruling, n := range w.rulings {
		t.seen[rulingNames[ruling]] += n
	}
	t.seen[string(w.record.state.Phase)]++
	t.seen[staleWrite] += w.refused
	t.seen[adoptedEvent] += w.adopted
	t.seen[sleeping] += w.slept
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
	names := []string{string(saga.Completed), string(saga.Aborted), string(saga.Stuck), string(saga.Killed)}
	for _, event := range []saga.EventType{
		saga.Started, saga.StepAccepted, saga.StepDeclined, saga.StepUnavailable, saga.StepTimedOut, saga.StepTaken,
		saga.StepNotFound, saga.StepNotTold,
		saga.CompensationDone, saga.CompensationRefused, saga.CompensationUnavailable, saga.CompensationTimedOut,
		saga.WorkerAbsent, saga.CancelRequested, saga.DeadlinePassed, saga.Quarantined,
		saga.KillRequested, saga.RetryRequested, saga.StepResolved, saga.Migrated,
	} {
		names = append(names, string(event))
	}
	for _, via := range []saga.Via{saga.ViaQuery, saga.ViaCallback} {
		names = append(names, string(saga.StepAccepted)+viaName(via), string(saga.StepDeclined)+viaName(via))
	}
	names = append(names, string(saga.StepTaken)+viaName(saga.ViaQuery))
	names = append(names, rulingNames[:]...)
	names = append(names, staleWrite, adoptedEvent, sleeping, reversals)
	for _, kind := range []saga.IncidentKind{saga.CompensationFailed, saga.StepStuck, saga.AbsentWorker, saga.Poison} {
		names = append(names, incidentName+string(kind))
	}
	return append(names, kindNames[:]...)
}

const (
	staleWrite   = "write of a stale owner refused"
	adoptedEvent = "addition of another adopted by the owner"
	sleeping     = "saga left alone while it waits"
	reversals    = "second compensation"
	incidentName = "incident: "
)

func viaName(via saga.Via) string {
	if via == "" {
		return ""
	}
	return " via " + string(via)
}

var rulingNames = [...]string{
	worker.Decide: "ruling: decide", worker.Repeat: "ruling: repeat", worker.Conflict: "ruling: conflict",
	worker.TooLate: "ruling: too late", worker.NothingToUndo: "ruling: nothing to undo",
}
