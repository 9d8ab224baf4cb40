package chaos_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// takeoverTimeout is how long the sagas of a stopped owner may take to find
// another: the ack wait of 5 s, the 5 s of a pull that the stopped one still has
// open, and time to spare on a busy machine.
const takeoverTimeout = 60 * time.Second

// TestStaleOwner stops an orchestrator in the middle of its sagas, past the ack
// wait, lets another one finish them, and continues it. It goes on with commands
// of long ago: nothing happens twice, its write is refused, and no client is told
// anything else than before (I2, I9).
func TestStaleOwner(t *testing.T) {
	slow(t)
	random := dice(t)
	s := newSite(t, "interval")
	s.startAll(roleNATS, roleInventory, roleShipping)
	both := s.startAll(roleOrchestrator, roleOrchestrator)
	stale := both[0]
	nc := s.connect()
	l := startLoad(s, random, clients)
	// The payment service is away, so that the sagas wait where it can be seen.
	held := sagasHeldBy(t, nc, l, stale)

	stale.signal(syscall.SIGSTOP)
	eventually(t, "the other orchestrator takes the sagas over", takeoverTimeout, func() bool {
		return all(t, nc, held, func(h head) bool { return !stale.owns(h.owner) })
	})
	s.start(rolePayment)
	eventually(t, "the other orchestrator finishes them", takeoverTimeout, func() bool {
		return all(t, nc, held, func(h head) bool { return isEnd(h.phase) })
	})

	mark := stale.log.mark()
	stale.signal(syscall.SIGCONT)
	if err := stale.log.wait(mark, "stale write refused", takeoverTimeout, stale.ended); err != nil {
		t.Error(err)
	}
	l.await(t, clients)
	t.Logf("%d sagas were taken over; %d stale writes were refused", len(held), stale.log.count(mark, "stale write refused"))
	conclude(t, s, l)
}

// TestStaleWorkers stops one of two replicas of each worker under load, and
// continues it when its commands have long been repeated elsewhere. It works off
// what it was sent, on a picture of long ago: nothing happens twice, and nothing
// is sold twice (D6, D16, D24, D26, I2, I11).
func TestStaleWorkers(t *testing.T) {
	slow(t)
	random, s, l, _ := underLoad(t)
	stale := s.startAll(splitRoles[2:]...)
	for range 2 {
		l.await(t, clients)
		for _, p := range stale {
			p.signal(syscall.SIGSTOP)
		}
		// Longer than a command may take, so that it is repeated.
		pass(commandTimeout + between(random, time.Second, 3*time.Second))
		for _, p := range stale {
			p.signal(syscall.SIGCONT)
		}
	}
	l.await(t, clients)
	conclude(t, s, l)
}

// sagasHeldBy waits until clients' orders wait for a payment, and returns those
// that one orchestrator holds.
func sagasHeldBy(t *testing.T, nc *nats.Conn, l *load, owner *process) []string {
	t.Helper()
	var held []string
	eventually(t, "sagas wait for a payment", readyTimeout, func() bool {
		held = nil
		for _, o := range l.newest() {
			a := status(t, nc, o.id)
			if owner.owns(a.Owner) && strings.Contains(a.WaitingFor, protocol.SubjectCharge) {
				held = append(held, o.id)
			}
		}
		return len(held) >= clients/4
	})
	return held
}

// owns reports whether a record was written last by this process: the name of an
// owner holds its number.
func (p *process) owns(owner string) bool {
	return strings.Contains(owner, "-"+strconv.Itoa(p.cmd.Process.Pid)+"-")
}

// all reports whether the records of some sagas all are as wanted. It reads them
// itself: a request for a status may go to an orchestrator that is stopped.
func all(t *testing.T, nc *nats.Conn, ids []string, holds func(head) bool) bool {
	t.Helper()
	heads := readHeads(t, nc)
	for _, id := range ids {
		if !holds(heads[id]) {
			return false
		}
	}
	return true
}
