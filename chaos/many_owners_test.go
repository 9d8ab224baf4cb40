package chaos_test

import (
	"testing"

	"amends/protocol"
)

// TestManyOwners: a saga that waits for its next attempt does no harm to
// anybody. However many owners die meanwhile, for reasons of their own, it is
// not taken for what kills them (only a message that keeps killing
// its owner opens an incident).
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
	const owners = 13 // three more than it takes to become suspicious
	for range owners {
		orchestrator.kill()
		orchestrator.launch()
		orchestrator.ready()
		eventually(t, "the new owner has claimed the saga", slowly, func() bool {
			return orchestrator.owns(readHeads(t, nc)[id].owner)
		})
	}
	awaitCompleted(t, nc, id)
	i.checkLate(t, status(t, nc, id), protocol.StatusCompleted)
}
