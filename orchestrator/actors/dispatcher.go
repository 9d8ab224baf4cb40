package actors

import "amends/crew"

// dispatcher runs the activations of mailboxes on a crew, instead of a new
// goroutine each as the library's own does.
type dispatcher struct{ *crew.Crew }

// crewSize is how many goroutines are kept. An activation does not block, so a
// few per core are plenty.
const crewSize = 64

// Schedule runs one activation.
func (d dispatcher) Schedule(run func()) { d.Do(run) }

// Throughput is how many messages one activation handles at the most before
// others have their turn.
func (d dispatcher) Throughput() int { return 300 }
