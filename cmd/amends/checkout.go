package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"amends/protocol"
)

// checkoutCommand is the client API on the command line.
type checkoutCommand struct {
	Start  startCommand  `cmd:"" help:"Start a checkout and wait for its end."`
	Status statusCommand `cmd:"" help:"Show one checkout."`
	List   listCommand   `cmd:"" help:"List checkouts, newest first."`
	Watch  watchCommand  `cmd:"" help:"Follow the transitions of one checkout, or of all."`

	Incidents   incidentsCommand   `cmd:"" help:"List what a person has to see to."`
	Plan        planCommand        `cmd:"" help:"Tell what an act would do. Nothing is done."`
	Cancel      cancelCommand      `cmd:"" help:"Turn a checkout back, or many; --kill ends it where it stands."`
	Retry       retryCommand       `cmd:"" help:"Try again what has failed in a STUCK checkout, or in many."`
	Resolve     resolveCommand     `cmd:"" help:"Settle one step of a STUCK checkout by hand."`
	Migrate     migrateCommand     `cmd:"" help:"Let a checkout, or many, go on with another version of the definition."`
	Definitions definitionsCommand `cmd:"" help:"List the definitions and their versions."`
}

// startCommand starts a checkout. Same id, same content: the same checkout.
type startCommand struct {
	clientFlags
	SagaID     string        `arg:"" optional:"" help:"Id of the checkout; one is made if absent."`
	Definition string        `default:"checkout" help:"Name of the definition that it follows."`
	User       string        `default:"u42" help:"Who buys; u999 has no money."`
	Item       []string      `default:"abc123=2" help:"SKU=QUANTITY; may be repeated."`
	Address    string        `default:"123 Main St" help:"Where to."`
	Wait       time.Duration `default:"4s" help:"How long to wait for the end."`
	Request    []byte        `type:"filecontent" placeholder:"FILE" help:"File with a whole request in JSON, - is stdin, for a definition that asks for other fields. It takes the place of the flags for these."`
}

func (c *startCommand) Run() error {
	request, err := c.request()
	if err != nil {
		return err
	}
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	c.outlast(c.Wait)
	var outcome protocol.Outcome
	raw, err := c.ask(nc, protocol.SubjectStart, request, &outcome)
	c.printJSON(raw)
	if err != nil {
		return err
	}
	if !c.JSON {
		printOutcome(stdout, outcome)
	}
	return exitOfStatus(outcome.Status)
}

// request is what is asked for: what the file has, or what the flags say.
func (c *startCommand) request() (json.RawMessage, error) {
	if c.Request != nil {
		return c.completed(c.Request)
	}
	wait := c.Wait.Milliseconds()
	request := protocol.StartRequest{
		Type: protocol.TypeCheckout, SagaID: c.SagaID, Definition: c.Definition, UserID: c.User, ShippingAddress: c.Address, WaitMS: &wait,
	}
	for _, item := range c.Item {
		sku, quantity, ok := strings.Cut(item, "=")
		n, err := strconv.ParseInt(quantity, 10, 64)
		if !ok || err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("--item %q is not SKU=QUANTITY", item)}
		}
		request.Items = append(request.Items, protocol.Line{SKU: sku, Quantity: n})
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	return body, nil
}

// completed is a request from outside, with the id and the wait of the command
// line.
func (c *startCommand) completed(body []byte) (json.RawMessage, error) {
	var request protocol.StartRequest
	_, err := protocol.Decode(body, &request)
	if err == nil {
		err = cmp.Or(request.ValidateEnvelope(), protocol.CheckBare(body))
	}
	if err != nil {
		// A refusal can be encoded. It is told as if it had come from the service.
		refusal, _ := json.Marshal(protocol.AsError(err))
		c.printJSON(refusal)
		return nil, exitOf(protocol.AsError(err))
	}
	values := map[string]json.RawMessage{"wait_ms": json.RawMessage(strconv.FormatInt(c.Wait.Milliseconds(), 10))}
	if c.SagaID != "" {
		values["saga_id"] = json.RawMessage(strconv.Quote(c.SagaID))
	}
	return protocol.WithFields(body, values)
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
