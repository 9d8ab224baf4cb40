package saga

// Effect is something the shell has to do, after the journal has the event that
// called for it. Effects say what is to be going on, not what changed: one that
// is carried out already is left as it is.
type Effect interface{ effect() }

// Send asks for one attempt of a command.
type Send struct {
	Step    int
	Mode    Mode
	Attempt int
}

// Wait asks to be woken about a step at an instant; the shell then performs
// Pending again. If the step waits for its result, the time of the attempt is
// over then.
type Wait struct {
	Step  int
	Until Instant
}

// Finish says that the saga has ended: COMPLETED, ABORTED or KILLED.
type Finish struct{ Phase Phase }

// Park says that nothing can be done without a person: the saga is STUCK and an
// incident is open.
type Park struct{}

func (Send) effect()   {}
func (Wait) effect()   {}
func (Finish) effect() {}
func (Park) effect()   {}
