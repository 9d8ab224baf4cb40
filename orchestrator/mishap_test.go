package orchestrator

import (
	"fmt"
	"testing"
	"time"

	"amends/faults"
	"amends/protocol"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
)

// A fault on the bus changes how often and when a worker gets a command, and the
// orchestrator its answer; and nothing else. Each is told once.
func TestMishapsOnTheBus(t *testing.T) {
	const late = 50 * time.Millisecond
	for _, c := range []struct {
		kind              faults.Kind
		delay             time.Duration
		commands, answers int
		least             time.Duration // until the last of them
	}{
		{faults.DropCommand, 0, 0, 0, 0},
		{faults.DropReply, 0, 1, 0, 0},
		{faults.DelayCommand, late, 1, 1, late},
		{faults.DelayReply, late, 1, 1, late},
		{faults.DuplicateCommand, 0, 2, 2, 0},
		{faults.DuplicateCommand, late, 2, 2, late},
		{faults.DuplicateReply, 0, 1, 2, 0},
		{faults.DuplicateReply, late, 1, 2, late},
		{faults.Refuse, 0, 1, 1, 0}, // is for the worker to do
		{faults.CrashAfter, 0, 1, 1, 0},
	} {
		t.Run(fmt.Sprint(c.kind, c.delay), func(t *testing.T) {
			told := make(chan string, 10)
			plan := faults.Plan{Rules: []faults.Rule{{Name: "rule", Fault: c.kind, Delay: c.delay, Probability: 1, Attempts: faults.Attempts{First: 1, Last: 1}}}}
			o := newOverland(t, faults.NewInjector(faults.Config{Plan: plan, Report: func(i faults.Injection) { told <- i.SagaID }}))
			begin := time.Now()
			o.send("s1", 1)
			o.expect("s1", c.commands, c.answers)
			if took := time.Since(begin); took < c.least {
				t.Errorf("the last one came after %v, before %v", took, c.least)
			}
			o.send("s2", 2)
			o.expect("s2", 1, 1)
			if c.kind.Place() == faults.OnBus {
				if got := <-told; got != "s1" || len(told) != 0 {
					t.Errorf("told of %s, and %d more", got, len(told))
				}
			}
		})
	}
}

// That nobody listens any more when the copy of a command comes does not say that
// nobody got the original: it is not offered again as if nothing had been done.
func TestACopyThatNobodyGetsSaysNothing(t *testing.T) {
	plan := faults.Plan{Rules: []faults.Rule{{Name: "rule", Fault: faults.DuplicateCommand, Probability: 1, Attempts: faults.Attempts{First: 1, Last: 1}}}}
	o := newOverland(t, faults.NewInjector(faults.Config{Plan: plan}))
	if err := o.worker.AutoUnsubscribe(1); err != nil {
		t.Fatal(err)
	}
	if err := o.bus.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	o.send("s1", 1)
	o.expect("s1", 1, 1)
	o.send("s2", 2) // nobody gets it, which is known at once
	o.expect("s2", 0, 1)
}

// overland is a bus with a worker at its other end.
type overland struct {
	t        *testing.T
	bus      *bus
	worker   *nats.Subscription
	commands chan string // sagas whose command has come
	answers  chan string // and whose answer has
}

func newOverland(t *testing.T, injector *faults.Injector) *overland {
	t.Helper()
	server := workertest.Server(t)
	o := &overland{t: t, commands: make(chan string, 10), answers: make(chan string, 10)}
	worker := server.Connect(t)
	var err error
	o.worker, err = worker.Subscribe(protocol.SubjectCharge, func(m *nats.Msg) {
		o.commands <- string(m.Data)
		if err := m.Respond(m.Data); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Flush(); err != nil {
		t.Fatal(err)
	}
	o.bus, err = newBus(server.Connect(t), injector, func(saga string, a answered) { o.answers <- saga })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *overland) send(saga string, attempt int) {
	o.t.Helper()
	id, err := protocol.ParseSagaID(saga)
	if err != nil {
		o.t.Fatal(err)
	}
	o.bus.send(command{
		subject: protocol.SubjectCharge, id: id, attempt: attempt, token: 1, body: []byte(saga),
		occasion: faults.Occasion{Service: "payment", Type: "ChargePayment", SagaID: saga, Step: 2, Direction: faults.Action, Attempt: attempt},
	})
}

// expect waits for so many commands and answers of a saga; one more would be found
// in place of those of the next.
func (o *overland) expect(saga string, commands, answers int) {
	o.t.Helper()
	for n := range commands {
		o.next(o.commands, saga, fmt.Sprint("command ", n+1))
	}
	for n := range answers {
		o.next(o.answers, saga, fmt.Sprint("answer ", n+1))
	}
}

func (o *overland) next(from chan string, saga, what string) {
	o.t.Helper()
	select {
	case got := <-from:
		if got != saga {
			o.t.Errorf("%s of %s: got one of %s", what, saga, got)
		}
	case <-time.After(patience):
		o.t.Errorf("there is no %s of %s", what, saga)
	}
}
