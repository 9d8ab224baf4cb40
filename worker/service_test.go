package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// subjectOpen is where the door of these tests is opened.
const subjectOpen = "door.open"

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

// open is the one command of the door, told apart by its user.
func open(saga, user string) []byte {
	body, err := json.Marshal(protocol.ChargePayment{
		Command: protocol.Command{Type: protocol.TypeChargePayment, SagaID: saga, Step: 1},
		UserID:  user, Amount: "1", Currency: "USD",
	})
	if err != nil {
		panic(err)
	}
	return body
}

type empty struct{}

// door is a participant whose rule waits, or panics, as its user wants.
type door struct {
	*worker.Service
	entered chan string   // gets the name of each user whose rule runs
	closed  chan struct{} // lets "waiter" through when closed
}

func newDoor(t testing.TB, cfg worker.Config) *door {
	t.Helper()
	d := &door{entered: make(chan string, 100), closed: make(chan struct{})}
	book := worker.NewBook[empty]("DOOR")
	s, err := worker.New(cfg, "door", book, worker.Act(subjectOpen, book,
		func(cmd protocol.ChargePayment, _ int64) (empty, empty, *protocol.Failure) {
			d.entered <- cmd.UserID
			switch cmd.UserID {
			case "waiter":
				<-d.closed
			case "bomb":
				panic("boom")
			}
			return empty{}, empty{}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	d.Service = s
	return d
}

func startDoor(t testing.TB, cfg worker.Config) *door {
	t.Helper()
	d := newDoor(t, cfg)
	if err := d.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(soon(t)); err != nil {
			t.Error(err)
		}
	})
	return d
}

// soon is a context for what must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func ask(t testing.TB, nc *nats.Conn, body []byte) string {
	t.Helper()
	m, err := nc.Request(subjectOpen, body, patience)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

// logbook is a log that tests can wait for.
type logbook struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newLogbook() *logbook { return &logbook{more: make(chan struct{}, 1)} }

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(bytes.TrimSpace(line)))
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(strings.Join(l.lines, "\n"), part)
}

func (l *logbook) waitFor(t testing.TB, part string) {
	t.Helper()
	for l.count(part) == 0 {
		select {
		case <-l.more:
		case <-soon(t).Done():
			t.Fatalf("the log never said %q", part)
		}
	}
}

func TestStartWaitsForJetStream(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	n.Stop()
	log := newLogbook()
	cfg.Log = zerolog.New(log)
	d := newDoor(t, cfg)
	started := make(chan error, 1)
	go func() { started <- d.Start(soon(t)) }()
	log.waitFor(t, "waiting for JetStream")
	n.Start(t)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if got := ask(t, n.Connect(t), open("late", "u42")); !strings.Contains(got, "_ok") {
		t.Errorf("got %s", got)
	}
	if n := log.count("waiting for JetStream"); n != 1 {
		t.Errorf("the log says %d times what the service waits for", n)
	}
	if err := d.Stop(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := newDoor(t, cfg).Start(ctx); err == nil {
		t.Error("started without a server")
	}
}

func TestStopEndsAStartThatWaits(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	n.Stop()
	log := newLogbook()
	cfg.Log = zerolog.New(log)
	d := newDoor(t, cfg)
	started := make(chan error, 1)
	go func() { started <- d.Start(context.Background()) }()
	log.waitFor(t, "waiting for JetStream")
	if err := d.Stop(soon(t)); err != nil {
		t.Error(err)
	}
	if err := <-started; err == nil {
		t.Error("started although it was stopped")
	}
}

func TestStartsOnceStopsAnyTime(t *testing.T) {
	n := workertest.Server(t)
	d := newDoor(t, n.Config(t))
	for range 2 {
		if err := d.Stop(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if err := d.Start(soon(t)); err == nil {
		t.Error("started after it was stopped")
	}
	d = startDoor(t, n.Config(t))
	if err := d.Start(soon(t)); err == nil {
		t.Error("started twice")
	}
	for range 2 {
		if err := d.Stop(soon(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestNewRefusesAnIncompleteConfig(t *testing.T) {
	book := worker.NewBook[empty]("DOOR")
	if _, err := worker.New(worker.Config{}, "door", book); err == nil {
		t.Error("made a service without a connection")
	}
	cfg := workertest.Server(t).Config(t)
	cfg.Writer = nil
	if _, err := worker.New(cfg, "door", book); err == nil {
		t.Error("made a service without a writer")
	}
}

func TestStopWaitsForCommandsInWork(t *testing.T) {
	n := workertest.Server(t)
	d, client := startDoor(t, n.Config(t)), n.Connect(t)
	answered := make(chan string, 1)
	go func() { answered <- ask(t, client, open("slow", "waiter")) }()
	<-d.entered
	hurried, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Stop(hurried); err == nil {
		t.Error("stopped with a command in work")
	}
	if m, err := client.Request(subjectOpen, open("new", "u42"), patience); err == nil && !strings.Contains(string(m.Data), "unavailable") {
		t.Errorf("took a command after it was stopped: %s", m.Data)
	}
	close(d.closed)
	if got := <-answered; !strings.Contains(got, "_ok") && !strings.Contains(got, "unavailable") {
		t.Errorf("got %s", got)
	}
}

func TestStopLetsCommandsInWorkEnd(t *testing.T) {
	n := workertest.Server(t)
	d, client := startDoor(t, n.Config(t)), n.Connect(t)
	answered := make(chan string, 1)
	go func() { answered <- ask(t, client, open("slow", "waiter")) }()
	<-d.entered
	stopped := make(chan error, 1)
	go func() { stopped <- d.Stop(soon(t)) }()
	close(d.closed)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := <-answered; !strings.Contains(got, "_ok") {
		t.Errorf("got %s", got)
	}
}

func TestOverloadIsSaidAtOnce(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	cfg.Concurrency = 1
	d, client := startDoor(t, cfg), n.Connect(t)
	answered := make(chan string, 1)
	go func() { answered <- ask(t, client, open("first", "waiter")) }()
	<-d.entered
	var trouble struct {
		protocol.Reply
		protocol.Trouble
	}
	if err := json.Unmarshal([]byte(ask(t, client, open("second", "u42"))), &trouble); err != nil {
		t.Fatal(err)
	}
	if trouble.Type != "ChargePayment_error" || trouble.Error != "overloaded" || !trouble.Retryable {
		t.Errorf("got %+v", trouble)
	}
	if got := ask(t, client, []byte("{}")); !strings.Contains(got, "unknown_type") && !strings.Contains(got, "missing_field") {
		t.Errorf("a bad request in an overload: got %s", got)
	}
	close(d.closed)
	if got := <-answered; !strings.Contains(got, "_ok") {
		t.Errorf("got %s", got)
	}
	got := ask(t, client, open("second", "u42"))
	for strings.Contains(got, "overloaded") { // the place is free a moment after the answer
		got = ask(t, client, open("second", "u42"))
	}
	if !strings.Contains(got, "_ok") {
		t.Errorf("after the overload: got %s", got)
	}
}

func TestPanicCostsOneCommand(t *testing.T) {
	n := workertest.Server(t)
	log := newLogbook()
	cfg := n.Config(t)
	cfg.Log = zerolog.New(log)
	startDoor(t, cfg)
	client := n.Connect(t)
	var trouble struct {
		protocol.Reply
		protocol.Trouble
	}
	if err := json.Unmarshal([]byte(ask(t, client, open("b", "bomb"))), &trouble); err != nil {
		t.Fatal(err)
	}
	if trouble.Type != "ChargePayment_error" || trouble.Error != "internal" || trouble.Retryable {
		t.Errorf("got %+v", trouble)
	}
	if strings.Contains(trouble.Message, "boom") {
		t.Errorf("the panic leaks to the sender: %s", trouble.Message)
	}
	if log.count("boom") != 1 || log.count("service_test.go") == 0 {
		t.Errorf("the log has no panic with its stack: %q", log.lines)
	}
	if got := ask(t, client, open("c", "u42")); !strings.Contains(got, "_ok") {
		t.Errorf("after the panic: got %s", got)
	}
}

// TestForeignSubjectIsDropped: whoever may make a consumer can have the messages
// of a stream delivered where commands come in.
func TestForeignSubjectIsDropped(t *testing.T) {
	n := workertest.Server(t)
	log := newLogbook()
	cfg := n.Config(t)
	cfg.Log = zerolog.New(log)
	d := startDoor(t, cfg)
	js, err := jetstream.New(n.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(soon(t), jetstream.StreamConfig{Name: "ELSEWHERE", Subjects: []string{"else.where"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreatePushConsumer(soon(t), "ELSEWHERE", jetstream.ConsumerConfig{
		DeliverSubject: subjectOpen, DeliverGroup: "door", AckPolicy: jetstream.AckNonePolicy,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(soon(t), "else.where", open("stolen", "u42")); err != nil {
		t.Fatal(err)
	}
	log.waitFor(t, "meant for another subject")
	if len(d.entered) != 0 {
		t.Error("a message of a stream was taken for a command")
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	n := workertest.Server(t)
	cfg := n.Config(t)
	run := func(saga string) {
		d := newDoor(t, cfg)
		if err := d.Start(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, cfg.Conn, open(saga, "u42")); !strings.Contains(got, "_ok") {
			t.Errorf("got %s", got)
		}
		if err := d.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	run("first") // the server and the connection start what stays
	before := goleak.IgnoreCurrent()
	run("second")
	goleak.VerifyNone(t, before)
}
