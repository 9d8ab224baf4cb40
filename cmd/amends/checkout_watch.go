package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// watchCommand follows transitions.
type watchCommand struct {
	clientFlags
	SagaID string `arg:"" optional:"" help:"Id of the checkout; all if absent."`
}

func (c *watchCommand) Run(ctx context.Context) error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	subject := protocol.SubjectAllEvents
	if c.SagaID != "" {
		id, err := protocol.ParseSagaID(c.SagaID)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		subject = protocol.SubjectEvents(id)
	}
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		return exitOfNATS(err)
	}
	if c.SagaID != "" {
		status, err := c.where(nc)
		if err != nil {
			return err
		}
		if settled(status) {
			return exitOfStatus(status)
		}
	}
	return c.follow(ctx, nc, sub)
}

// where shows where the one checkout stands, and returns its status; "" of one
// that is yet to be started.
func (c *watchCommand) where(nc *nats.Conn) (string, error) {
	var status protocol.Status
	raw, err := c.ask(nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: c.SagaID}, &status)
	switch {
	case codeOf(err) == exitNotFound:
		fmt.Fprintln(os.Stderr, "no such checkout yet; waiting for it")
		return "", nil
	case err != nil:
		return "", err
	case c.JSON:
		c.printJSON(raw)
	case settled(status.Status):
		printStatus(stdout, &status)
	default:
		printWait(&status)
	}
	return status.Status, nil
}

// printWait says what a checkout waits for, each of its steps if several are in
// progress, and when that changes by itself.
func printWait(s *protocol.Status) {
	if s.WaitingFor == "" {
		return
	}
	line := fmt.Sprintf("%-22s  %-12s  waiting for %s", s.SagaID, s.Status, s.WaitingFor)
	if next := ahead(s.Steps...); next[1] != "" {
		line += ", " + strings.Join(next[:], " ")
	}
	if s.Deadline != "" {
		line += "; deadline " + s.Deadline
	}
	fmt.Fprintln(stdout, line)
}

// follow prints transitions until the one checkout has settled, or the process is
// told to stop.
func (c *watchCommand) follow(ctx context.Context, nc *nats.Conn, sub *nats.Subscription) error {
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, context.Canceled) {
			return c.interrupted()
		}
		if err != nil {
			return exitOfNATS(err)
		}
		t, err := parseTransition(m.Data)
		if err != nil {
			return err
		}
		if c.JSON {
			c.printJSON(m.Data)
		} else {
			fmt.Fprintln(stdout, t.line())
		}
		if err := stdout.err(); err != nil {
			return err
		}
		switch {
		case c.SagaID == "":
		case settled(t.Phase):
			return exitOfStatus(t.Phase)
		case waits(&t.Event) && !c.JSON:
			var status protocol.Status
			if _, err := c.ask(nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: c.SagaID}, &status); err == nil && !settled(status.Status) {
				printWait(&status)
			}
		}
	}
}

// interrupted is the end of a watch that somebody has ended: the one checkout runs
// on, and all were watched for as long as was wanted.
func (c *watchCommand) interrupted() error {
	if c.SagaID == "" {
		return nil
	}
	return &exitError{code: exitRunning}
}

// waits reports whether nothing may happen for a while after an event.
func waits(e *saga.Event) bool { return e.Type == saga.StepTaken || e.Type == saga.WorkerAbsent }

// settled reports whether a checkout has ended, or needs a person.
func settled(status string) bool {
	switch status {
	case protocol.StatusCompleted, protocol.StatusAborted, protocol.StatusKilled, protocol.StatusStuck:
		return true
	}
	return false
}
