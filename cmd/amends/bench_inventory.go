package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"amends/audit"
	"amends/embedded"

	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"
)

// benchInventoryCommand holds a flash sale: many clients reserve one piece each,
// first of one hot SKU, then spread over many. There are a few pieces less than
// clients want, so that the last ones are declined. It does so with each number of
// replicas, on a store of its own.
type benchInventoryCommand struct {
	Clients      int           `short:"c" default:"256" help:"Reservations in flight."`
	Reservations int           `short:"n" default:"50000" help:"Reservations of one sale."`
	SKUs         int           `name:"skus" default:"1000" help:"SKUs of the sales that are spread."`
	Runs         int           `default:"3" help:"Sales of each kind; the best one counts."`
	Replicas     []int         `default:"1,2" help:"Inventory services, all in this process; several numbers are measured one after the other."`
	Durability   string        `enum:"disk,interval" default:"interval" help:"Of the embedded server: ${enum}."`
	Data         string        `type:"path" help:"Folder of the stores; default is a temporary one."`
	Timeout      time.Duration `default:"30s" help:"For one reservation."`
	JSON         bool          `help:"Print the result as JSON."`
}

// benchInventoryResult is what was measured.
type benchInventoryResult struct {
	Clients    int               `json:"clients"`
	Durability string            `json:"durability"`
	Runs       int               `json:"runs"`
	Cores      int               `json:"cores"` // for server, services and clients
	Machine    string            `json:"machine"`
	Sales      []flashSaleResult `json:"sales"`
}

// flashSaleResult is what the sales with one number of replicas have measured, the
// best of each kind.
type flashSaleResult struct {
	Replicas int             `json:"replicas"`
	Hot      saleResult      `json:"hot"`
	Spread   saleResult      `json:"spread"`
	Ratio    float64         `json:"ratio"` // of the rates, hot to spread
	Oversold int64           `json:"oversold"`
	AuditOK  bool            `json:"audit_ok"`
	Findings []audit.Finding `json:"findings,omitempty"`
}

func (c *benchInventoryCommand) Run(ctx context.Context, log zerolog.Logger) (err error) {
	if min(c.Clients, c.Reservations, c.SKUs, c.Runs, slices.Min(append(c.Replicas, 1))) < 1 {
		return misuse("-c, -n, --skus, --runs and --replicas must be 1 or more")
	}
	data, remove := c.Data, func() error { return nil }
	if data == "" {
		if data, remove, err = temporary(); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, remove()) }()
	result := &benchInventoryResult{
		Clients: c.Clients, Durability: c.Durability, Runs: c.Runs, Cores: runtime.NumCPU(), Machine: runtime.GOOS + "/" + runtime.GOARCH,
	}
	for _, replicas := range c.Replicas {
		folder := filepath.Join(data, "replicas-"+strconv.Itoa(replicas))
		sales, err := c.sell(ctx, folder, replicas, log.Level(zerolog.WarnLevel))
		if err != nil {
			return err
		}
		result.Sales = append(result.Sales, sales)
	}
	return c.tell(result)
}

// sell measures the sales with so many replicas, and audits the stock.
func (c *benchInventoryCommand) sell(ctx context.Context, data string, replicas int, log zerolog.Logger) (r flashSaleResult, err error) {
	url, stop, err := c.start(ctx, data, replicas, log)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, stop(context.WithoutCancel(ctx))) }()
	access := embedded.Access{URL: url}
	if r, err = c.measure(ctx, access); err != nil {
		return r, err
	}
	r.Replicas = replicas
	nc, err := access.Dial("amends bench")
	if err != nil {
		return r, exitOfNATS(err)
	}
	defer nc.Close()
	report, err := audit.RunStock(ctx, nc)
	if err != nil {
		return r, err
	}
	r.Findings, r.AuditOK = report.Findings, report.OK() && r.Oversold == 0
	return r, nil
}

// start starts the server and the services, each in an app of its own.
func (c *benchInventoryCommand) start(ctx context.Context, data string, replicas int, log zerolog.Logger) (
	url string, stop func(context.Context) error, err error,
) {
	var apps []*embedded.App
	stop = func(ctx context.Context) (err error) {
		for _, app := range slices.Backward(apps) {
			err = errors.Join(err, app.Stop(ctx))
		}
		return err
	}
	for n := range max(replicas, 1) {
		cfg := embedded.Config{Roles: []embedded.Role{embedded.Inventory}, Access: embedded.Access{URL: url}, Log: log}
		if n == 0 {
			cfg.Server = &embedded.ServerConfig{
				Data: data, Listen: "127.0.0.1:0", Durability: embedded.Durability(c.Durability), Log: log,
			}
		}
		app := embedded.New(cfg)
		if err := app.Start(ctx); err != nil {
			return "", nil, errors.Join(err, stop(context.WithoutCancel(ctx)))
		}
		apps = append(apps, app)
		url = apps[0].URL()
	}
	return url, stop, nil
}

// measure holds the sales, one kind after the other, so that both meet the same
// moods of the machine.
func (c *benchInventoryCommand) measure(ctx context.Context, access embedded.Access) (r flashSaleResult, err error) {
	for range c.Runs {
		for _, kind := range []struct {
			skus int
			best *saleResult
		}{{1, &r.Hot}, {c.SKUs, &r.Spread}} {
			s := &sale{benchInventoryCommand: c, id: nuid.Next(), skus: kind.skus}
			got, err := s.hold(ctx, access)
			if err != nil {
				return r, err
			}
			r.Oversold += max(got.Accepted-s.pieces(), 0)
			if got.PerSecond > kind.best.PerSecond {
				*kind.best = got
			}
		}
	}
	r.Ratio = r.Hot.PerSecond / r.Spread.PerSecond
	return r, nil
}

// tell prints what was measured. That the audit has found something is an error.
func (c *benchInventoryCommand) tell(r *benchInventoryResult) (err error) {
	if c.JSON {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		r.print(stdout)
	}
	isWrong := func(s flashSaleResult) bool { return !s.AuditOK }
	if err == nil && slices.ContainsFunc(r.Sales, isWrong) {
		err = &exitError{code: exitViolation}
	}
	return err
}

func (r *benchInventoryResult) print(w io.Writer) {
	fmt.Fprintf(w, "flash sale: %d clients, durability %s, best of %d (%s, %d cores for everything)\n",
		r.Clients, r.Durability, r.Runs, r.Machine, r.Cores)
	for _, s := range r.Sales {
		s.print(w)
	}
}

func (r *flashSaleResult) print(w io.Writer) {
	fmt.Fprintf(w, "\nreplicas %d\n", r.Replicas)
	for _, s := range []struct {
		name string
		sale saleResult
	}{{"one hot SKU", r.Hot}, {fmt.Sprintf("%d SKUs", r.Spread.SKUs), r.Spread}} {
		fmt.Fprintf(w, "%-12s %6.0f reservations/s  p50 %.1f ms  p99 %.1f ms  %.0f µs of CPU each  (%d accepted, %d declined)\n",
			s.name, s.sale.PerSecond, s.sale.P50, s.sale.P99, s.sale.CPU, s.sale.Accepted, s.sale.Declined)
	}
	verdict := "every piece is accounted for"
	if !r.AuditOK {
		verdict = "the audit of the stock has found something"
	}
	fmt.Fprintf(w, "hot/spread   %.0f %%; oversold %d; %s\n", 100*r.Ratio, r.Oversold, verdict)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s %s: %s\n", f.Invariant, f.SKU, f.What)
	}
}
