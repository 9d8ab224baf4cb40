package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"amends/protocol"
)

// planCommand tells what an act would do to one checkout, or to all that match.
type planCommand struct {
	clientFlags
	Act    string `arg:"" enum:"cancel,kill,retry,migrate,deadline" help:"What would be done: ${enum}; deadline is what happens when the time of the checkout is over."`
	SagaID string `arg:"" optional:"" help:"Id of the checkout; all that match the filter if absent."`
	filterFlags
}

func (c *planCommand) Run() error {
	var plan protocol.Plan
	request := protocol.PlanRequest{Act: c.Act, SagaID: c.SagaID, Filter: c.filter(), Limit: c.Limit}
	err := c.show(protocol.SubjectPlan, request, &plan, func() error {
		printPlan(stdout, &plan)
		return nil
	})
	if err == nil && c.SagaID != "" && plan.Refused > 0 {
		return &exitError{code: exitRefused}
	}
	return err
}

// printPlan shows what would be done to each checkout, in order, and the money
// that would go back.
func printPlan(out io.Writer, plan *protocol.Plan) {
	for _, one := range plan.Sagas {
		if one.Refused != "" {
			fmt.Fprintf(out, "%s  %s  refused: %s\n", one.SagaID, one.Status, one.Refused)
			continue
		}
		fmt.Fprintf(out, "%s  %s -> %s\n", one.SagaID, one.Status, one.Then)
		printPlanned(out, one.Steps)
		if one.AtRisk != nil {
			fmt.Fprintf(out, "  %s is taken, or may be, and would stay so\n", inWords([]protocol.Amount{*one.AtRisk}))
		}
	}
	fmt.Fprintf(out, "%s would be done to %d of %d that match, %d refused; %s\n",
		plan.Act, len(plan.Sagas)-plan.Refused, plan.Total, plan.Refused, moneyOf(plan))
}

// moneyOf says what an act does about money: a kill gives none back.
func moneyOf(plan *protocol.Plan) string {
	if plan.Act == protocol.ActKill {
		return inWords(plan.Stays) + " would stay taken, or may"
	}
	return inWords(plan.Returns) + " would go back"
}

func printPlanned(out io.Writer, steps []protocol.PlannedStep) {
	if len(steps) == 0 {
		fmt.Fprintln(out, "  nothing is sent")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for n, step := range steps {
		var notes []string
		if step.Amount != "" {
			notes = append(notes, inWords([]protocol.Amount{{Amount: step.Amount, Currency: step.Currency}}))
		}
		if step.Unknown {
			notes = append(notes, "if it was done")
		}
		fmt.Fprintf(w, "  %d.\t%s\tstep %d\t%s\t%s\n", n+1, step.Command, step.Step, step.Service, strings.Join(notes, ", "))
	}
	// Whether it is lost is asked once, at the end.
	_ = w.Flush()
}

func joined(names []string) string { return strings.Join(names, ", ") }
