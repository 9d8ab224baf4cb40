package saga_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// The verbs of workers' answers. Each answers the command in progress; step=N,
// attempt=N, do and undo make it an answer to another one.

// accept: the worker did it. The line below may hold another reply than that of
// document 000.
func (s *story) accept(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Accepted, false)
	op := s.def.Operation(min(max(e.Step, 1), len(s.def.Steps)), false) // the step may be a wrong one
	reply := replies[op.Type]
	if d.Input != "" {
		reply = d.Input
	}
	e.Fields = kept(op, reply)
	return s.happen(t, e)
}

// decline: the worker says a final no: decline error [decline_code].
func (s *story) decline(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Declined, false))
}

// done: the compensation was carried out.
func (s *story) done(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Accepted, true))
}

// refuse: the worker will not undo it: refuse error.
func (s *story) refuse(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.Declined, true))
}

// unavailable: a technical no: unavailable [error] [final] [retry-after=D].
func (s *story) unavailable(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.Unavailable, s.state.Phase == saga.Compensating)
	e.Final, e.RetryAfter = d.HasArg("final"), duration(t, d, "retry-after")
	return s.happen(t, e)
}

// timeout: no answer came in time.
func (s *story) timeout(t *testing.T, d *datadriven.TestData) string {
	return s.happen(t, s.answer(t, d, saga.TimedOut, s.state.Phase == saga.Compensating))
}

// absent: nobody listens on the subject of the command.
func (s *story) absent(t *testing.T, d *datadriven.TestData) string {
	e := s.answer(t, d, saga.TimedOut, s.state.Phase == saga.Compensating)
	e.Type, e.Compensating = saga.WorkerAbsent, s.state.Phase == saga.Compensating
	return s.happen(t, e)
}

// answer makes the event of an answer to the command in progress, or to the one
// that the arguments name. Words without a value are the error and the decline
// code.
func (s *story) answer(t *testing.T, d *datadriven.TestData, v saga.Verdict, undo bool) saga.Event {
	undo = d.HasArg("undo") || undo && !d.HasArg("do")
	e := saga.Event{Type: saga.AnswerType(v, undo), Step: s.state.Cursor, Attempt: s.state.Attempt}
	d.MaybeScanArgs(t, "step", &e.Step)
	d.MaybeScanArgs(t, "attempt", &e.Attempt)
	for _, arg := range d.CmdArgs {
		switch {
		case len(arg.Vals) > 0 || arg.Key == "do" || arg.Key == "undo" || arg.Key == "final":
		case e.Code == "":
			e.Code = arg.Key
		default:
			e.DeclineCode = arg.Key
		}
	}
	return e
}

// effects writes down what the core wants done.
func (s *story) effects(effects []saga.Effect) string {
	s.wake = 0
	var b strings.Builder
	for _, effect := range effects {
		switch e := effect.(type) {
		case saga.Send:
			b.WriteString(s.send())
		case saga.Wait:
			s.wake = e.Until
			fmt.Fprintf(&b, ".. in %v %s", time.Duration(e.Until-s.now)*time.Microsecond, s.send())
		case saga.Finish:
			fmt.Fprintf(&b, "=> %s%s", e.Phase, s.why())
		case saga.Park:
			fmt.Fprintf(&b, "=> STUCK%s\nincident: %s", s.why(), s.state.Incident)
		}
	}
	return b.String()
}

// why is the reason that the client is told, if there is one.
func (s *story) why() string {
	if s.state.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" %q", s.state.Reason)
}

// send writes down the command that the state wants to send.
func (s *story) send() string {
	undo := s.state.Phase == saga.Compensating
	op := s.def.Operation(s.state.Cursor, undo)
	line := fmt.Sprintf("-> %s step=%d attempt=%d\n", op.Type, s.state.Cursor, s.state.Attempt)
	body, err := saga.Command(s.def, &s.state)
	switch {
	case err != nil:
		return line + "   cannot be sent: " + err.Error() + "\n"
	case s.bodies:
		return line + "   " + string(body) + "\n"
	}
	return line
}
