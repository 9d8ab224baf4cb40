package inventory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"
	"amends/store"
	"amends/worker/workertest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// BenchmarkRecordPerSKU holds the sales of BenchmarkFlashSale with the inventory
// that was not chosen (docs/adr/0014): a record per SKU says what is on hand and
// what is reserved, and each reservation changes it together with a record of its
// own, in an atomic batch. Whatever waits for the same SKU goes into one batch.
func BenchmarkRecordPerSKU(b *testing.B) {
	for _, durability := range []struct {
		name  string
		every time.Duration
	}{{"interval", 100 * time.Millisecond}, {"disk", 0}} {
		for _, replicas := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/replicas=%d", durability.name, replicas), func(b *testing.B) {
				m := &market{n: workertest.SyncedServer(b, durability.every), subject: candidateSubject}
				var first *candidate
				for range replicas {
					first = openCandidate(b, m.n)
				}
				m.deliver = first.deliver
				m.bench(b)
			})
		}
	}
}

const (
	candidateSubject, candidateBucket = "candidate.reserve", "CANDIDATE"
	// candidateBatches bounds the batches on their way: the server takes 50 of one
	// stream.
	candidateBatches = 16
)

// candidate is one replica of the inventory that was not chosen. It decides as
// little as a benchmark needs: nothing is released, and no verdict remembered.
type candidate struct {
	b      *testing.B
	writer *store.Writer
	bucket *store.Bucket
	room   chan struct{}

	mu   sync.Mutex
	rows map[string]*candidateRow
}

// candidateRow is a SKU as one replica knows it, and who waits for it.
type candidateRow struct {
	OnHand, Reserved int64
	revision         uint64
	known, busy      bool
	waiting          []*nats.Msg
}

func openCandidate(b *testing.B, n *workertest.NATS) *candidate {
	b.Helper()
	cfg := n.Config(b)
	bucket, err := store.Open(soon(b), cfg.Writer, store.Config{Name: candidateBucket})
	must(b, err)
	c := &candidate{
		b: b, writer: cfg.Writer, bucket: bucket, room: make(chan struct{}, candidateBatches), rows: make(map[string]*candidateRow),
	}
	_, err = cfg.Conn.QueueSubscribe(candidateSubject, "candidate", c.take)
	must(b, err)
	must(b, cfg.Conn.Flush())
	return c
}

func (c *candidate) deliver(b *testing.B, stock []inventory.Stock) {
	for _, s := range stock {
		value, err := json.Marshal(candidateRow{OnHand: s.OnHand})
		must(b, err)
		_, err = c.bucket.Put(soon(b), store.Write{Key: "stock." + s.SKU, Value: value, Any: true})
		must(b, err)
	}
}

// take lets a command wait for its SKU.
func (c *candidate) take(m *nats.Msg) {
	var cmd protocol.ReserveInventory
	if err := json.Unmarshal(m.Data, &cmd); err != nil {
		c.b.Error(err)
		return
	}
	sku := cmd.Items[0].SKU
	c.mu.Lock()
	defer c.mu.Unlock()
	row := c.rows[sku]
	if row == nil {
		row = &candidateRow{}
		c.rows[sku] = row
	}
	row.waiting = append(row.waiting, m)
	if !row.busy {
		row.busy = true
		go c.serve(sku, row)
	}
}

// serve serves all who wait for a SKU, a batch at a time.
func (c *candidate) serve(sku string, row *candidateRow) {
	for {
		c.room <- struct{}{}
		c.mu.Lock()
		group := row.waiting[:min(len(row.waiting), store.MaxBatch-1)]
		row.waiting = row.waiting[len(group):]
		row.busy = len(group) > 0
		c.mu.Unlock()
		for len(group) > 0 && !c.store(sku, row, group) {
		}
		<-c.room
		if len(group) == 0 {
			return
		}
	}
}

// store decides a group and stores it, unless another replica was faster.
func (c *candidate) store(sku string, row *candidateRow, group []*nats.Msg) (done bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !row.known {
		entry, err := c.bucket.Get(ctx, "stock."+sku)
		if err == nil {
			err = json.Unmarshal(entry.Value, row)
		}
		if err != nil {
			c.b.Error(err)
			return true
		}
		row.revision, row.known = entry.Revision, true
	}
	accepted := min(int64(len(group)), row.OnHand-row.Reserved)
	if accepted > 0 {
		after := candidateRow{OnHand: row.OnHand, Reserved: row.Reserved + accepted}
		sequence, err := c.writer.PublishBatchWait(ctx, c.batch(sku, after, row.revision, group[:accepted]))
		if err != nil {
			row.known = false
			if !errors.Is(err, store.ErrConflict) {
				c.b.Error(err)
			}
			return !errors.Is(err, store.ErrConflict)
		}
		row.Reserved, row.revision = after.Reserved, sequence-uint64(accepted)
	}
	for i, m := range group {
		answer := protocol.SuffixOK
		if int64(i) >= accepted {
			answer = inventory.ReasonOutOfStock
		}
		_ = m.Respond([]byte(answer))
	}
	return true
}

// batch is the row of a SKU, and a record for each reservation.
func (c *candidate) batch(sku string, after candidateRow, revision uint64, group []*nats.Msg) []*nats.Msg {
	value, err := json.Marshal(after)
	if err != nil {
		c.b.Error(err)
	}
	message := func(key string, value []byte, revision uint64) *nats.Msg {
		m := nats.NewMsg(protocol.BucketSubject(candidateBucket, key))
		m.Data = value
		m.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(revision, 10)}
		return m
	}
	batch := []*nats.Msg{message("stock."+sku, value, revision)}
	for _, m := range group {
		var cmd protocol.ReserveInventory
		if err := json.Unmarshal(m.Data, &cmd); err != nil {
			c.b.Error(err)
		}
		batch = append(batch, message("reservation."+cmd.SagaID, m.Data, 0))
	}
	return batch
}
