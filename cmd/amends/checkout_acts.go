package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// actFlags are those of every act.
type actFlags struct {
	clientFlags
	Reason string `help:"Why; it is written into the journal of the checkout."`
	By     string `env:"AMENDS_BY" help:"Who asks for it; default is your user name."`
}

// by is who asks for the act.
func (f *actFlags) by() string {
	if f.By != "" {
		return f.By
	}
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username
	}
	return cmp.Or(os.Getenv("USER"), "unknown")
}

// waitFlags say how long to wait for an act to have its effect.
type waitFlags struct {
	Wait time.Duration `default:"4s" help:"How long to wait for the checkout to settle."`
}

func (f *waitFlags) waitMS() *int64 {
	ms := f.Wait.Milliseconds()
	return &ms
}

// act is one act of an operator, that can be asked for on any checkout.
type act struct {
	name    string // as a plan has it
	subject string
	request func(sagaID string) request
	reached string // the status at which the act has had its effect, if only one will do
	written bool   // it has had its effect when it is in the journal
}

// request is what an act sends.
type request interface{ Validate() error }

// exitOf gives the outcome of an act its exit code: 0 if the checkout has
// settled and needs no person.
func (a *act) exitOf(status string) error {
	switch {
	case a.written || status == a.reached:
		return nil
	case a.reached == "" && (status == protocol.StatusCompleted || status == protocol.StatusAborted):
		return nil
	}
	return exitOfStatus(status)
}

// cancelCommand turns checkouts back, or ends them where they stand.
type cancelCommand struct {
	actFlags
	targetFlags
	waitFlags
	Kill bool `help:"End it where it stands: nothing is undone, and nothing is sent any more. Needs --reason."`
}

func (c *cancelCommand) Run(ctx context.Context) error {
	a := act{name: protocol.ActCancel, subject: protocol.SubjectCancel, reached: protocol.StatusAborted}
	if c.Kill {
		a.name, a.reached = protocol.ActKill, protocol.StatusKilled
	}
	a.request = func(id string) request {
		return protocol.CancelRequest{SagaID: id, Kill: c.Kill, Reason: c.Reason, By: c.by(), WaitMS: c.waitMS()}
	}
	c.outlast(c.Wait)
	return c.run(ctx, &c.actFlags, &a)
}

// retryCommand tries again what has failed.
type retryCommand struct {
	actFlags
	targetFlags
	waitFlags
}

func (c *retryCommand) Run(ctx context.Context) error {
	a := act{name: protocol.ActRetry, subject: protocol.SubjectRetry, request: func(id string) request {
		return protocol.RetryRequest{SagaID: id, Reason: c.Reason, By: c.by(), WaitMS: c.waitMS()}
	}}
	c.outlast(c.Wait)
	return c.run(ctx, &c.actFlags, &a)
}

// migrateCommand lets checkouts go on with another version of their definition.
type migrateCommand struct {
	actFlags
	targetFlags
	Hash string `placeholder:"HASH" help:"Of the version, for one checkout; default is the version that is loaded."`
}

func (c *migrateCommand) Run(ctx context.Context) error {
	if c.Hash != "" && c.SagaID == "" {
		return &exitError{exitUsage, errors.New("--hash is for one checkout; many are moved to the version that is loaded")}
	}
	a := act{name: protocol.ActMigrate, subject: protocol.SubjectMigrate, written: true, request: func(id string) request {
		return protocol.MigrateRequest{SagaID: id, Hash: c.Hash, Reason: c.Reason, By: c.by(), WaitMS: new(int64)}
	}}
	return c.run(ctx, &c.actFlags, &a)
}

// resolveCommand settles one step by hand.
type resolveCommand struct {
	actFlags
	waitFlags
	SagaID   string   `arg:"" help:"Id of the checkout."`
	Step     int      `required:"" placeholder:"NUMBER" help:"The step that it is stuck at."`
	As       string   `required:"" enum:"done,skip" placeholder:"done|skip" help:"done: somebody has done it, or undone it where that was to do. skip: it will not be done."`
	Evidence string   `help:"What proves it, such as the number of a bank transfer; needed with done."`
	Field    []string `sep:"none" placeholder:"NAME=JSON" help:"What the answer of an action would have brought, with --as done; may be repeated."`
}

func (c *resolveCommand) Run() error {
	fields, err := jsonFields(c.Field)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	a := act{name: protocol.ActResolve, subject: protocol.SubjectResolve, request: func(id string) request {
		return protocol.ResolveRequest{
			SagaID: id, Step: c.Step, As: c.As, Fields: fields, Evidence: c.Evidence, Reason: c.Reason, By: c.by(), WaitMS: c.waitMS(),
		}
	}}
	c.outlast(c.Wait)
	return c.actOnOne(&a, c.SagaID)
}

// jsonFields reads NAME=JSON.
func jsonFields(texts []string) (map[string]json.RawMessage, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	fields := make(map[string]json.RawMessage, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || !json.Valid([]byte(value)) {
			return nil, fmt.Errorf(`--field %s is not NAME=JSON; a text needs its quotes, as in --field 'shipment_id="s1"'`, text)
		}
		if fields[name] != nil {
			return nil, fmt.Errorf("--field %s is given twice", name)
		}
		fields[name] = json.RawMessage(value)
	}
	return fields, nil
}

// actOnOne asks for an act on one checkout and tells its outcome.
func (f *actFlags) actOnOne(a *act, sagaID string) error {
	if err := a.request(sagaID).Validate(); err != nil {
		return f.refuse(err)
	}
	nc, err := f.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	raw, outcome, err := f.actOn(nc, a, sagaID)
	f.printJSON(raw)
	if err != nil {
		return err
	}
	if !f.JSON {
		printOutcome(stdout, outcome)
	}
	return a.exitOf(outcome.Status)
}

// actOn asks for an act. When no answer comes, whether it was taken is not known.
func (f *actFlags) actOn(nc *nats.Conn, a *act, sagaID string) (raw []byte, outcome protocol.Outcome, err error) {
	raw, err = f.ask(nc, a.subject, a.request(sagaID), &outcome)
	if codeOf(err) == exitRunning {
		err = &exitError{exitRunning, errors.New("no answer in time, so it is not known whether the act was taken; see: amends checkout status " + sagaID)}
	}
	return raw, outcome, err
}

// refuse tells that a request is not taken, before it is sent.
func (f *actFlags) refuse(err error) error {
	refusal := protocol.AsError(err)
	if f.JSON {
		// Texts only: this cannot fail.
		raw, _ := json.Marshal(refusal)
		f.printJSON(raw)
	}
	return exitOf(refusal)
}
