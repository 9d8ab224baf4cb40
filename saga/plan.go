package saga

import "slices"

// Planned is one command that an act would lead to.
type Planned struct {
	Step    int
	Mode    Mode
	Unknown bool // of a compensation: its action may not have happened
}

// Plan says what an act would lead to if every answer were a yes: the commands in
// their order, and the phase in the end. It plays the saga with the machine itself,
// so it cannot differ from what would happen. refused says why the act is not
// possible.
func Plan(d *Definition, s State, e Event) (commands []Planned, end Phase, refused string) {
	if refused := Refusal(d, &s, &e); refused != "" {
		return nil, "", refused
	}
	next, _ := Next(d, s, e)
	if e.Type == Migrated {
		d = e.Definition
	}
	for next.Phase.Live() {
		number := next.Active()[0]
		step := next.step(number)
		unknown := step.Status == StepCompensating && !step.Regretted && !slices.Contains(next.Order, number)
		commands = append(commands, Planned{Step: number, Mode: next.planMode(number), Unknown: unknown})
		if next, _ = Next(d, next, next.yes(number, e.At)); len(commands) > 4*MaxSteps {
			break
		}
	}
	return commands, next.Phase, ""
}

// planMode is Do for a step that is asked about, too: a plan hopes for the best.
func (s *State) planMode(number int) Mode {
	if s.Mode(number) == Compensate {
		return Compensate
	}
	return Do
}

// yes is the answer that everybody hopes for.
func (s *State) yes(number int, at Instant) Event {
	step := s.step(number)
	if step.Status == StepCompensating {
		return Event{Type: CompensationDone, At: at, Step: number, Attempt: step.Attempt}
	}
	return Event{Type: StepAccepted, At: at, Step: number, Attempt: step.Attempts}
}
