package saga

// Effect is something the shell has to do, after the journal has the event that
// called for it.
type Effect interface{ effect() }

// Send asks for one attempt of a command.
type Send struct {
	Step         int
	Compensating bool
	Attempt      int
}

// Wait asks to be woken at an instant; the shell then performs Pending again.
type Wait struct{ Until Instant }

// Finish says that the saga has ended: COMPLETED or ABORTED.
type Finish struct{ Phase Phase }

// Park says that nothing can be done without a person: the saga is STUCK and an
// incident is open.
type Park struct{}

func (Send) effect()   {}
func (Wait) effect()   {}
func (Finish) effect() {}
func (Park) effect()   {}
