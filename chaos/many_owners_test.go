package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"amends/protocol"
)

// TestManyOwners: a saga that waits for its next attempt does no harm to
// anybody. However many orchestrators die meanwhile, for reasons of their own, it
// is not taken for what kills them (only a message that keeps killing its owner
// opens an incident), and whoever is there when its time has come goes on with
// it.
func TestManyOwners(t *testing.T) {
	slow(t)
	s := newSite(t, "interval")
	parts := s.startAll(roleNATS, roleOrchestrator, roleInventory, roleShipping)
	orchestrator := parts[1]
	nc := s.connect()
	i := newImpostor(t, s.connect())
	const id = "patient-waiter"
	ask(t, nc, protocol.SubjectStart, checkout(id, `,"wait_ms":0`))
	eventually(t, "the saga waits for its second attempt", slowly, func() bool {
		a := status(t, nc, id)
		return len(a.Steps) > 1 && a.Steps[1].Attempts == 2
	})
	const deaths = 13 // three more than it takes to become suspicious
	for range deaths {
		pass(rand.N(100 * time.Millisecond)) // some die with the saga in their hands, some after it has left
		orchestrator.kill()
		orchestrator.launch()
		orchestrator.ready()
	}
	awaitCompleted(t, nc, id)
	i.checkLate(t, status(t, nc, id), protocol.StatusCompleted)
}
