package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"amends/audit"
	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"
)

// benchInventoryCommand holds a flash sale: many clients reserve one piece each,
// first of one hot SKU, then spread over many. There are a few pieces less than
// clients want, so that the last ones are declined.
type benchInventoryCommand struct {
	Clients      int           `short:"c" default:"256" help:"Reservations in flight."`
	Reservations int           `short:"n" default:"50000" help:"Reservations of one sale."`
	SKUs         int           `default:"1000" help:"SKUs of the sales that are spread."`
	Runs         int           `default:"3" help:"Sales of each kind; the best one counts."`
	Replicas     int           `default:"1" help:"Inventory services, all in this process."`
	Durability   string        `enum:"disk,interval" default:"interval" help:"Of the embedded server: ${enum}."`
	Data         string        `type:"path" help:"Folder of the store; default is a temporary one."`
	Timeout      time.Duration `default:"30s" help:"For one reservation."`
	JSON         bool          `help:"Print the result as JSON."`
}

// saleResult is what one sale measured.
type saleResult struct {
	SKUs      int     `json:"skus"`
	Accepted  int64   `json:"accepted"`
	Declined  int64   `json:"declined"`
	PerSecond float64 `json:"reservations_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	CPU       float64 `json:"cpu_us_per_reservation"` // server, service and clients
}

// flashSaleResult is what all sales measured, the best of each kind.
type flashSaleResult struct {
	Clients    int        `json:"clients"`
	Replicas   int        `json:"replicas"`
	Durability string     `json:"durability"`
	Runs       int        `json:"runs"`
	Hot        saleResult `json:"hot"`
	Spread     saleResult `json:"spread"`
	Ratio      float64    `json:"ratio"` // of the rates, hot to spread
	Oversold   int64      `json:"oversold"`
	Cores      int        `json:"cores"`
	Machine    string     `json:"machine"`
	AuditOK    bool       `json:"audit_ok"`
}

func (c *benchInventoryCommand) Run(ctx context.Context, log zerolog.Logger) (err error) {
	data, remove := c.Data, func() error { return nil }
	if data == "" {
		if data, remove, err = temporary(); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, remove()) }()
	url, stop, err := c.start(ctx, data, log.Level(zerolog.WarnLevel))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(context.WithoutCancel(ctx))) }()
	access := embedded.Access{URL: url}
	result, err := c.measure(ctx, access)
	if err != nil {
		return err
	}
	return c.conclude(ctx, access, result)
}

// start starts the server and the services, each in an app of its own.
func (c *benchInventoryCommand) start(ctx context.Context, data string, log zerolog.Logger) (
	url string, stop func(context.Context) error, err error,
) {
	var apps []*embedded.App
	stop = func(ctx context.Context) (err error) {
		for _, app := range slices.Backward(apps) {
			err = errors.Join(err, app.Stop(ctx))
		}
		return err
	}
	for n := range max(c.Replicas, 1) {
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
func (c *benchInventoryCommand) measure(ctx context.Context, access embedded.Access) (*flashSaleResult, error) {
	r := &flashSaleResult{
		Clients: c.Clients, Replicas: max(c.Replicas, 1), Durability: c.Durability, Runs: c.Runs,
		Cores: runtime.NumCPU(), Machine: runtime.GOOS + "/" + runtime.GOARCH,
	}
	for range c.Runs {
		for _, kind := range []struct {
			skus int
			best *saleResult
		}{{1, &r.Hot}, {c.SKUs, &r.Spread}} {
			s := &sale{benchInventoryCommand: c, id: nuid.Next(), skus: kind.skus}
			got, err := s.hold(ctx, access)
			if err != nil {
				return nil, err
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

// saleConns is how many connections the clients of a sale share.
const saleConns = 8

// sale is one sale, of goods of its own.
type sale struct {
	*benchInventoryCommand
	id   string
	skus int

	next               atomic.Int64
	accepted, declined atomic.Int64
	mu                 sync.Mutex
	times              []time.Duration
	err                error
}

func (s *sale) sku(n int) string { return fmt.Sprintf("%s-%d", s.id, n%s.skus) }

// each is how many pieces there are of each SKU: about one in twenty is too few.
func (s *sale) each() int64   { return max(int64(s.Reservations/s.skus)*19/20, 1) }
func (s *sale) pieces() int64 { return s.each() * int64(s.skus) }

func (s *sale) hold(ctx context.Context, access embedded.Access) (saleResult, error) {
	conns := make([]*nats.Conn, saleConns)
	for n := range conns {
		nc, err := access.Dial("amends bench")
		if err != nil {
			return saleResult{}, exitOfNATS(err)
		}
		defer nc.Close()
		conns[n] = nc
	}
	if err := s.stock(conns[0]); err != nil {
		return saleResult{}, err
	}
	begin, used := time.Now(), cpuTime()
	var clients sync.WaitGroup
	for n := range s.Clients {
		clients.Go(func() { s.client(ctx, conns[n%saleConns]) })
	}
	clients.Wait()
	return s.result(time.Since(begin), cpuTime()-used), errors.Join(s.err, ctx.Err())
}

// stock has the goods delivered.
func (s *sale) stock(nc *nats.Conn) error {
	for from := 0; from < s.skus; from += protocol.MaxLines {
		var lines []protocol.Line
		for n := from; n < min(from+protocol.MaxLines, s.skus); n++ {
			lines = append(lines, protocol.Line{SKU: s.sku(n), Quantity: s.each()})
		}
		body, err := json.Marshal(map[string]any{"delivery_id": fmt.Sprintf("%s-%d", s.id, from), "items": lines})
		if err != nil {
			return err
		}
		reply, err := nc.Request(protocol.SubjectRestock, body, s.Timeout)
		if err != nil {
			return exitOfNATS(err)
		}
		var refused protocol.Error
		if err := json.Unmarshal(reply.Data, &refused); err == nil && refused.Code != "" {
			return fmt.Errorf("delivering the goods: %w", &refused)
		}
	}
	return nil
}

// client reserves until everything was asked for.
func (s *sale) client(ctx context.Context, nc *nats.Conn) {
	var times []time.Duration
	var err error
	for n := s.next.Add(1); n <= int64(s.Reservations) && err == nil && ctx.Err() == nil; n = s.next.Add(1) {
		begin := time.Now()
		err = s.reserve(nc, int(n))
		times = append(times, time.Since(begin))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, times...)
	s.err = errors.Join(s.err, err)
}

// reserve asks for one piece, once.
func (s *sale) reserve(nc *nats.Conn, n int) error {
	body := fmt.Appendf(nil, `{"type":"%s","saga_id":"%s-%d","step":1,"items":[{"sku":"%s","quantity":1}]}`,
		protocol.TypeReserveInventory, s.id, n, s.sku(n))
	reply, err := nc.Request(protocol.SubjectReserve, body, s.Timeout)
	if err != nil {
		return exitOfNATS(err)
	}
	id, err := protocol.ParseSagaID(fmt.Sprintf("%s-%d", s.id, n))
	if err != nil {
		return err
	}
	a, err := protocol.ParseReply(protocol.TypeReserveInventory, id, 1, reply.Data)
	switch {
	case err != nil:
		return err
	case a.Verdict == protocol.Accepted:
		s.accepted.Add(1)
	case a.Verdict == protocol.Declined:
		s.declined.Add(1)
	default:
		return fmt.Errorf("unexpected answer: %s", reply.Data)
	}
	return nil
}

func (s *sale) result(took, used time.Duration) saleResult {
	slices.Sort(s.times)
	percentile := func(p int) float64 {
		if len(s.times) == 0 {
			return 0
		}
		return float64(s.times[min(len(s.times)*p/100, len(s.times)-1)].Microseconds()) / 1000
	}
	return saleResult{
		SKUs: s.skus, Accepted: s.accepted.Load(), Declined: s.declined.Load(),
		PerSecond: float64(len(s.times)) / took.Seconds(), P50: percentile(50), P99: percentile(99),
		CPU: float64(used.Microseconds()) / float64(max(len(s.times), 1)),
	}
}

// conclude audits the stock, and prints.
func (c *benchInventoryCommand) conclude(ctx context.Context, access embedded.Access, r *flashSaleResult) error {
	nc, err := access.Dial("amends bench")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	report, err := audit.RunStock(ctx, nc)
	if err != nil {
		return err
	}
	r.AuditOK = report.OK() && r.Oversold == 0
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		r.print(os.Stdout)
		for _, f := range report.Findings {
			fmt.Printf("%s %s: %s\n", f.Invariant, f.SKU, f.What)
		}
	}
	if err == nil && !r.AuditOK {
		err = &exitError{code: exitViolation}
	}
	return err
}

func (r *flashSaleResult) print(w io.Writer) {
	fmt.Fprintf(w, "flash sale: %d clients, %d inventory, durability %s, best of %d (%s, %d cores for everything)\n",
		r.Clients, r.Replicas, r.Durability, r.Runs, r.Machine, r.Cores)
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
}
