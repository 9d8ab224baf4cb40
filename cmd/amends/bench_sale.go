package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"amends/embedded"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

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
