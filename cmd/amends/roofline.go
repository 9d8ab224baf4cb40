package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"amends/embedded"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The roofline is what the server alone allows: for each checkout the same
// requests, answered by an echo, and the same synced writes, with nothing of
// ours around them. What a machine can do changes from minute to minute; the
// share of the roofline is what the code is worth.

const (
	rooflineRequests = 4    // the client's, and one to each participant
	rooflineWrites   = 8    // inbox, four of the journal, three of the participants
	rooflineBody     = 1000 // bytes, about the size of a record
)

var rooflineStreams = []string{"ROOF_INBOX", "ROOF_SAGAS", "ROOF_INVENTORY", "ROOF_PAYMENTS"}

// roofline returns how many checkouts per second the server would allow.
func (c *benchCommand) roofline(ctx context.Context, access embedded.Access) (perSecond float64, err error) {
	nc, err := access.Dial("amends roofline")
	if err != nil {
		return 0, exitOfNATS(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	for _, name := range rooflineStreams {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".*"}, MaxMsgsPerSubject: 1}); err != nil {
			return 0, fmt.Errorf("measuring the roofline: %w", err)
		}
		defer func() { err = errors.Join(err, js.DeleteStream(context.WithoutCancel(ctx), name)) }()
	}
	echo, err := nc.Subscribe("amends.roofline", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, echo.Unsubscribe()) }()
	return c.timeRoofline(ctx, nc)
}

func (c *benchCommand) timeRoofline(ctx context.Context, nc *nats.Conn) (float64, error) {
	total := max(c.Sagas/8, c.Clients)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var clients sync.WaitGroup
	begin := time.Now()
	for range c.Clients {
		clients.Go(func() {
			body := make([]byte, rooflineBody)
			for n := next.Add(1); n <= int64(total) && failed.Load() == nil && ctx.Err() == nil; n = next.Add(1) {
				if err := c.rooflineSaga(nc, n, body); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	clients.Wait()
	if err := failed.Load(); err != nil {
		return 0, fmt.Errorf("measuring the roofline: %w", *err)
	}
	return float64(total) / time.Since(begin).Seconds(), ctx.Err()
}

// rooflineSaga does what one checkout costs the server.
func (c *benchCommand) rooflineSaga(nc *nats.Conn, n int64, body []byte) error {
	for range rooflineRequests {
		if _, err := nc.Request("amends.roofline", body, c.Timeout); err != nil {
			return err
		}
	}
	for w := range rooflineWrites {
		subject := fmt.Sprintf("%s.%d-%d", rooflineStreams[w%len(rooflineStreams)], n, w)
		m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}}
		if _, err := nc.RequestMsg(m, c.Timeout); err != nil {
			return err
		}
	}
	return nil
}
