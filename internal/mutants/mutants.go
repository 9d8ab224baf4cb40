// Package mutants is a collection of bugs. Each is a small change that a tired
// person could make to the core, to the fence, or to the order in which a shell
// does things. The test of the package makes each of them, without touching the
// work tree, and fails if the stories and the simulator do not notice.
//
//	make mutants
//
// A test suite that has never seen a bug proves little; this one has seen these.
// What caught each of them stands in docs/mutants.md, which the test writes.
package mutants

import "slices"

// Mutant is one bug, as a replacement of text that occurs exactly once.
type Mutant struct {
	Name string
	File string // from the root of the repository
	Old  string
	New  string
	Why  string // it is wrong
}

// All returns every mutant, in the order of the table in docs/mutants.md.
func All() []Mutant {
	return slices.Concat(onward, back, answers, journal, together, asking, promised, people, moves, fence, shell)
}

const (
	next       = "saga/next.go"
	forward    = "saga/forward.go"
	backward   = "saga/backward.go"
	late       = "saga/late.go"
	act        = "saga/act.go"
	migrate    = "saga/migrate.go"
	incident   = "saga/incident.go"
	definition = "saga/definition.go"
	state      = "saga/state.go"
	chain      = "saga/chain.go"
	command    = "saga/command.go"
	retry      = "saga/retry.go"
	rule       = "worker/fence.go"
	// model and what follows are the shell of the simulator: the production shell
	// keeps the same contract (saga/doc.go), and is tested with real processes.
	model   = "saga/sim_shell_test.go"
	deeds   = "saga/sim_act_test.go"
	inbox   = "saga/sim_inbox_test.go"
	gateway = "saga/sim_outside_test.go"
	bus     = "saga/sim_journal_test.go"
)
