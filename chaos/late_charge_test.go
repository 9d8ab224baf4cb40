package chaos_test

import (
	"fmt"
	"syscall"
	"testing"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// TestLateCharge is the classical hole: the only payment worker hangs with all
// attempts of a charge, the saga gives up and undoes what it does not know, on
// other workers, and then the first one wakes up and charges. It finds the
// tombstone, and does not (D10, I11, I2).
func TestLateCharge(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	hung := s.startAll(roleNATS, roleOrchestrator, roleInventory, roleShipping, rolePayment)[4]
	nc := s.connect()
	hung.signal(syscall.SIGSTOP)
	const sagas = 8
	for n := range sagas {
		ask(t, nc, protocol.SubjectStart, checkout(fmt.Sprintf("late-%d", n), `,"wait_ms":0`))
	}
	// Six attempts of two seconds each, and the waits between them.
	awaitStatus(t, nc, sagas, protocol.StatusCompensating)
	// The one that hangs still gets its share of the commands. With three others it
	// is a fourth: that a saga meets it every time is not to be waited for.
	others := s.startAll(rolePayment, rolePayment, rolePayment)
	awaitStatus(t, nc, sagas, protocol.StatusAborted)

	hung.signal(syscall.SIGCONT)
	for _, other := range others {
		other.kill()
	}
	// Only the one that was hung is left to answer this, after all the others.
	if a := ask(t, nc, protocol.SubjectStart, checkout("afterwards", `,"wait_ms":20000`)); a.Status != protocol.StatusCompleted {
		t.Errorf("a checkout afterwards is answered %+v", a)
	}
	audit(t, s)
}

// awaitStatus waits until all sagas have a status.
func awaitStatus(t *testing.T, nc *nats.Conn, sagas int, wanted string) {
	t.Helper()
	for n := range sagas {
		id := fmt.Sprintf("late-%d", n)
		eventually(t, "saga "+id+" is "+wanted, takeoverTimeout, func() bool { return status(t, nc, id).Status == wanted })
	}
}
