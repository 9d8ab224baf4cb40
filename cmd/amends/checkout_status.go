package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"amends/protocol"
)

// statusCommand shows one checkout. It exits 0 whatever became of it: that it was
// found is what was asked.
type statusCommand struct {
	clientFlags
	SagaID string `arg:"" help:"Id of the checkout."`
}

func (c *statusCommand) Run() error {
	var status protocol.Status
	return c.show(protocol.SubjectStatus, protocol.StatusRequest{SagaID: c.SagaID}, &status, func() error {
		printStatus(stdout, &status)
		return nil
	})
}

// printStatus shows a checkout, each of its steps, and what a person has to see
// to.
func printStatus(out io.Writer, s *protocol.Status) {
	fmt.Fprintf(out, "%s  %s", s.SagaID, s.Status)
	if s.Definition != "" { // it is not known of a journal that is damaged
		fmt.Fprintf(out, "  (%s)", s.Definition)
	}
	fmt.Fprintln(out)
	for _, line := range [][2]string{
		{"order", s.OrderID}, {"reason", s.Reason}, {"waiting for", s.WaitingFor}, ahead(s.Steps...),
		{"deadline", s.Deadline}, {"started", s.StartedAt}, {"updated", s.UpdatedAt},
	} {
		if line[1] != "" {
			fmt.Fprintf(out, "  %-12s  %s\n", line[0], line[1])
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, step := range s.Steps {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", step.Step, step.Transaction, step.Status, details(step))
	}
	// Whether it is lost is asked once, at the end.
	_ = w.Flush()
	for _, incident := range s.Incidents {
		fmt.Fprintf(out, "  incident      %s\n", headline(incident))
		printIncident(out, "    ", incident)
	}
}

// details tell of a step what its status does not.
func details(s protocol.StepStatus) string {
	var parts []string
	if s.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("%d attempts", s.Attempts))
	}
	if s.CompensationAttempts > 1 {
		parts = append(parts, fmt.Sprintf("%d to undo", s.CompensationAttempts))
	}
	if s.RequestID != "" {
		parts = append(parts, "request "+s.RequestID)
	}
	if next := ahead(s); next[1] != "" {
		parts = append(parts, next[0]+" "+next[1])
	}
	if s.LastError != "" {
		parts = append(parts, s.LastError)
	}
	return strings.Join(parts, "  ")
}

// ahead is what happens first by itself at one of the steps, if nothing does
// before, and when: the next try, or the end of a wait for a result. Both are empty
// if that lies ahead at none of them.
func ahead(steps ...protocol.StepStatus) (next [2]string) {
	var first time.Time
	for _, step := range steps {
		at, err := time.Parse(time.RFC3339Nano, step.NextAttemptAt)
		if err != nil || at.Before(time.Now()) || !first.IsZero() && first.Before(at) {
			continue
		}
		first, next = at, [2]string{"next try", step.NextAttemptAt}
		if step.Status == protocol.StepWaiting {
			next[0] = "until"
		}
	}
	return next
}
