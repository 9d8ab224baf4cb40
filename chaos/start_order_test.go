package chaos_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// slowly is how long something may take that takes an instant on an idle machine.
const slowly = 30 * time.Second

// TestAnyStartOrder: the roles may be started in any order; each waits for what
// it needs and says so once (S3-17).
func TestAnyStartOrder(t *testing.T) {
	t.Run("NATS comes last", func(t *testing.T) {
		slow(t)
		natsComesLast(t)
	})
	t.Run("workers come last", func(t *testing.T) {
		slow(t)
		workersComeLast(t)
	})
	t.Run("prices come last", func(t *testing.T) {
		slow(t)
		pricesComeLast(t)
	})
}

// natsComesLast: every role waits for NATS with one line in its log, and then
// works without being started again.
func natsComesLast(t *testing.T) {
	s := newSite(t, "interval")
	var roles []*process
	for _, role := range []string{roleOrchestrator, roleShipping, rolePayment, roleInventory} {
		roles = append(roles, s.spawn(role))
	}
	for _, p := range roles {
		if err := p.log.wait(0, "waiting for it", slowly, p.ended); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	// Many attempts to connect later there is still one line only.
	pass(2 * time.Second)
	for _, p := range roles {
		if lines := p.log.mark(); lines != 1 {
			t.Errorf("%s logs %d lines while it waits for NATS:\n%s", p.name, lines, p.log.tail(10))
		}
	}
	s.start(roleNATS)
	for _, p := range roles {
		p.ready()
	}
	nc := s.connect()
	if a := ask(t, nc, protocol.SubjectStart, checkout("after-nats", "")); a.Status != protocol.StatusCompleted {
		t.Errorf("the first checkout is answered %+v", a)
	}
	audit(t, s)
}

// TestStartWhileNATSFlaps kills NATS while the roles are starting, at random
// moments: a role that loses it before it is ready waits, and does not give up.
func TestStartWhileNATSFlaps(t *testing.T) {
	slow(t)
	random := dice(t)
	s := newSite(t, "interval")
	server := s.start(roleNATS)
	roles := s.startAll(splitRoles[1:]...)
	for range kills(t, 6) {
		for _, p := range roles {
			p.kill()
			p.launch()
		}
		pass(between(random, 0, 250*time.Millisecond))
		server.kill()
		server.launch()
		for _, p := range append(roles, server) {
			p.ready()
		}
	}
	l := startLoad(s, random, clients)
	l.await(t, clients)
	conclude(t, s, l)
}

// workersComeLast: a checkout whose workers are missing waits for them, the
// status says for which, and it goes on as soon as they are there.
func workersComeLast(t *testing.T) {
	s := newSite(t, "interval")
	s.start(roleNATS)
	s.start(roleInventory).kill() // it has loaded the catalogue
	orchestrator := s.start(roleOrchestrator)
	nc := s.connect()
	const id = "patient"
	if a := ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`)); a.Type != protocol.TypeCheckoutAccepted {
		t.Fatalf("a checkout without workers is answered %+v", a)
	}
	for _, next := range []struct{ role, subject string }{
		{roleInventory, protocol.SubjectReserve}, {rolePayment, protocol.SubjectCharge}, {roleShipping, protocol.SubjectCreateShipment},
	} {
		awaitWaitingFor(t, nc, id, next.role, next.subject)
		if lines := orchestrator.log.count(0, "nobody listens on "+next.subject); lines != 1 {
			t.Errorf("the orchestrator logs %d lines about %s, which is missing:\n%s", lines, next.role, orchestrator.log.tail(10))
		}
		s.start(next.role)
	}
	awaitCompleted(t, nc, id)
	audit(t, s)
}

// pricesComeLast: the very first checkout comes before anybody has loaded the
// catalogue. It may be put off, but not fail for want of a price.
func pricesComeLast(t *testing.T) {
	s := newSite(t, "interval")
	s.startAll(roleNATS, roleOrchestrator, rolePayment, roleShipping)
	nc := s.connect()
	const id = "early"
	a := ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`))
	s.start(roleInventory)
	eventually(t, "the checkout is taken", slowly, func() bool {
		if a.Code == protocol.CodeUnavailable {
			a = ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`))
		}
		return a.Code == ""
	})
	awaitCompleted(t, nc, id)
	audit(t, s)
}

// awaitCompleted waits until a saga is COMPLETED.
func awaitCompleted(t *testing.T, nc *nats.Conn, id string) {
	t.Helper()
	eventually(t, "the checkout is complete", slowly, func() bool {
		a := status(t, nc, id)
		if a.Status == protocol.StatusAborted || a.Status == protocol.StatusStuck {
			t.Fatalf("it is %s: %s", a.Status, a.Reason)
		}
		return a.Status == protocol.StatusCompleted
	})
}

// awaitWaitingFor waits until the status of a saga names the service and the
// subject that it waits for.
func awaitWaitingFor(t *testing.T, nc *nats.Conn, id, service, subject string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the status says that the saga waits for %s on %s", service, subject), slowly, func() bool {
		a := status(t, nc, id)
		return strings.Contains(a.WaitingFor, service) && strings.Contains(a.WaitingFor, subject)
	})
}
