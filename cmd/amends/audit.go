package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"amends/audit"
	"amends/definitions"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// auditCommand reads the buckets and adds everything up. It exits 10 if
// something is off, and names it.
type auditCommand struct {
	accessFlags
	JSON bool `help:"Print the report as JSON; with --watch, one object per line."`

	Elsewhere     []string      `placeholder:"SERVICE" help:"Services that keep their records elsewhere, such as a payment service of your own; several are parted by commas. What their steps have left is not looked for."`
	Watch         bool          `short:"w" help:"Keep auditing while the system runs; Ctrl-C ends it."`
	Every         time.Duration `default:"30s" help:"With --watch: time between two rounds, which read what has changed."`
	Full          time.Duration `default:"1h" help:"With --watch: after how long everything is read once more."`
	MetricsListen string        `placeholder:"ADDRESS" env:"AMENDS_METRICS_LISTEN" help:"With --watch: where Prometheus reads the metrics, such as 127.0.0.1:9464."`
}

// Validate refuses what makes no sense.
func (c *auditCommand) Validate() error {
	switch {
	case !c.Watch && c.MetricsListen != "":
		return errors.New("--metrics-listen needs --watch: a single audit is over before anybody reads its metrics")
	case c.Every <= 0 || c.Full <= 0:
		return errors.New("--every and --full must be more than nothing, such as 30s")
	}
	return nil
}

func (c *auditCommand) Run(ctx context.Context, log zerolog.Logger) error {
	nc, err := c.access().Dial("amends audit")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	if c.Watch {
		return c.watchAndPrint(ctx, nc, os.Stdout, log)
	}
	return auditAndPrint(ctx, nc, os.Stdout, c.JSON, c.Elsewhere...)
}

func auditAndPrint(ctx context.Context, nc *nats.Conn, out io.Writer, asJSON bool, elsewhere ...string) error {
	report, err := runAudit(ctx, nc, elsewhere...)
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

func runAudit(ctx context.Context, nc *nats.Conn, elsewhere ...string) (*audit.Report, error) {
	known := definitionsOf{nc: nc}
	if err := known.load(ctx); err != nil {
		return nil, exitOfAudit(err)
	}
	report, err := audit.Run(ctx, nc, audit.Terms{Find: known.find(ctx), Elsewhere: elsewhere})
	if err != nil {
		return nil, exitOfAudit(err)
	}
	return report, nil
}

// exitOfAudit gives an audit that could not be made its exit code.
func exitOfAudit(err error) error {
	err = fmt.Errorf("auditing: %w", err)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return &exitError{exitNoNATS, fmt.Errorf("%w; this server keeps no streams, so there is nothing of Amends on it", err)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		return &exitError{exitNoNATS, fmt.Errorf("%w; NATS went away, or does not answer in time: try again", err)}
	}
	return &exitError{exitInternal, err}
}

// definitionsOf are all versions that any saga may have begun with: those stored
// by the orchestrators, and those of this program.
type definitionsOf struct {
	nc *nats.Conn

	mu     sync.Mutex
	known  map[string]*saga.Definition
	missed map[string]time.Time // when one was looked for in vain
}

// find finds a definition. One that is not known may have been stored since.
func (d *definitionsOf) find(ctx context.Context) audit.Find {
	return func(name, hash string) (*saga.Definition, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		key := protocol.DefinitionKey(name, hash)
		if d.known[key] == nil && time.Since(d.missed[key]) > time.Second {
			if err := d.load(ctx); err != nil {
				return nil, err
			}
			d.missed[key] = time.Now()
		}
		if def := d.known[key]; def != nil {
			return def, nil
		}
		return nil, fmt.Errorf("it is neither in bucket %s nor part of this program", protocol.BucketDefinitions)
	}
}

func (d *definitionsOf) load(ctx context.Context) (err error) {
	if d.missed == nil {
		d.missed = make(map[string]time.Time)
	}
	d.known, err = knownDefinitions(ctx, d.nc)
	return err
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
