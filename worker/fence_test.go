package worker_test

import (
	"testing"

	"amends/protocol"
	"amends/worker"
)

// remembered makes the parts of a fence. Everything was asked for with the same
// content.
var (
	yes = &worker.Verdict{Hash: "same", Accepted: true}
	no  = &worker.Verdict{Hash: "same"}
	// doing, undoing and reversing are commands that are not decided yet.
	doing     = &worker.Promise{Hash: "same"}
	undoing   = &worker.Promise{Hash: "same", Command: protocol.Command{Compensating: true}}
	reversing = &worker.Promise{Hash: "same", Command: protocol.Command{Compensating: true, Reversal: true}}
	// withdrawn was doing when its step was undone.
	withdrawn = &worker.Promise{Hash: "same", Withdrawn: true}
)

const (
	do      = worker.ToDo
	undo    = worker.ToUndo
	reverse = worker.ToReverse
)

// TestRule holds the fence to its whole table: what is remembered of the action,
// what of the compensation, and which command comes. Each rule is necessary; the
// mutants in docs/mutants.md show what happens without it.
func TestRule(t *testing.T) {
	for name, test := range map[string]struct {
		action, compensation *worker.Verdict
		to                   worker.Direction
		hash                 string
		want                 worker.Ruling
	}{
		"a new action":                        {nil, nil, do, "same", worker.Decide},
		"an action, accepted before":          {yes, nil, do, "same", worker.Repeat},
		"an action, declined before":          {no, nil, do, "same", worker.Repeat},
		"an accepted action, other content":   {yes, nil, do, "other", worker.Conflict},
		"a declined action, other content":    {no, nil, do, "other", worker.Conflict},
		"an action after its compensation":    {nil, yes, do, "same", worker.TooLate},
		"the same, its compensation refused":  {nil, no, do, "same", worker.TooLate},
		"the same, other content":             {nil, yes, do, "other", worker.TooLate},
		"an action that was undone, again":    {yes, yes, do, "same", worker.Repeat},
		"the same, with other content":        {yes, yes, do, "other", worker.Conflict},
		"a compensation":                      {yes, nil, undo, "same", worker.Decide},
		"a compensation, other content":       {yes, nil, undo, "other", worker.Decide},
		"a compensation of nothing":           {nil, nil, undo, "same", worker.NothingToUndo},
		"a compensation of a decline":         {no, nil, undo, "same", worker.NothingToUndo},
		"a compensation, done before":         {yes, yes, undo, "same", worker.Repeat},
		"a compensation, refused before":      {yes, no, undo, "same", worker.Repeat},
		"a compensation of nothing, again":    {nil, yes, undo, "same", worker.Repeat},
		"a compensation of a decline, again":  {no, yes, undo, "same", worker.Repeat},
		"a known compensation, other content": {yes, yes, undo, "other", worker.Conflict},
		"the same, of nothing":                {nil, yes, undo, "other", worker.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			f := worker.Fence{Action: test.action, Compensation: test.compensation}
			if got := worker.Rule(&f, test.to, test.hash); got != test.want {
				t.Errorf("Rule = %v, want %v", got, test.want)
			}
		})
	}
}

// TestRuleOfReversals: the third direction undoes what still stands, accepts
// everything else, and is remembered like the others (D21).
func TestRuleOfReversals(t *testing.T) {
	for name, test := range map[string]struct {
		action, compensation, reversal *worker.Verdict
		to                             worker.Direction
		hash                           string
		want                           worker.Ruling
	}{
		"of nothing":                         {nil, nil, nil, reverse, "same", worker.NothingToUndo},
		"of a compensation of nothing":       {nil, yes, nil, reverse, "same", worker.NothingToUndo},
		"of a decline":                       {no, nil, nil, reverse, "same", worker.NothingToUndo},
		"of what is undone":                  {yes, yes, nil, reverse, "same", worker.NothingToUndo},
		"of what still stands":               {yes, nil, nil, reverse, "same", worker.Decide},
		"of what was refused to be undone":   {yes, no, nil, reverse, "same", worker.Decide},
		"again":                              {yes, no, yes, reverse, "same", worker.Repeat},
		"again, of nothing":                  {nil, yes, yes, reverse, "same", worker.Repeat},
		"again, refused":                     {yes, no, no, reverse, "same", worker.Repeat},
		"again, other content":               {yes, no, yes, reverse, "other", worker.Conflict},
		"then the action":                    {nil, nil, yes, do, "same", worker.TooLate},
		"then the action, known":             {yes, nil, yes, do, "same", worker.Repeat},
		"then the compensation":              {yes, nil, yes, undo, "same", worker.NothingToUndo},
		"refused, then the compensation":     {yes, nil, no, undo, "same", worker.Decide},
		"of nothing, then the compensation":  {nil, nil, yes, undo, "same", worker.NothingToUndo},
		"then a known compensation":          {yes, yes, yes, undo, "same", worker.Repeat},
		"then a known compensation, changed": {yes, yes, yes, undo, "other", worker.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			f := worker.Fence{Action: test.action, Compensation: test.compensation, Reversal: test.reversal}
			if got := worker.Rule(&f, test.to, test.hash); got != test.want {
				t.Errorf("Rule = %v, want %v", got, test.want)
			}
		})
	}
}

// TestRuleOfWhatIsNotDecided: a command that was taken in goes on when it comes
// again; what undoes it is accepted, and keeps it from ever taking effect (F6).
func TestRuleOfWhatIsNotDecided(t *testing.T) {
	for name, test := range map[string]struct {
		fence worker.Fence
		to    worker.Direction
		hash  string
		want  worker.Ruling
	}{
		"the action again":                   {worker.Fence{Promise: doing}, do, "same", worker.Begun},
		"the action, other content":          {worker.Fence{Promise: doing}, do, "other", worker.Conflict},
		"its compensation":                   {worker.Fence{Promise: doing}, undo, "same", worker.Withdraw},
		"its compensation, other content":    {worker.Fence{Promise: doing}, undo, "other", worker.Withdraw},
		"its reversal":                       {worker.Fence{Promise: doing}, reverse, "same", worker.Withdraw},
		"withdrawn, the action again":        {worker.Fence{Action: no, Compensation: yes, Promise: withdrawn}, do, "same", worker.Repeat},
		"withdrawn, the compensation again":  {worker.Fence{Action: no, Compensation: yes, Promise: withdrawn}, undo, "same", worker.Repeat},
		"withdrawn, then its reversal":       {worker.Fence{Action: no, Compensation: yes, Promise: withdrawn}, reverse, "same", worker.NothingToUndo},
		"decided and not told, the action":   {worker.Fence{Action: yes, Promise: doing}, do, "same", worker.Repeat},
		"decided and not told, undone":       {worker.Fence{Action: yes, Promise: doing}, undo, "same", worker.Decide},
		"the compensation again":             {worker.Fence{Action: yes, Promise: undoing}, undo, "same", worker.Begun},
		"the compensation, other content":    {worker.Fence{Action: yes, Promise: undoing}, undo, "other", worker.Conflict},
		"a reversal beside the compensation": {worker.Fence{Action: yes, Promise: undoing}, reverse, "same", worker.Busy},
		"the action beside its compensation": {worker.Fence{Action: yes, Promise: undoing}, do, "same", worker.Repeat},
		"an action beside a compensation":    {worker.Fence{Promise: undoing}, do, "same", worker.TooLate},
		"the reversal again":                 {worker.Fence{Action: yes, Promise: reversing}, reverse, "same", worker.Begun},
		"a compensation beside a reversal":   {worker.Fence{Action: yes, Promise: reversing}, undo, "same", worker.Busy},
	} {
		t.Run(name, func(t *testing.T) {
			if got := worker.Rule(&test.fence, test.to, test.hash); got != test.want {
				t.Errorf("Rule = %v, want %v", got, test.want)
			}
		})
	}
}

// TestRuleOnlyLooks: a ruling changes nothing of what is remembered.
func TestRuleOnlyLooks(t *testing.T) {
	action := worker.Verdict{Hash: "same", Accepted: true}
	promise := worker.Promise{Hash: "same", Callback: "somewhere"}
	f := worker.Fence{Action: &action, Promise: &promise}
	before := f
	for _, to := range []worker.Direction{do, undo, reverse} {
		for _, hash := range []string{"same", "other"} {
			worker.Rule(&f, to, hash)
		}
	}
	if f != before || action.Hash != "same" || !action.Accepted || promise.Callback != "somewhere" {
		t.Errorf("the fence was changed: %+v", f)
	}
}
