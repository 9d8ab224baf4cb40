package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"
)

// benchCommand measures checkouts: C clients, each of which starts one, waits
// for its end and starts the next. One in ten is declined and compensated.
type benchCommand struct {
	accessFlags
	Clients    int           `short:"c" default:"64" help:"Checkouts in flight."`
	Sagas      int           `short:"n" default:"20000" help:"Checkouts in all."`
	Durability string        `enum:"disk,interval" default:"interval" help:"Of the embedded server: ${enum}."`
	External   bool          `help:"Use the system on --nats instead of one in this process."`
	Data       string        `type:"path" help:"Folder of the store; default is a temporary one."`
	Timeout    time.Duration `default:"30s" help:"For one checkout."`
	CPUProfile string        `type:"path" help:"Write a CPU profile of the run to this file."`
	JSON       bool          `help:"Print the result as JSON."`
}

// benchResult is what a run measured. Times are in milliseconds.
type benchResult struct {
	Clients    int            `json:"clients"`
	Durability string         `json:"durability,omitempty"`
	Sagas      int            `json:"sagas"`
	Seconds    float64        `json:"seconds"`
	PerSecond  float64        `json:"sagas_per_second"`
	P50        float64        `json:"p50_ms"`
	P95        float64        `json:"p95_ms"`
	P99        float64        `json:"p99_ms"`
	Max        float64        `json:"max_ms"`
	CPU        float64        `json:"cpu_ms_per_saga,omitempty"` // of this process, if everything runs in it
	Roofline   float64        `json:"roofline_per_second"`       // what the server alone allows
	Share      float64        `json:"share_of_roofline"`
	Outcomes   map[string]int `json:"outcomes"`
	Cores      int            `json:"cores"`
	Machine    string         `json:"machine"`
	AuditOK    bool           `json:"audit_ok"`
}

func (c *benchCommand) Run(ctx context.Context, log zerolog.Logger) (err error) {
	if c.Clients < 1 || c.Sagas < 1 {
		return misuse("-c and -n must be 1 or more")
	}
	url := c.NATS
	if !c.External {
		app, remove, err := c.start(ctx, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, app.Stop(context.WithoutCancel(ctx)), remove()) }()
		url = app.URL()
	}
	access := c.access()
	access.URL = url
	result, err := c.compare(ctx, access)
	if err != nil {
		return err
	}
	return c.conclude(ctx, access, result)
}

// compare measures the checkouts between two measurements of the roofline, since
// the machine may be faster or slower from one minute to the next.
func (c *benchCommand) compare(ctx context.Context, access embedded.Access) (*benchResult, error) {
	before, err := c.roofline(ctx, access)
	if err != nil {
		return nil, err
	}
	result, err := c.profiled(func() (*benchResult, error) { return c.measure(ctx, access) })
	if err != nil {
		return nil, err
	}
	after, err := c.roofline(ctx, access)
	if err != nil {
		return nil, err
	}
	result.Roofline = (before + after) / 2
	result.Share = result.PerSecond / result.Roofline
	return result, nil
}

// profiled runs a measurement, under the profiler if that is asked for.
func (c *benchCommand) profiled(measure func() (*benchResult, error)) (*benchResult, error) {
	if c.CPUProfile == "" {
		return measure()
	}
	file, err := os.Create(c.CPUProfile)
	if err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	result, err := measure()
	pprof.StopCPUProfile()
	return result, errors.Join(err, file.Close())
}

func (c *benchCommand) start(ctx context.Context, log zerolog.Logger) (*embedded.App, func() error, error) {
	data, remove := c.Data, func() error { return nil }
	if data == "" {
		var err error
		if data, remove, err = temporary(); err != nil {
			return nil, nil, err
		}
	}
	app := embedded.New(embedded.Config{
		Server: &embedded.ServerConfig{
			Data: data, Listen: "127.0.0.1:0", Durability: embedded.Durability(c.Durability), Log: log.Level(zerolog.WarnLevel),
		},
		Development: true, Log: log.Level(zerolog.WarnLevel),
	})
	if err := app.Start(ctx); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return app, remove, nil
}

// measure runs the load.
func (c *benchCommand) measure(ctx context.Context, access embedded.Access) (*benchResult, error) {
	nc, err := access.Dial("amends bench")
	if err != nil {
		return nil, exitOfNATS(err)
	}
	defer nc.Close()
	load := &benchLoad{nc: nc, run: nuid.Next(), total: c.Sagas, timeout: c.Timeout, outcomes: make(map[string]int)}
	begin, used := time.Now(), cpuTime()
	var clients sync.WaitGroup
	for range c.Clients {
		clients.Go(func() { load.client(ctx) })
	}
	clients.Wait()
	if err := errors.Join(load.err, ctx.Err()); err != nil {
		return nil, err
	}
	result := load.result(c, time.Since(begin))
	if !c.External {
		result.CPU = float64((cpuTime() - used).Microseconds()) / 1000 / float64(result.Sagas)
	}
	return result, nil
}

// benchLoad is what the clients of a run share.
type benchLoad struct {
	nc      *nats.Conn
	run     string
	total   int
	timeout time.Duration
	next    atomic.Int64

	mu       sync.Mutex
	times    []time.Duration
	outcomes map[string]int
	err      error
}

func (l *benchLoad) client(ctx context.Context) {
	for ctx.Err() == nil {
		n := int(l.next.Add(1))
		if n > l.total {
			return
		}
		begin := time.Now()
		status, err := l.checkout(n)
		l.record(time.Since(begin), status, err)
		if err != nil {
			return
		}
	}
}

func (l *benchLoad) checkout(n int) (status string, err error) {
	user := "u42"
	if n%10 == 0 {
		user = "u999"
	}
	body := fmt.Sprintf(`{"saga_id":"%s-%d","user_id":"%s","items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],`+
		`"shipping_address":"123 Main St","wait_ms":%d}`, l.run, n, user, l.timeout.Milliseconds())
	reply, err := l.nc.Request(protocol.SubjectStart, []byte(body), l.timeout)
	if err != nil {
		return "", exitOfNATS(err)
	}
	var outcome protocol.Outcome
	if err := json.Unmarshal(reply.Data, &outcome); err != nil {
		return "", fmt.Errorf("decoding an answer: %w", err)
	}
	if outcome.Status == "" {
		return "", fmt.Errorf("unexpected answer: %s", reply.Data)
	}
	return outcome.Status, nil
}

func (l *benchLoad) record(took time.Duration, status string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	l.times = append(l.times, took)
	l.outcomes[status]++
}

func (l *benchLoad) result(c *benchCommand, took time.Duration) *benchResult {
	slices.Sort(l.times)
	percentile := func(p float64) float64 {
		at := min(int(p*float64(len(l.times))), len(l.times)-1)
		return float64(l.times[at].Microseconds()) / 1000
	}
	r := &benchResult{
		Clients: c.Clients, Sagas: len(l.times), Seconds: took.Seconds(), PerSecond: float64(len(l.times)) / took.Seconds(),
		P50: percentile(0.50), P95: percentile(0.95), P99: percentile(0.99), Max: percentile(1),
		Outcomes: l.outcomes, Cores: runtime.NumCPU(), Machine: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if !c.External {
		r.Durability = c.Durability
	}
	return r
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// conclude audits what the load left behind, and prints.
func (c *benchCommand) conclude(ctx context.Context, access embedded.Access, r *benchResult) error {
	nc, err := access.Dial("amends bench")
	if err != nil {
		return exitOfNATS(err)
	}
	defer nc.Close()
	report, err := runAudit(ctx, nc)
	if err != nil {
		return err
	}
	r.AuditOK = report.OK()
	if c.JSON {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		r.print(stdout)
		err = report.WriteText(stdout)
	}
	if err == nil && !r.AuditOK {
		err = &exitError{code: exitViolation}
	}
	return err
}

func (r *benchResult) print(w io.Writer) {
	fmt.Fprintf(w, "%.0f checkouts/s with %d in flight", r.PerSecond, r.Clients)
	if r.Durability != "" {
		fmt.Fprintf(w, ", durability %s", r.Durability)
	}
	fmt.Fprintf(w, " (%d in %.1f s, %s, %d cores for everything)\n", r.Sagas, r.Seconds, r.Machine, r.Cores)
	fmt.Fprintf(w, "latency  p50 %.2f ms  p95 %.2f ms  p99 %.2f ms  max %.2f ms\n", r.P50, r.P95, r.P99, r.Max)
	if r.CPU > 0 {
		fmt.Fprintf(w, "CPU      %.2f ms per checkout, server, services and client included\n", r.CPU)
	}
	fmt.Fprintf(w, "roofline %.0f/s: this is %.0f %% of what the server alone does for the same requests and writes\n", r.Roofline, 100*r.Share)
	fmt.Fprintf(w, "outcomes %v\n", r.Outcomes)
}
