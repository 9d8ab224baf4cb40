package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// checkoutCommand is the client API on the command line.
type checkoutCommand struct {
	Start  startCommand  `cmd:"" help:"Start a checkout and wait for its end."`
	Status statusCommand `cmd:"" help:"Show one checkout."`
	List   listCommand   `cmd:"" help:"List the newest checkouts."`
	Watch  watchCommand  `cmd:"" help:"Follow the transitions of one checkout, or of all."`
}

// startCommand starts a checkout. Same id, same content: the same checkout.
type startCommand struct {
	clientFlags
	SagaID  string        `arg:"" optional:"" help:"Id of the checkout; one is made if absent."`
	User    string        `default:"u42" help:"Who buys; u999 has no money."`
	Item    []string      `default:"abc123=2" help:"SKU=QUANTITY; may be repeated."`
	Address string        `default:"123 Main St" help:"Where to."`
	Wait    time.Duration `default:"4s" help:"How long to wait for the end."`
}

func (c *startCommand) Run() error {
	request, err := c.request()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	c.Timeout = max(c.Timeout, c.Wait+time.Second)
	var outcome protocol.Outcome
	raw, err := c.ask(nc, protocol.SubjectStart, request, &outcome)
	if c.JSON && raw != nil {
		fmt.Println(string(raw))
	}
	if err != nil {
		return err
	}
	if !c.JSON {
		printOutcome(os.Stdout, outcome)
	}
	return exitOfStatus(outcome.Status)
}

func (c *startCommand) request() (protocol.StartRequest, error) {
	wait := c.Wait.Milliseconds()
	request := protocol.StartRequest{
		Type: protocol.TypeCheckout, SagaID: c.SagaID, UserID: c.User, ShippingAddress: c.Address, WaitMS: &wait,
	}
	for _, item := range c.Item {
		sku, quantity, ok := strings.Cut(item, "=")
		n, err := strconv.ParseInt(quantity, 10, 64)
		if !ok || err != nil {
			return request, fmt.Errorf("--item %q is not SKU=QUANTITY", item)
		}
		request.Items = append(request.Items, protocol.Line{SKU: sku, Quantity: n})
	}
	return request, nil
}

func printOutcome(w io.Writer, o protocol.Outcome) {
	fmt.Fprintf(w, "%s  %s", o.SagaID, o.Status)
	if o.OrderID != "" {
		fmt.Fprintf(w, "  order %s", o.OrderID)
	}
	if o.Reason != "" {
		fmt.Fprintf(w, "  %s", o.Reason)
	}
	fmt.Fprintln(w)
}

// exitOfStatus tells a script how the checkout ended.
func exitOfStatus(status string) error {
	switch status {
	case "COMPLETED":
		return nil
	case "ABORTED":
		return &exitError{code: exitAborted}
	case "STUCK":
		return &exitError{code: exitStuck}
	}
	return &exitError{code: exitRunning}
}

// statusCommand shows one checkout.
type statusCommand struct {
	clientFlags
	SagaID string `arg:"" help:"Id of the checkout."`
}

func (c *statusCommand) Run() error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	var status protocol.Status
	raw, err := c.ask(nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: c.SagaID}, &status)
	if c.JSON && raw != nil {
		fmt.Println(string(raw))
	}
	if err != nil || c.JSON {
		return err
	}
	printStatus(os.Stdout, &status)
	return nil
}

func printStatus(out io.Writer, s *protocol.Status) {
	fmt.Fprintf(out, "%s  %s  (%s)\n", s.SagaID, s.Status, s.Definition)
	for _, line := range [][2]string{
		{"order", s.OrderID}, {"reason", s.Reason}, {"incident", s.Incident}, {"waiting for", s.WaitingFor},
		{"next attempt", s.NextAttemptAt}, {"started", s.StartedAt}, {"updated", s.UpdatedAt},
	} {
		if line[1] != "" {
			fmt.Fprintf(out, "  %-12s  %s\n", line[0], line[1])
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, step := range s.Steps {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\t%s\n", step.Step, step.Transaction, step.Status, attempts(step), step.LastError)
	}
	// Writing to a terminal that has gone away is no error worth telling.
	_ = w.Flush()
}

func attempts(s protocol.StepStatus) string {
	text := ""
	if s.Attempts > 1 {
		text = fmt.Sprintf("%d attempts", s.Attempts)
	}
	if s.CompensationAttempts > 1 {
		text = strings.TrimSpace(fmt.Sprintf("%s %d to undo", text, s.CompensationAttempts))
	}
	return text
}

// listCommand lists checkouts.
type listCommand struct {
	clientFlags
	Status string `enum:",PENDING,COMPENSATING,COMPLETED,ABORTED,STUCK" default:"" help:"Only those of this status."`
	Limit  int    `default:"100" help:"At most so many, newest first."`
}

func (c *listCommand) Run() error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	var list protocol.List
	raw, err := c.ask(nc, protocol.SubjectList, protocol.ListRequest{Status: c.Status, Limit: c.Limit}, &list)
	if c.JSON && raw != nil {
		fmt.Println(string(raw))
	}
	if err != nil || c.JSON {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SAGA\tSTATUS\tDEFINITION\tSTARTED")
	for _, s := range list.Sagas {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.SagaID, s.Status, s.Definition, s.StartedAt)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := list.Total - len(list.Sagas); more > 0 {
		fmt.Fprintf(os.Stderr, "%d more; --limit shows them\n", more)
	}
	return nil
}

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
	return c.follow(ctx, nc, sub)
}

// follow prints transitions until the one saga has ended, or the process is told
// to stop. A saga that has ended before is told as such at once.
func (c *watchCommand) follow(ctx context.Context, nc *nats.Conn, sub *nats.Subscription) error {
	if c.SagaID != "" {
		var status protocol.Status
		if _, err := c.ask(nc, protocol.SubjectStatus, protocol.StatusRequest{SagaID: c.SagaID}, &status); err == nil && ended(status.Status) {
			printStatus(os.Stdout, &status)
			return exitOfStatus(status.Status)
		}
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return exitOfNATS(err)
		}
		phase, err := c.print(m.Data)
		if err != nil {
			return err
		}
		if c.SagaID != "" && ended(phase) {
			return exitOfStatus(phase)
		}
	}
}

func (c *watchCommand) print(data []byte) (phase string, err error) {
	t, err := parseTransition(data)
	if err != nil {
		return "", err
	}
	if c.JSON {
		fmt.Println(string(data))
	} else {
		fmt.Println(t.line())
	}
	return t.Phase, nil
}

func ended(status string) bool {
	return status == "COMPLETED" || status == "ABORTED" || status == "STUCK"
}
