package saga_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// The verbs of workers' answers. Each answers the first operation in progress;
// step=N, attempt=N, do, undo and ask make it an answer to another one, and
// via=query or via=callback a verdict that came in another way.

// accept: the worker did it. The line below may hold another reply than that of
// document 000.
func (s *story) accept(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Accepted, saga.Do)
	op := &s.def.Step(min(max(e.Step, 1), len(s.def.Steps))).Action // the step may be a wrong one
	e.Fields = kept(op, cmp.Or(d.Input, replies[op.Type]))
	return s.happen(t, e)
}

// decline: the worker says a final no: decline error [decline_code].
func (s *story) decline(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Declined, saga.Do))
}

// taken: the worker will tell the result later: taken [request_id].
func (s *story) taken(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Accepted, saga.Do)
	e.Type, e.RequestID, e.Code = saga.StepTaken, e.Code, ""
	return s.happen(t, e)
}

// notfound: asked, the worker says that it has never heard of it.
func (s *story) notFound(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Accepted, saga.Ask)
	e.Type = saga.StepNotFound
	return s.happen(t, e)
}

// done: the compensation was carried out.
func (s *story) done(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Accepted, saga.Compensate))
}

// refuse: the worker will not undo it: refuse error.
func (s *story) refuse(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Declined, saga.Compensate))
}

// unavailable: a technical no: unavailable [error] [final] [retry-after=D].
func (s *story) unavailable(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Unavailable, s.mode(t, d))
	e.Final, e.RetryAfter = d.HasArg("final"), duration(t, d, "retry-after")
	return s.happen(t, e)
}

// timeout: no answer came in time.
func (s *story) timeout(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.TimedOut, s.mode(t, d)))
}

// absent: nobody listens on the subject of the command.
func (s *story) absent(t *testing.T, d *datadriven.TestData) string {
	mode := s.mode(t, d)
	e := s.answer(t, d, saga.TimedOut, mode)
	e.Type, e.Mode = saga.WorkerAbsent, mode
	return s.happen(t, e)
}

// mode is what is done about the step that is answered.
func (s *story) mode(t *testing.T, d *datadriven.TestData) saga.Mode {
	switch {
	case d.HasArg("do"):
		return saga.Do
	case d.HasArg("undo"):
		return saga.Compensate
	case d.HasArg("ask"):
		return saga.Ask
	}
	return s.state.Mode(s.current(t, d))
}

// current is the step that the arguments name, or the first one in progress.
func (s *story) current(t *testing.T, d *datadriven.TestData) int {
	if active := s.state.Active(); len(active) > 0 {
		s.step = active[0]
	}
	step := s.step
	d.MaybeScanArgs(t, "step", &step)
	return step
}

// answer makes the event of an answer to the operation in progress, or to the
// one that the arguments name. Words without a value are the error and the
// decline code.
func (s *story) answer(t *testing.T, d *datadriven.TestData, v saga.Verdict, mode saga.Mode) saga.Event {
	e := saga.Event{Type: saga.AnswerType(v, mode), Step: s.current(t, d)}
	d.MaybeScanArgs(t, "via", (*string)(&e.Via))
	if e.Via != saga.ViaCallback && 1 <= e.Step && e.Step <= len(s.state.Steps) {
		e.Attempt = s.state.Steps[e.Step-1].Attempt
	}
	d.MaybeScanArgs(t, "attempt", &e.Attempt)
	for _, arg := range d.CmdArgs {
		switch {
		case len(arg.Vals) > 0 || slices.Contains([]string{"do", "undo", "ask", "final"}, arg.Key):
		case e.Code == "":
			e.Code = arg.Key
		default:
			e.DeclineCode = arg.Key
		}
	}
	return e
}

// effects writes down what the core wants done, unless it is going on already.
func (s *story) effects(effects []saga.Effect) string {
	var b strings.Builder
	for number := range s.going {
		if !slices.Contains(s.state.Active(), number) {
			delete(s.going, number)
		}
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case saga.Send:
			if s.begins(e.Step, e) {
				b.WriteString(s.send(e.Step))
			}
		case saga.Wait:
			if s.begins(e.Step, e) {
				b.WriteString(s.wait(e))
			}
		case saga.Finish:
			s.going = nil
			fmt.Fprintf(&b, "=> %s%s", e.Phase, s.why())
		case saga.Park:
			s.going = nil
			fmt.Fprintf(&b, "=> STUCK%s", s.why())
		}
	}
	return b.String()
}

// begins notes what is going on about a step, and reports whether it is new.
func (s *story) begins(step int, effect saga.Effect) bool {
	if s.going[step] == effect {
		return false
	}
	if s.going == nil {
		s.going = map[int]saga.Effect{}
	}
	s.going[step] = effect
	return true
}

// why is the reason that the client is told, if there is one.
func (s *story) why() string {
	if s.state.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" %q", s.state.Reason)
}

func (s *story) wait(e saga.Wait) string {
	left := time.Duration(e.Until-s.now) * time.Microsecond
	switch action := s.def.Step(e.Step).Action.Type; {
	case s.state.Steps[e.Step-1].Status != saga.StepWaiting:
	case left <= 0:
		return fmt.Sprintf("the wait for the result of %s step=%d is over\n", action, e.Step)
	default:
		return fmt.Sprintf(".. %v for the result of %s step=%d\n", left, action, e.Step)
	}
	return fmt.Sprintf(".. in %v %s", left, s.send(e.Step))
}

// send writes down the command that the state wants to send.
func (s *story) send(step int) string {
	op := s.def.Operation(step, s.state.Mode(step))
	line := fmt.Sprintf("-> %s step=%d attempt=%d\n", op.Type, step, s.state.Steps[step-1].Attempt)
	body, err := saga.Command(s.def, &s.state, step)
	switch {
	case err != nil:
		return line + "   cannot be sent: " + err.Error() + "\n"
	case s.bodies:
		return line + "   " + string(body) + "\n"
	}
	return line
}
