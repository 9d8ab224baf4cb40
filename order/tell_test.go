package order

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"amends/protocol"
	"amends/saga"
)

// What is told of random lives makes sense, whatever happens in them.
func TestWhatIsToldMakesSense(t *testing.T) {
	random := dice(t)
	lives := 3000
	if testing.Short() {
		lives = 300
	}
	ends := make(map[saga.Phase]int)
	for n := range lives {
		l := live(random, fmt.Sprint("saga", n)).liveOn(random)
		ends[l.state.Phase]++
		if fault := l.judge(); fault != "" {
			t.Fatalf("%s\n%s", fault, l)
		}
	}
	t.Log(ends)
	for _, phase := range []saga.Phase{saga.Completed, saga.Aborted} {
		if ends[phase] == 0 {
			t.Errorf("no life ended %s", phase)
		}
	}
}

// judge says what is wrong with what is told of a life; "" if nothing is.
func (l *life) judge() string {
	facts, _ := Tell(l.def, l.events)
	for n := range l.events {
		if fault := isBeginning(l.def, l.events[:n], facts); fault != "" {
			return fault
		}
	}
	count := make(map[string]int)
	seen := make(map[string]bool)
	cancelled, refunded := false, false
	for _, f := range facts {
		id := fmt.Sprint(f.Seq, f.Name)
		if seen[id] {
			return "told twice of one event: " + id
		}
		seen[id] = true
		count[f.Name]++
		if c, ok := f.Body.(protocol.OrderCancelledEvent); ok {
			if cancelled = true; c.RefundIssued != refunded {
				return "the cancellation is wrong about a refund"
			}
		}
		refunded = refunded || f.Name == protocol.EventPaymentRefunded
		if body, _ := json.Marshal(f.Body); strings.Contains(string(body), "s3cret") || strings.Contains(string(body), "checkout.callback") {
			return "a secret is told: " + string(body)
		}
	}
	return l.judgeCounts(count, cancelled)
}

// isBeginning holds that what is told of a beginning is the beginning of what is
// told of all of it.
func isBeginning(def *saga.Definition, events []saga.Event, facts []Fact) string {
	begun, _ := Tell(def, events)
	for i := range begun {
		if i >= len(facts) || begun[i].Seq != facts[i].Seq || begun[i].Name != facts[i].Name {
			return fmt.Sprintf("after %d events fact %d is %+v", len(events), i, begun[i])
		}
	}
	if len(begun) < len(facts) && facts[len(begun)].Seq <= len(events) {
		return fmt.Sprintf("event %d is not told in time", facts[len(begun)].Seq)
	}
	return ""
}

// judgeCounts holds the numbers of events against each other.
func (l *life) judgeCounts(count map[string]int, cancelled bool) string {
	steps := func(done, undone string) bool { return count[undone] <= count[done] }
	switch {
	case count[protocol.EventOrderAccepted] != 1:
		return "an order is accepted once"
	case (l.state.Phase == saga.Completed) != (count[protocol.EventOrderCompleted] == 1):
		return "a completed order is told as completed, once, and no other"
	case l.state.Phase == saga.Aborted && !cancelled || count[protocol.Event001OrderCancelled] > 1:
		return "an aborted order is cancelled, once"
	case cancelled && count[protocol.EventOrderCompleted] > 0:
		return "an order is cancelled or completed"
	case !steps(protocol.EventInventoryReserved, protocol.EventInventoryReleased),
		!steps(protocol.EventPaymentCharged, protocol.EventPaymentRefunded),
		!steps(protocol.EventPaymentAuthorized, protocol.EventPaymentVoided),
		!steps(protocol.EventShipmentCreated, protocol.EventShipmentCancelled),
		!steps(protocol.EventStepDone, protocol.EventStepUndone):
		return "nothing is undone that was not done"
	case l.state.Phase == saga.Stuck && count[protocol.Event001OrderFulfillmentFailed] == 0:
		return "an order that is stuck is told as failed"
	}
	return l.judgeRefunds(count)
}

// judgeRefunds holds that every charge of an aborted saga was given back, unless a
// person decided otherwise.
func (l *life) judgeRefunds(count map[string]int) string {
	byHand := slices.ContainsFunc(l.events, func(e saga.Event) bool { return e.Type == saga.StepResolved })
	stands := slices.ContainsFunc(l.state.Steps, func(s saga.StepState) bool { return s.Status == saga.StepCompensationFailed })
	if l.state.Phase != saga.Aborted || byHand || stands {
		return ""
	}
	for done, undone := range map[string]string{
		protocol.EventInventoryReserved: protocol.EventInventoryReleased, protocol.EventPaymentCharged: protocol.EventPaymentRefunded,
		protocol.EventShipmentCreated: protocol.EventShipmentCancelled, protocol.EventStepDone: protocol.EventStepUndone,
	} {
		if count[done] != count[undone] {
			return fmt.Sprintf("an aborted order has %d %s and %d %s", count[done], done, count[undone], undone)
		}
	}
	return ""
}

// String shows a life, event by event.
func (l *life) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, l.def.Name, l.state.Phase)
	facts, _ := Tell(l.def, l.events)
	for n, e := range l.events {
		fmt.Fprintf(&b, "%d %s step=%d attempt=%d via=%s %s %s\n", n+1, e.Type, e.Step, e.Attempt, e.Via, e.Code, e.As)
		for _, f := range facts {
			if f.Seq == n+1 {
				fmt.Fprintf(&b, "    %s\n", f.Name)
			}
		}
	}
	return b.String()
}
