package saga_test

import (
	"fmt"
	"strings"
	"testing"

	"amends/saga"

	"github.com/cockroachdb/datadriven"
)

// The verbs of people's acts.

// actOf is any of them. An act is refused with the words of Refusal, or it
// applies; there is nothing between.
func (s *story) actOf(t *testing.T, d *datadriven.TestData) string {
	e := s.act(t, d, d.Cmd)
	refused := saga.Refusal(s.def, &s.state, &e)
	seen := s.happen(t, e)
	switch {
	case (seen == "ignored") != (refused != ""):
		t.Errorf("%s is refused as %q, and then %s", d.Cmd, refused, seen)
	case refused != "":
		return "refused: " + refused
	}
	return seen
}

// act makes the event of an act: cancel, kill, retry [by=…] [reason=…], resolve
// step=N as=done|skip with the fields of the answer below it, and migrate, which
// takes the arguments of define.
func (s *story) act(t *testing.T, d *datadriven.TestData, act string) saga.Event {
	e := saga.Event{At: s.now}
	d.MaybeScanArgs(t, "by", &e.By)
	d.MaybeScanArgs(t, "reason", &e.Reason)
	d.MaybeScanArgs(t, "evidence", &e.Evidence)
	switch act {
	case "cancel":
		e.Type = saga.CancelRequested
	case "kill":
		e.Type = saga.KillRequested
	case "retry":
		e.Type = saga.RetryRequested
	case "deadline":
		e.Type = saga.DeadlinePassed
	case "migrate":
		e.Type, e.Definition = saga.Migrated, define(t, d)
	case "resolve":
		e.Type = saga.StepResolved
		d.MaybeScanArgs(t, "step", &e.Step)
		d.MaybeScanArgs(t, "as", (*string)(&e.As))
		if d.Input != "" {
			e.Fields = raw(d.Input)
		}
	default:
		d.Fatalf(t, "no such act: %s", act)
	}
	return e
}

// plan tells what an act would do, and changes nothing: plan cancel.
func (s *story) plan(t *testing.T, d *datadriven.TestData) string {
	e := s.act(t, d, d.CmdArgs[0].Key)
	commands, end, refused := saga.Plan(s.def, s.state, e)
	if refused != "" {
		return "refused: " + refused
	}
	def := s.def
	if e.Definition != nil {
		def = e.Definition
	}
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "%s step=%d", def.Operation(c.Step, c.Mode).Type, c.Step)
		if c.Unknown {
			b.WriteString(", if it was done at all")
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "=> %s\n", end)
	return b.String()
}
