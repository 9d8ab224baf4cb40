package workertest

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
)

// killedBeforeAnswer lets a replica die between storing its verdict and answering,
// for each kind of verdict. Whoever asks again gets, from another replica, the
// answer that was stored, byte by byte, and nothing more is written (D24, D25).
func killedBeforeAnswer(r *trial) {
	accepted := r.Accept("dies")
	for _, last := range []struct {
		subject, suffix string
		cmd             worker.Command
	}{
		{r.Action, protocol.SuffixOK, accepted},
		{r.Action, protocol.SuffixFailed, r.Decline("dies-no")},
		{r.Compensation, protocol.SuffixOK, r.Undo("dies")},
	} {
		Halt(r, r.first)
		before := r.writes()
		r.dieAnswering(last.subject, last.cmd)
		r.first, r.link = r.replica()
		if got := r.writes(); got == before {
			r.Fatalf("the replica died before it had stored anything about %+v", last.cmd)
		}
		stored := r.writes()
		first := r.send(last.subject, last.cmd)
		r.expect(first, last.cmd, last.suffix, "")
		r.same(r.send(last.subject, last.cmd), first)
		if last.subject == r.Action && r.Query != "" {
			r.told(last.cmd.Header().SagaID, protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: json.RawMessage(first)})
		}
		if got := r.writes(); got != stored {
			r.Fatalf("%d values were written when the command came again", got-stored)
		}
	}
}

// dieAnswering starts a replica, has it carry a command out, and cuts it off in the
// moment in which it would answer: the time of the answer is taken when everything
// else is done.
func (r *trial) dieAnswering(subject string, cmd worker.Command) {
	r.Helper()
	cfg := r.nats.Config(r)
	var armed atomic.Bool
	dead := make(chan struct{})
	before := r.writes()
	cfg.Now = func() time.Time {
		if armed.Load() && r.writes() > before && armed.CompareAndSwap(true, false) {
			cfg.Conn.Close()
			close(dead)
		}
		return time.Now()
	}
	s, err := r.Participant.New(cfg)
	r.must(err)
	r.must(s.Start(r.Context()))
	r.Cleanup(func() { Halt(r, s) })
	before = r.writes() // a start may write, too
	armed.Store(true)
	answered, err := r.client.SubscribeSync(nats.NewInbox())
	r.must(err)
	body, err := json.Marshal(cmd)
	r.must(err)
	r.must(r.client.PublishRequest(subject, answered.Subject, body))
	select {
	case <-dead:
	case <-time.After(patience):
		r.Fatalf("waited %s in vain for the end of the replica", patience)
	}
	r.must(r.client.Flush())
	if n, _, err := answered.Pending(); err != nil || n > 0 {
		r.Fatalf("the dead replica has answered: %v", err)
	}
}
