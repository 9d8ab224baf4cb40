package orchestrator

import (
	"time"

	"amends/faults"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// mishap is a fault that is made on purpose on one command or its answer.
type mishap struct {
	rule *faults.Rule
	on   faults.Occasion
}

// struckFor is how long the answer to a command is awaited whose answer is to be
// struck. One that comes later passes unharmed.
const struckFor = 2 * faults.MaxDelay

// disturb does to a command what a fault makes of it, or notes what is going to
// happen to its answer.
func (b *bus) disturb(hit mishap, c command, m *nats.Msg) {
	switch hit.rule.Fault {
	case faults.DropCommand:
		b.faults.Report(hit.rule, hit.on)
	case faults.DelayCommand:
		b.faults.Report(hit.rule, hit.on)
		time.AfterFunc(hit.rule.Delay, func() { b.publish(c, m) })
	case faults.DuplicateCommand:
		b.faults.Report(hit.rule, hit.on)
		b.publish(c, m)
		time.AfterFunc(hit.rule.Delay, func() { b.publishCopy(m) })
	default:
		b.struck.Store(m.Reply, hit)
		time.AfterFunc(struckFor, func() { b.struck.Delete(m.Reply) })
		b.publish(c, m)
	}
}

// copyMark ends the reply subject of the copy of a command. That nobody listens to a
// copy does not say that nobody got the original.
const copyMark = "-"

// publishCopy sends a command once more. A copy that cannot be sent is no loss.
func (b *bus) publishCopy(m *nats.Msg) {
	again := *m
	again.Reply += copyMark
	_ = b.nc.PublishMsg(&again)
}

// disturbAnswer does to the answer of a worker what a fault makes of it.
func (b *bus) disturbAnswer(hit mishap, sagaID string, a answered) {
	b.faults.Report(hit.rule, hit.on)
	later := func() { time.AfterFunc(hit.rule.Delay, func() { b.deliver(sagaID, a) }) }
	switch hit.rule.Fault {
	case faults.DropReply:
	case faults.DelayReply:
		later()
	default: // it comes twice
		b.deliver(sagaID, a)
		later()
	}
}

// occasion is an attempt as rules of faults know it.
func (i *instance) occasion(e saga.Send) faults.Occasion {
	o := faults.Occasion{
		Service: i.def.Step(e.Step).Service, Type: i.def.Operation(e.Step, e.Mode).Type,
		SagaID: i.id.String(), Step: e.Step, Direction: faults.Action, Attempt: e.Attempt,
	}
	switch e.Mode {
	case saga.Compensate:
		o.Direction = faults.Compensation
	case saga.Ask:
		o.Direction = faults.Question
	}
	return o
}
