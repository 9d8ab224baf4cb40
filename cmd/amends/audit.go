package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"amends/audit"
	"amends/definitions"
	"amends/saga"

	"github.com/nats-io/nats.go"
)

// auditCommand reads the buckets and adds everything up. It exits 10 if
// something is off, and names it.
type auditCommand struct {
	accessFlags
	JSON bool `help:"Print the report as JSON."`
}

func (c *auditCommand) Run(ctx context.Context) error {
	nc, err := c.access().Dial("amends audit")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	return auditAndPrint(ctx, nc, os.Stdout, c.JSON)
}

func auditAndPrint(ctx context.Context, nc *nats.Conn, out io.Writer, asJSON bool) error {
	report, err := runAudit(ctx, nc)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(report)
	} else {
		err = report.WriteText(out)
	}
	if err == nil && !report.OK() {
		err = &exitError{code: exitViolation}
	}
	return err
}

func runAudit(ctx context.Context, nc *nats.Conn) (*audit.Report, error) {
	defs, err := definitions.Shipped()
	if err != nil {
		return nil, err
	}
	byHash := make(map[string]*saga.Definition, len(defs))
	for name, def := range defs {
		byHash[name+" "+def.Hash()] = def
	}
	report, err := audit.Run(ctx, nc, func(name, hash string) (*saga.Definition, error) {
		if def := byHash[name+" "+hash]; def != nil {
			return def, nil
		}
		return nil, fmt.Errorf("no definition %q with hash %s here", name, hash)
	})
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	return report, nil
}
