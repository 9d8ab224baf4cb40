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

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

const (
	// chaosWait is how long a client waits for one answer of the service, and
	// chaosSlack how much longer for it to arrive.
	chaosWait, chaosSlack = 5 * time.Second, 2 * time.Second
	// chaosPause is the wait before a client asks again.
	chaosPause = 100 * time.Millisecond
)

// chaosLoad is what the clients of a run share. Each starts a checkout, asks for it
// until it has ended, and starts the next. One in ten has a card that is declined,
// and another an address to which nothing can be shipped.
type chaosLoad struct {
	nc       *nats.Conn
	prefix   string
	total    int
	patience time.Duration
	next     atomic.Int64

	mu       sync.Mutex
	times    []time.Duration // of those that ended
	outcomes map[string]int
}

func (l *chaosLoad) run(ctx context.Context, clients int) error {
	var all sync.WaitGroup
	failures := make(chan error, clients)
	for range clients {
		all.Go(func() { failures <- l.client(ctx) })
	}
	all.Wait()
	close(failures)
	var err error
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (l *chaosLoad) client(ctx context.Context) error {
	for {
		n := int(l.next.Add(1))
		if n > l.total || ctx.Err() != nil {
			return nil
		}
		begin := time.Now()
		status, err := l.checkout(ctx, n)
		if err != nil {
			return err
		}
		l.record(status, time.Since(begin))
	}
}

// checkout asks for a checkout until it has ended, or patience has, and returns the
// last that was heard of it.
func (l *chaosLoad) checkout(ctx context.Context, n int) (status string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	body, err := json.Marshal(l.request(n))
	if err != nil {
		return "", fmt.Errorf("encoding a checkout: %w", err)
	}
	for status = protocol.StatusPending; !isOver(status); {
		heard, err := l.ask(ctx, body)
		if err != nil {
			return "", err
		}
		if heard != "" {
			status = heard
			continue
		}
		select {
		case <-time.After(chaosPause):
		case <-ctx.Done():
			return status, nil
		}
	}
	return status, nil
}

// ask asks once, and returns "" if it is to be asked again.
func (l *chaosLoad) ask(ctx context.Context, body []byte) (status string, err error) {
	ctx, cancel := context.WithTimeout(ctx, chaosWait+chaosSlack)
	defer cancel()
	m, err := l.nc.RequestWithContext(ctx, protocol.SubjectStart, body)
	if err != nil {
		return "", nil // nobody is there at the moment, or patience is over
	}
	var answer struct {
		Status string        `json:"status"`
		Code   protocol.Code `json:"code"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return "", fmt.Errorf("decoding an answer: %w", err)
	}
	switch {
	case answer.Code == protocol.CodeOverloaded || answer.Code == protocol.CodeUnavailable:
		return "", nil
	case answer.Status == "":
		return "", fmt.Errorf("unexpected answer: %s", m.Data)
	}
	return answer.Status, nil
}

func (l *chaosLoad) request(n int) protocol.StartRequest {
	wait := chaosWait.Milliseconds()
	r := protocol.StartRequest{
		SagaID: fmt.Sprintf("%s-%d", l.prefix, n), UserID: "u42", ShippingAddress: "123 Main St", WaitMS: &wait,
		Items: []protocol.Line{{SKU: "abc123", Quantity: 2}, {SKU: "xyz789", Quantity: 1}},
	}
	switch n % 10 {
	case 0:
		r.UserID = "u999"
	case 5:
		r.ShippingAddress = "1 Undeliverable Lane"
	}
	return r
}

// hasEnded tells whether a checkout has come to its end; isOver also tells one that
// waits for a person, for which there is no point in waiting.
func hasEnded(status string) bool {
	return status == protocol.StatusCompleted || status == protocol.StatusAborted || status == protocol.StatusKilled
}

func isOver(status string) bool { return hasEnded(status) || status == protocol.StatusStuck }

func (l *chaosLoad) record(status string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[status]++
	if hasEnded(status) {
		l.times = append(l.times, took)
	}
}

func (l *chaosLoad) result(took time.Duration) *chaosResult {
	slices.Sort(l.times)
	percentile := func(p float64) float64 {
		if len(l.times) == 0 {
			return 0
		}
		at := min(int(p*float64(len(l.times))), len(l.times)-1)
		return float64(l.times[at].Microseconds()) / 1000
	}
	return &chaosResult{
		Sagas: l.total, Ended: len(l.times), Outcomes: l.outcomes, Seconds: took.Seconds(),
		P50: percentile(0.50), P95: percentile(0.95), P99: percentile(0.99), Max: percentile(1),
	}
}
