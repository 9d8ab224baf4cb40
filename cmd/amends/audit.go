package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"amends/audit"
	"amends/definitions"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
	known, err := knownDefinitions(ctx, nc)
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	report, err := audit.Run(ctx, nc, func(name, hash string) (*saga.Definition, error) {
		if def := known[protocol.DefinitionKey(name, hash)]; def != nil {
			return def, nil
		}
		return nil, fmt.Errorf("no definition %q with hash %s is known", name, hash)
	})
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	return report, nil
}

// knownDefinitions are all versions that any saga may have begun with: those
// stored by the orchestrators, and those of this program.
func knownDefinitions(ctx context.Context, nc *nats.Conn) (map[string]*saga.Definition, error) {
	known := make(map[string]*saga.Definition)
	shipped, err := definitions.Shipped()
	if err != nil {
		return nil, err
	}
	for name, def := range shipped {
		known[protocol.DefinitionKey(name, def.Hash())] = def
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	bucket, err := js.KeyValue(ctx, protocol.BucketDefinitions)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := bucket.ListKeys(ctx)
	if err != nil {
		return nil, err
	}
	for key := range keys.Keys() {
		if err := readDefinition(ctx, bucket, key, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func readDefinition(ctx context.Context, bucket jetstream.KeyValue, key string, known map[string]*saga.Definition) error {
	entry, err := bucket.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("reading definition %s: %w", key, err)
	}
	var def saga.Definition
	if err := json.Unmarshal(entry.Value(), &def); err != nil {
		return fmt.Errorf("decoding definition %s: %w", key, err)
	}
	known[protocol.DefinitionKey(def.Name, def.Hash())] = &def
	return nil
}
