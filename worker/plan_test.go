package worker_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/faults"
	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// doomed is a door whose process follows a plan of faults. It can die, and be
// started anew.
type doomed struct {
	t      *testing.T
	server *workertest.NATS
	plan   faults.Plan
	client *nats.Conn

	mu   sync.Mutex
	done int      // how often the rule has run
	told []string // the faults that were told
	died chan struct{}
}

func newDoomed(t *testing.T, rules ...faults.Rule) *doomed {
	t.Helper()
	d := &doomed{t: t, server: workertest.Server(t), plan: faults.Plan{Name: "test", Rules: rules}}
	if problems := d.plan.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	d.client = d.server.Connect(t)
	d.start()
	return d
}

// start begins a life, which ends as that of a killed process does: its connection
// is cut, and nothing is drained or answered.
func (d *doomed) start() {
	d.t.Helper()
	cfg := d.server.Config(d.t)
	d.died = make(chan struct{})
	cfg.Faults = faults.NewInjector(faults.Config{
		Plan: d.plan,
		Report: func(i faults.Injection) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.told = append(d.told, i.Rule)
		},
		Crash: sync.OnceFunc(func() { cfg.Conn.Close(); close(d.died) }),
	})
	book := worker.NewBook[empty]("DOOR")
	s, err := worker.New(cfg, "door", book, worker.Act(subjectOpen, book, func(protocol.ChargePayment, int64) (empty, empty, *protocol.Failure) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.done++
		return empty{}, empty{}, nil
	}), worker.QueryStep("door.query", book))
	if err != nil {
		d.t.Fatal(err)
	}
	if err := s.Start(soon(d.t)); err != nil {
		d.t.Fatal(err)
	}
	// A dead one cannot say good-bye.
	d.t.Cleanup(func() { _ = s.Stop(soon(d.t)) })
}

func (d *doomed) expect(done int, told ...string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done != done || !slices.Equal(d.told, told) {
		d.t.Errorf("%d done and %q told, want %d and %q", d.done, d.told, done, told)
	}
}

var onlyOnce = faults.Attempts{First: 1, Last: 1}

// A refusal is told as the plan has it, and nothing is carried out or stored.
func TestAPlanRefuses(t *testing.T) {
	d := newDoomed(t,
		faults.Rule{Name: "busy", Fault: faults.Refuse, Probability: 1, Attempts: onlyOnce, Error: "busy", Retryable: true, RetryAfter: 70 * time.Millisecond},
		faults.Rule{Name: "no", Fault: faults.Refuse, Probability: 1, Attempts: faults.Attempts{First: 2, Last: 2}})
	if got := parse(t, try(t, d.client, "u1", 1, patience)); got.Error != "busy" || !got.Retryable || got.RetryAfterMS != 70 {
		t.Errorf("attempt 1: got %+v", got)
	}
	if got := parse(t, try(t, d.client, "u1", 2, patience)); got.Error != "door_service_error" || got.Retryable {
		t.Errorf("attempt 2: got %+v", got)
	}
	d.expect(0, "busy", "no")
	if got := parse(t, try(t, d.client, "u1", 3, patience)); got.Type != "ChargePayment_ok" {
		t.Errorf("attempt 3: got %+v", got)
	}
	d.expect(1, "busy", "no")
}

// A crash before a command leaves nothing of it; one after it leaves everything but
// the answer, which the next life gives as it would have been given.
func TestAPlanCrashes(t *testing.T) {
	for _, c := range []struct {
		kind  faults.Kind
		first int // how often the rule has run when the process is dead
	}{{faults.CrashBefore, 0}, {faults.CrashAfter, 1}} {
		t.Run(string(c.kind), func(t *testing.T) {
			d := newDoomed(t, faults.Rule{Name: "dies", Fault: c.kind, Probability: 1, Attempts: onlyOnce})
			if got := try(t, d.client, "u1", 1, silence); got != "" {
				t.Errorf("a dead process answers %s", got)
			}
			select {
			case <-d.died:
			case <-soon(t).Done():
				t.Fatal("it did not die")
			}
			d.expect(c.first, "dies")
			d.start()
			if got := parse(t, try(t, d.client, "u1", 2, patience)); got.Type != "ChargePayment_ok" {
				t.Errorf("attempt 2: got %+v", got)
			}
			d.expect(1, "dies")
		})
	}
}

// What happens to messages happens on the bus: a worker makes none of it, and
// questions meet no faults at all.
func TestAWorkerLeavesTheBusAlone(t *testing.T) {
	var rules []faults.Rule
	for _, kind := range faults.Kinds() {
		if kind.Place() == faults.OnBus {
			rule := faults.Rule{Name: string(kind), Fault: kind, Probability: 1}
			if kind == faults.DelayCommand || kind == faults.DelayReply {
				rule.Delay = faults.MaxDelay
			}
			rules = append(rules, rule)
		}
	}
	d := newDoomed(t, append(rules, faults.Rule{Name: "no", Fault: faults.Refuse, Probability: 1, Type: protocol.TypeQueryStep})...)
	if got := parse(t, try(t, d.client, "u1", 1, patience)); got.Type != "ChargePayment_ok" {
		t.Errorf("got %+v", got)
	}
	if got := tell(t, d.client, "door.query", `{"type":"QueryStep","saga_id":"u1","step":1,"action":"ChargePayment"}`); parse(t, got).Type != "QueryStep_ok" {
		t.Errorf("got %s", got)
	}
	d.expect(1)
}

// blank is a picture of nothing.
type blank struct{}

func (blank) Clear()                                               {}
func (blank) Effect(string, *empty)                                {}
func (blank) Digest(*empty) string                                 { return "" }
func (blank) Digested(string, string) error                        { return nil }
func (blank) Row(string, []byte) error                             { return nil }
func (blank) Rows() []string                                       { return nil }
func (blank) Decide(string, *empty, *empty) ([]worker.Row, func()) { return nil, func() {} }
func (blank) Stored(string, uint64)                                {}
func (blank) Oldest() (uint64, bool)                               { return 0, false }
func (blank) Keep(*empty) time.Duration                            { return 0 }

// What one replica hands on to another has met its fault where it came in.
func TestWhatIsHandedOnMeetsNoSecondFault(t *testing.T) {
	cfg := workertest.Server(t).Config(t)
	cfg.Faults = faults.NewInjector(faults.Config{Plan: faults.Plan{Rules: []faults.Rule{{Name: "no", Fault: faults.Refuse, Probability: 1}}}})
	book := worker.NewGuardedBook("DOOR", "", blank{})
	s, err := worker.New(cfg, "door", book, book.Relay("door", worker.Act(subjectOpen, book,
		func(protocol.ChargePayment, int64) (empty, empty, *protocol.Failure) { return empty{}, empty{}, nil }))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { workertest.Halt(t, s) })
	if got := parse(t, ask(t, cfg.Conn, open("s", "u1"))); got.Error != "door_service_error" {
		t.Errorf("where it comes in: got %+v", got)
	}
	m := nats.NewMsg(replicaOf(t, cfg.Conn, "door"))
	m.Data = open("s", "u1")
	m.Header.Set(protocol.HeaderRelayed, subjectOpen)
	answer, err := cfg.Conn.RequestMsg(m, patience)
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, string(answer.Data)); got.Type != "ChargePayment_ok" {
		t.Errorf("where it is handed on to: got %+v", got)
	}
}

// replicaOf is the subject on which the one replica of a service takes what others
// hand on to it.
func replicaOf(t *testing.T, nc *nats.Conn, service string) string {
	t.Helper()
	subject, err := micro.ControlSubject(micro.InfoVerb, service, "")
	if err != nil {
		t.Fatal(err)
	}
	var info micro.Info
	if err := json.Unmarshal([]byte(tell(t, nc, subject, "")), &info); err != nil {
		t.Fatal(err)
	}
	for _, e := range info.Endpoints {
		if strings.HasPrefix(e.Subject, protocol.SubjectReplica(service, "")) {
			return e.Subject
		}
	}
	t.Fatalf("there is none in %+v", info.Endpoints)
	return ""
}
