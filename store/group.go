package store

import (
	"errors"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// maxBatch bounds an atomic batch; the server takes 1,000.
const maxBatch = 500

// group is the group commit of one bucket. While one round of writes is on its
// way the next one gathers; a round of many goes as one atomic batch, which the
// server syncs to disk once, a round of few as single writes.
type group struct {
	writer  *Writer
	batchID string

	mu      sync.Mutex
	busy    bool // a round is on its way
	waiting []*grouped
	rounds  uint64
}

// grouped is a write in a group.
type grouped struct {
	write *Write
	done  func(revision uint64, err error)
}

func (g *group) add(w *grouped) {
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	g.next()
}

// next starts a round if there is something to write and none is on its way. It
// is called with the lock held, and gives it back.
func (g *group) next() {
	if g.busy || len(g.waiting) == 0 {
		g.mu.Unlock()
		return
	}
	round, rest := split(g.waiting)
	g.waiting, g.busy = rest, true
	g.rounds++
	id := g.batchID + strconv.FormatUint(g.rounds, 36)
	g.mu.Unlock()
	if len(round) < g.writer.groupFrom {
		g.singles(round)
		return
	}
	g.batch(id, round)
}

// split takes the writes of the next round: at most maxBatch, and none on a key
// that the round has already, since a batch may check a key only once.
func split(waiting []*grouped) (round, rest []*grouped) {
	seen := make(map[string]bool, len(waiting))
	for _, w := range waiting {
		if len(round) < maxBatch && !seen[w.write.subject] {
			seen[w.write.subject] = true
			round = append(round, w)
			continue
		}
		rest = append(rest, w)
	}
	return round, rest
}

// singles sends the writes of a round one by one, without waiting in between.
func (g *group) singles(round []*grouped) {
	var left sync.WaitGroup
	left.Add(len(round))
	for _, w := range round {
		g.writer.single(w.write, func(revision uint64, err error) {
			w.done(revision, err)
			left.Done()
		})
	}
	go func() {
		left.Wait()
		g.finish()
	}()
}

// batch sends a round as one atomic batch. The server refuses a batch as a whole
// and does not say for which write: the round is then repeated one by one, which
// finds out.
func (g *group) batch(id string, round []*grouped) {
	nc := g.writer.nc
	last := len(round) - 1
	for i, w := range round {
		m := w.write.message("")
		m.Header["Nats-Batch-Id"] = []string{id}
		m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		if i < last {
			if err := nc.PublishMsg(m); err != nil {
				// The batch is never committed, so nothing of it is stored.
				g.singles(round)
				return
			}
			continue
		}
		m.Header["Nats-Batch-Commit"] = []string{"1"}
		g.writer.publish(m, func(ack jetstream.PubAck, err error) { g.settle(round, ack, err) })
	}
}

func (g *group) settle(round []*grouped, ack jetstream.PubAck, err error) {
	if err != nil && !errors.Is(err, ErrUnknown) {
		g.singles(round)
		return
	}
	first := ack.Sequence - uint64(len(round)) + 1
	for i, w := range round {
		w.done(first+uint64(i), err)
	}
	g.finish()
}

func (g *group) finish() {
	g.mu.Lock()
	g.busy = false
	g.next()
}
