package workertest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// patience is how long a test waits for something that must happen.
	patience = 2 * time.Minute
	// tryTimeout is how long the first attempt of a command waits for its answer.
	tryTimeout = 500 * time.Millisecond
	// tryPause is the wait before the next attempt if nobody is there.
	tryPause = 5 * time.Millisecond
)

// Participant is a service under test: how to make it, and commands of each
// kind. Commands are made anew for each saga, always of the same step.
type Participant struct {
	// New describes one replica.
	New func(cfg worker.Config) (*worker.Service, error)
	// Prepare brings about what the service needs before it starts, such as
	// stock. It may be nil.
	Prepare func(t testing.TB, cfg worker.Config)
	// Bucket is where the service remembers.
	Bucket string
	// Action and Compensation are the subjects of the two commands.
	Action, Compensation string
	// Accept is a command that the service accepts.
	Accept func(saga string) worker.Command
	// Differ is Accept with other content.
	Differ func(saga string) worker.Command
	// Decline is a command that the service declines.
	Decline func(saga string) worker.Command
	// Relent makes the service accept from now on what it declined before. It
	// is nil if nothing can.
	Relent func(t testing.TB, cfg worker.Config)
	// Undo is the compensation of Accept and of Decline.
	Undo func(saga string) worker.Command
	// Query is the subject on which the service tells what became of an action;
	// "" if it does not.
	Query string
	// Wrong are inputs that make no sense to this service in particular.
	Wrong []Wrong
}

// Wrong is an input that is refused with an error of this code and field.
type Wrong struct {
	Name   string
	Change func(command map[string]any) // what is wrong with an otherwise good action
	Code   protocol.Code
	Field  string
}

// Exercise checks everything that a participant must keep to, whatever it does:
// each command has one answer and one effect, for ever.
func Exercise(t *testing.T, p Participant) {
	for _, c := range []struct {
		name  string
		check func(*trial)
	}{
		{"a repeated command has one effect and one answer", repeated},
		{"attempt and key are echoed", echoed},
		{"a refusal stands whatever changes", sticky},
		{"an action after its compensation is refused", tombstone},
		{"a declined action is compensated without effect", declinedUndone},
		{"a repeated compensation has one effect and one answer", undoneTwice},
		{"a repeated action after its compensation has its old answer and no effect", repeatedAfterUndo},
		{"a reversal of nothing is accepted and keeps the action away", reversedNothing},
		{"a reversal after the compensation is accepted", reversedAfterUndo},
		{"what still stands is undone by its reversal, once", reversedStanding},
		{"what became of an action is told", queried},
		{"the same step with other content is a conflict", conflicting},
		{"fifty at once have one effect and one answer", crowd},
		{"two replicas are one service", replicas},
		{"an answer that was lost is given again", lostReply},
		{"a replica that dies before it answers has answered", killedBeforeAnswer},
		{"a restart forgets nothing", restarted},
		{"a restart of the server forgets nothing", serverRestarted},
		{"a connection that breaks again and again loses nothing", brokenConnection},
		{"bad input is refused and does nothing", badInput},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(newTrial(t, p)) })
	}
}

// trial is one check of one participant on a server of its own.
type trial struct {
	*testing.T
	Participant
	nats   *NATS
	cfg    worker.Config // for whatever is not the service
	client *nats.Conn
	stream jetstream.Stream
	first  *worker.Service
	link   *nats.Conn // of the first replica
}

func newTrial(t *testing.T, p Participant) *trial {
	n := Server(t)
	r := &trial{T: t, Participant: p, nats: n, cfg: n.Config(t), client: n.Connect(t)}
	if p.Prepare != nil {
		p.Prepare(t, r.cfg)
	}
	r.first, r.link = r.replica()
	js, err := jetstream.New(r.client)
	r.must(err)
	r.stream, err = js.Stream(r.Context(), protocol.BucketStream(p.Bucket))
	r.must(err)
	return r
}

// replica starts one more replica of the service, for the rest of the trial.
func (r *trial) replica() (*worker.Service, *nats.Conn) {
	r.Helper()
	cfg := r.nats.Config(r)
	return Start(r, r.Participant, cfg), cfg.Conn
}

// Start starts a replica of a participant and stops it at the end of the test.
func Start(t testing.TB, p Participant, cfg worker.Config) *worker.Service {
	t.Helper()
	s, err := p.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Halt(t, s) })
	return s
}

// Halt stops a service, and waits for it.
func Halt(t testing.TB, s *worker.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (r *trial) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *trial) do(cmd worker.Command) string   { r.Helper(); return r.send(r.Action, cmd) }
func (r *trial) undo(cmd worker.Command) string { r.Helper(); return r.send(r.Compensation, cmd) }

func (r *trial) send(subject string, cmd worker.Command) string {
	r.Helper()
	body, err := json.Marshal(cmd)
	r.must(err)
	return r.sendBody(subject, body)
}

// sendBody returns the body of the answer to a message. While there is none, or
// the service says that it cannot do its work now, the message is sent again, as
// an orchestrator does. Each attempt waits longer than the one before: a busy
// machine is not made busier.
func (r *trial) sendBody(subject string, body []byte) string {
	r.Helper()
	wait := tryTimeout
	for until := time.Now().Add(patience); ; wait *= 2 {
		m, err := r.client.Request(subject, body, wait)
		if err == nil && !isTrouble(m.Data) {
			return string(m.Data)
		}
		if time.Now().After(until) {
			r.Fatalf("no answer on %s: %v", subject, err)
		}
		<-time.After(tryPause)
	}
}

// isTrouble tells an answer that asks to try again.
func isTrouble(body []byte) bool {
	var trouble protocol.Trouble
	return json.Unmarshal(body, &trouble) == nil && trouble.Retryable
}

// expect fails the trial unless an answer is of the given type and, if an error
// is given, says so.
func (r *trial) expect(body string, cmd worker.Command, suffix, reason string) {
	r.Helper()
	var answer struct {
		protocol.Reply
		Error string `json:"error"`
	}
	r.must(json.Unmarshal([]byte(body), &answer))
	if answer.Reply != cmd.Header().Reply(suffix) || reason != "" && answer.Error != reason {
		r.Fatalf("got %s, want %v with error %q", body, cmd.Header().Reply(suffix), reason)
	}
}

func (r *trial) same(got, want string) {
	r.Helper()
	if got != want {
		r.Fatalf("got another answer:\n%s\nwant that of before:\n%s", got, want)
	}
}

// writes is how much was ever written to the bucket.
func (r *trial) writes() uint64 {
	r.Helper()
	info, err := r.stream.Info(r.Context())
	r.must(err)
	return info.State.LastSeq
}

// wrote fails the trial unless do writes exactly n values to the bucket: one for
// each effect or verdict.
func (r *trial) wrote(n uint64, do func()) {
	r.Helper()
	before := r.writes()
	do()
	if after := r.writes(); after != before+n {
		r.Fatalf("%d values were written, want %d", after-before, n)
	}
}
