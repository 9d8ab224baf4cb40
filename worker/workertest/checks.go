package workertest

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
)

// stormPause is the time a connection has before its first break. Each later one
// has a little more: however slow the machine is, it comes to an end.
const stormPause = 10 * time.Millisecond

func repeated(r *trial) {
	cmd := r.Accept("repeated")
	r.wrote(1, func() {
		first := r.do(cmd)
		r.expect(first, cmd, protocol.SuffixOK, "")
		r.same(r.do(cmd), first)
		r.same(r.do(cmd), first)
	})
}

func echoed(r *trial) {
	cmd := r.Accept("echoed")
	body, err := json.Marshal(cmd)
	r.must(err)
	for _, attempt := range []string{"1", "2"} {
		m := nats.NewMsg(r.Action)
		m.Data = body
		m.Header.Set(protocol.HeaderAttempt, attempt)
		m.Header.Set(protocol.HeaderKey, fmt.Sprintf("echoed.%d.do", cmd.Header().Step))
		answer, err := r.client.RequestMsg(m, patience)
		r.must(err)
		r.expect(string(answer.Data), cmd, protocol.SuffixOK, "")
		for _, name := range []string{protocol.HeaderAttempt, protocol.HeaderKey} {
			r.same(answer.Header.Get(name), m.Header.Get(name))
		}
		received := answer.Header.Get(protocol.HeaderReceived)
		answered := answer.Header.Get(protocol.HeaderAnswered)
		if len(received) != len("1700000000000000") || answered < received {
			r.Fatalf("received at %q and answered at %q are no times in microseconds", received, answered)
		}
	}
}

func sticky(r *trial) {
	cmd := r.Decline("sticky")
	first := r.do(cmd)
	r.expect(first, cmd, protocol.SuffixFailed, "")
	if r.Relent != nil {
		r.Relent(r, r.cfg)
		other := r.Decline("another")
		r.expect(r.do(other), other, protocol.SuffixOK, "")
	}
	r.wrote(0, func() { r.same(r.do(cmd), first) })
}

func tombstone(r *trial) {
	undo, cmd := r.Undo("tombstone"), r.Accept("tombstone")
	r.wrote(1, func() {
		undone := r.undo(undo)
		r.expect(undone, undo, protocol.SuffixOK, "")
		refused := r.do(cmd)
		r.expect(refused, cmd, protocol.SuffixFailed, worker.ReasonCompensated)
		r.same(r.do(cmd), refused)
		r.same(r.undo(undo), undone)
	})
}

func declinedUndone(r *trial) {
	cmd, undo := r.Decline("declined"), r.Undo("declined")
	declined := r.do(cmd)
	r.expect(declined, cmd, protocol.SuffixFailed, "")
	r.wrote(1, func() {
		r.expect(r.undo(undo), undo, protocol.SuffixOK, "")
		r.same(r.do(cmd), declined)
	})
}

func undoneTwice(r *trial) {
	r.do(r.Accept("undone"))
	undo := r.Undo("undone")
	r.wrote(1, func() {
		first := r.undo(undo)
		r.expect(first, undo, protocol.SuffixOK, "")
		r.same(r.undo(undo), first)
	})
}

func repeatedAfterUndo(r *trial) {
	cmd := r.Accept("late")
	first := r.do(cmd)
	r.undo(r.Undo("late"))
	r.wrote(0, func() { r.same(r.do(cmd), first) })
}

func conflicting(r *trial) {
	cmd, other := r.Accept("conflict"), r.Differ("conflict")
	first := r.do(cmd)
	r.wrote(0, func() {
		r.expect(r.do(other), other, protocol.SuffixError, string(protocol.CodeIdempotencyConflict))
		r.same(r.do(cmd), first)
	})
}

func crowd(r *trial) {
	r.wrote(1, func() { r.allAtOnce(r.Accept("crowd"), 50) })
}

func replicas(r *trial) {
	r.replica()
	const sagas = 20
	r.wrote(2*sagas, func() {
		var all sync.WaitGroup
		for i := range sagas {
			all.Go(func() {
				saga := fmt.Sprintf("replicas-%d", i)
				r.allAtOnce(r.Accept(saga), 4)
				r.undo(r.Undo(saga))
			})
		}
		all.Wait()
	})
}

// allAtOnce sends a command n times at once; all must be accepted by the same
// words.
func (r *trial) allAtOnce(cmd worker.Command, n int) {
	answers := make([]string, n)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = r.do(cmd) })
	}
	all.Wait()
	r.expect(answers[0], cmd, protocol.SuffixOK, "")
	for _, answer := range answers {
		r.same(answer, answers[0])
	}
}

// lostReply is what a client sees of a service that was killed between storing
// and answering.
func lostReply(r *trial) {
	cmd := r.Accept("lost")
	body, err := json.Marshal(cmd)
	r.must(err)
	r.wrote(1, func() {
		before := r.writes()
		r.must(r.client.PublishRequest(r.Action, r.client.NewInbox(), body))
		r.eventually("the command is carried out", func() bool { return r.writes() > before })
		r.expect(r.do(cmd), cmd, protocol.SuffixOK, "")
	})
}

func restarted(r *trial) {
	accept, decline, undo := r.Accept("kept"), r.Decline("refused"), r.Undo("undone")
	accepted, declined, undone := r.do(accept), r.do(decline), r.undo(undo)
	Halt(r, r.first)
	r.replica()
	r.wrote(0, func() {
		r.same(r.do(accept), accepted)
		r.same(r.do(decline), declined)
		r.same(r.undo(undo), undone)
	})
}

func serverRestarted(r *trial) {
	cmd := r.Accept("before")
	first := r.do(cmd)
	r.nats.Stop()
	r.nats.Start(r)
	r.same(r.do(cmd), first)
	next := r.Accept("after")
	r.expect(r.do(next), next, protocol.SuffixOK, "")
}

func brokenConnection(r *trial) {
	const sagas = 10
	calm, storm := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(storm)
		for pause := stormPause; ; pause += pause / 10 {
			select {
			case <-calm:
				return
			case <-time.After(pause):
				if err := r.link.ForceReconnect(); err != nil {
					r.Error(err)
				}
			}
		}
	}()
	r.wrote(2*sagas, func() {
		var all sync.WaitGroup
		for i := range sagas {
			all.Go(func() {
				saga := fmt.Sprintf("broken-%d", i)
				r.allAtOnce(r.Accept(saga), 2)
				undo := r.Undo(saga)
				r.same(r.undo(undo), r.undo(undo))
			})
		}
		all.Wait()
		close(calm)
		<-storm
	})
}

func (r *trial) eventually(what string, is func() bool) {
	r.Helper()
	for until := time.Now().Add(patience); !is(); {
		if time.Now().After(until) {
			r.Fatalf("waited %s in vain until %s", patience, what)
		}
		<-time.After(time.Millisecond)
	}
}
