package main

import (
	"cmp"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"amends/protocol"
)

// filterFlags pick checkouts. One must match all that are given.
type filterFlags struct {
	Status     string        `enum:",PENDING,COMPENSATING,COMPLETED,ABORTED,STUCK,KILLED" default:"" placeholder:"STATUS" help:"Only those of this status, such as STUCK."`
	Definition string        `placeholder:"NAME" help:"Only those of this definition."`
	Step       string        `placeholder:"NAME" help:"Only those with this step in progress."`
	Code       string        `placeholder:"CODE" help:"Only those whose first failure has this code, such as insufficient_funds."`
	Incident   string        `enum:",any,compensation_failed,step_failed,worker_absent,poison,broken_record,definition_unknown" default:"" placeholder:"KIND" help:"Only those with an open incident of this kind, or any."`
	OlderThan  time.Duration `placeholder:"DURATION" help:"Only those that have not changed for longer than this."`
	Limit      int           `default:"100" help:"At most so many, newest first."`
}

func (f *filterFlags) filter() protocol.Filter {
	return protocol.Filter{
		Status: f.Status, Definition: f.Definition, Step: f.Step, Code: f.Code, Incident: f.Incident, OlderThanMS: f.OlderThan.Milliseconds(),
	}
}

// listCommand lists checkouts.
type listCommand struct {
	clientFlags
	filterFlags
}

func (c *listCommand) Run() error {
	var list protocol.List
	request := protocol.ListRequest{Filter: c.filter(), Limit: c.Limit}
	return c.show(protocol.SubjectList, request, &list, func() error { return printList(&list) })
}

func printList(list *protocol.List) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SAGA\tSTATUS\tDEFINITION\tSTEP\tCODE\tINCIDENT\tSTARTED\tUPDATED")
	for _, s := range list.Sagas {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.SagaID, s.Status, s.Definition,
			cmp.Or(s.Step, "-"), cmp.Or(s.Code, "-"), cmp.Or(s.Incident, "-"), s.StartedAt, s.UpdatedAt)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := list.Total - len(list.Sagas); more > 0 {
		fmt.Fprintf(os.Stderr, "%d more; --limit shows them\n", more)
	}
	return nil
}

// definitionsCommand lists versions of definitions.
type definitionsCommand struct {
	clientFlags
	Name string `arg:"" optional:"" help:"Name of a definition; all if absent."`
}

func (c *definitionsCommand) Run() error {
	var answer protocol.Definitions
	return c.show(protocol.SubjectDefinitions, protocol.DefinitionsRequest{Name: c.Name}, &answer, func() error {
		w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tHASH\tVERSION\tSTEPS")
		for _, d := range answer.Definitions {
			version := "earlier"
			if d.Loaded {
				version = "loaded"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, d.Hash, version, joined(d.Steps))
		}
		return w.Flush()
	})
}
